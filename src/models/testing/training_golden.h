// For tests: what PyTorch computed of training tiny models (tests/goldens/train).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/testing/golden.h"
#include "models/training/trainable.h"

namespace fathom {

struct TrainingGolden {
  Json json;
  std::unique_ptr<ModelFile> file;
  std::unique_ptr<TrainableModel> model;
  TrainingBatch batch;           // its sequences, packed
  std::vector<float> gradients;  // of all tensors behind each other

  explicit TrainingGolden(const std::string& name) {
    const std::filesystem::path folder =
        std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/train";
    const std::string text = ReadBytes(folder / (name + ".json"));
    json = ParseJson(text, name);
    const std::string bytes = ReadBytes(folder / (name + ".bin"));
    gradients.resize(bytes.size() / sizeof(float));
    std::memcpy(gradients.data(), bytes.data(), bytes.size());
    file = std::make_unique<ModelFile>(OpenGolden(name));
    model = ReadTrainable(*file);
    batch.spans.begins.push_back(0);
    for (const auto& sequence : json.at("sequences")) {
      const auto ids = sequence.get<std::vector<int32_t>>();
      batch.tokens.insert(batch.tokens.end(), ids.begin(), ids.end());
      batch.spans.begins.push_back(static_cast<int64_t>(batch.tokens.size()));
    }
  }

 private:
  static std::string ReadBytes(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
};

inline const std::vector<std::string>& TrainingGoldenNames() {
  static const std::vector<std::string> kNames = {
      "deepseek_v3",     "deepseek_nogroups", "deepseek_noqlora", "deepseek_yarn", "deepseek_heads",
      "deepseek_v2lite", "deepseek_mtp",      "hf_llama_llama3",  "qwen2_bf16",    "qwen2_tied"};
  return kNames;
}

}  // namespace fathom
