// Hugging Face directories: shards, and the index that names the shard of every tensor.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "convert/part_folder.h"
#include "convert/random_writer.h"
#include "convert/shape.h"
#include "convert/synth.h"
#include "convert/tiny_vocabulary.h"
#include "formats/safetensors_writer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// The size of DeepSeek-R1's shards: with it that model has its 163.
constexpr uint64_t kShardBytes = 4'250'000'000;

struct StoredTensor {
  RandomTensor values;
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
};

struct Shard {
  std::string file;
  std::vector<StoredTensor> tensors;
  uint64_t data_bytes = 0;
  std::string header;  // with its length in front
};

// ---- Tensors -----------------------------------------------------------------------------------

Format FormatOf(TensorKind kind, Format type) {
  if (kind == TensorKind::kRouterBias) return Format::kF32;  // its rounding would change routing
  if (type != Format::kF8_E4M3) return type;
  return kind == TensorKind::kMatrix ? Format::kF8_E4M3 : Format::kBF16;
}

StoredTensor Stored(const std::string& name, const std::vector<int64_t>& shape, Format format,
                    double deviation, double mean) {
  int64_t elements = 1;
  for (const int64_t dimension : shape) elements *= dimension;
  return {{name, format, deviation, mean}, shape, static_cast<uint64_t>(BytesOf(format, elements))};
}

std::vector<StoredTensor> StoredTensors(const ModelShape& shape, Format type, SynthReport& report) {
  constexpr double kFp8ScaleSpread = 0.1;  // of FP8 scales, relative
  std::vector<StoredTensor> tensors;
  for (const DirectoryTensor& tensor : PlanModel(shape, !shape.tied_head).directory) {
    const Format format = FormatOf(tensor.kind, type);
    const bool scaled = format == Format::kF8_E4M3;
    tensors.push_back(Stored(tensor.name, tensor.shape, format,
                             scaled ? kFloat8Deviation : tensor.deviation, MeanOf(tensor.kind)));
    int64_t elements = 1;
    for (const int64_t dimension : tensor.shape) elements *= dimension;
    report.parameters += elements;
    if (!scaled) continue;
    std::vector<int64_t> grid = tensor.shape;
    for (int64_t& side : grid) side = (side + shape.scale_block - 1) / shape.scale_block;
    double scale = tensor.deviation / kFloat8Deviation;
    double spread = kFp8ScaleSpread * scale;
    if (shape.power_scales) {
      scale = std::exp2(std::round(std::log2(scale)));
      spread = 0;
    }
    tensors.push_back(Stored(tensor.name + "_scale_inv", grid, Format::kF32, spread, scale));
  }
  report.tensors = tensors.size();
  return tensors;
}

// ---- Shards ------------------------------------------------------------------------------------

std::string HeadOf(const Shard& shard) {
  std::vector<SafetensorsEntry> entries;
  for (const StoredTensor& tensor : shard.tensors) {
    entries.push_back({tensor.values.name, tensor.values.format, tensor.shape});
  }
  return SafetensorsHead(entries);
}

std::vector<Shard> IntoShards(std::vector<StoredTensor> tensors) {
  std::vector<Shard> shards(1);
  for (StoredTensor& tensor : tensors) {
    if (shards.back().data_bytes + tensor.bytes > kShardBytes && !shards.back().tensors.empty()) {
      shards.emplace_back();
    }
    shards.back().data_bytes += tensor.bytes;
    shards.back().tensors.push_back(std::move(tensor));
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    char name[64] = "model.safetensors";
    if (shards.size() > 1) {
      std::snprintf(name, sizeof name, "model-%05zu-of-%06zu.safetensors", i + 1, shards.size());
    }
    shards[i].file = name;
    shards[i].header = HeadOf(shards[i]);
  }
  return shards;
}

std::string IndexJson(const std::vector<Shard>& shards) {
  Json map = Json::object();
  uint64_t total = 0;
  for (const Shard& shard : shards) {
    total += shard.data_bytes;
    for (const StoredTensor& tensor : shard.tensors) map[tensor.values.name] = shard.file;
  }
  return DumpJson(Json{{"metadata", Json{{"total_size", total}}}, {"weight_map", std::move(map)}},
                  1) +
         "\n";
}

// ---- The other files ---------------------------------------------------------------------------

std::string ConfigJson(const SynthOptions& options, const ModelShape& shape) {
  OrderedJson config = ParseOrderedJson(ShapeText(options.shape), options.shape);
  config["num_hidden_layers"] = shape.layers;
  config.erase("dtype");
  config["torch_dtype"] = options.type == Format::kF32   ? "float32"
                          : options.type == Format::kF16 ? "float16"
                                                         : "bfloat16";
  if (options.type != Format::kF8_E4M3) {
    config.erase("quantization_config");
  } else if (!config.contains("quantization_config")) {
    config["quantization_config"] = {{"activation_scheme", "dynamic"},
                                     {"fmt", "e4m3"},
                                     {"quant_method", "fp8"},
                                     {"weight_block_size", {shape.scale_block, shape.scale_block}}};
  }
  return config.dump(2) + "\n";
}

void WriteText(const fs::path& path, const std::string& text, SynthReport& report) {
  if (text.empty()) return;
  PartFile file(path, text.size(), "");
  file.Write(0, std::as_bytes(std::span(text)));
  file.Publish();
  report.bytes += text.size();
  ++report.files;
}

void WriteShard(const fs::path& folder, const Shard& shard, bool ghost, RandomWriter& writer) {
  PartFile file(folder / shard.file, shard.header.size() + shard.data_bytes, "",
                ghost ? Room::kHoles : Room::kChecked);
  file.Write(0, std::as_bytes(std::span(shard.header)));
  uint64_t offset = shard.header.size();
  for (const StoredTensor& tensor : shard.tensors) {
    if (!ghost) writer.Write(file, offset, tensor.bytes, tensor.values);
    offset += tensor.bytes;
  }
  file.Finish();
  file.Publish();
}

}  // namespace

SynthReport WriteSyntheticDirectory(const SynthOptions& options, const fs::path& path) {
  const Format type = options.type;
  if (type != Format::kF32 && type != Format::kF16 && type != Format::kBF16 &&
      type != Format::kF8_E4M3) {
    throw Error(ErrorCode::kUnsupported,
                "a directory holds F32, F16, BF16 or FP8, not " + std::string(RowOf(type).name),
                "NAME.gguf as the destination makes a GGUF file");
  }
  ModelShape shape = ShapeOf(options);
  if (type == Format::kF8_E4M3 && shape.architecture != Architecture::kDeepSeek) {
    throw Error(ErrorCode::kUnsupported, "only DeepSeek's architectures are stored in FP8");
  }
  constexpr int64_t kUsualBlock = 128;
  if (shape.scale_block == 0) shape.scale_block = kUsualBlock;
  CheckDestination(path, /*folder=*/true, Overwrite::kRefuse);

  SynthReport report;
  const std::vector<Shard> shards = IntoShards(StoredTensors(shape, type, report));
  uint64_t data = 0;
  for (const Shard& shard : shards) {
    data += shard.data_bytes;
    report.bytes += shard.header.size() + shard.data_bytes;
  }
  report.files = shards.size();
  if (!options.ghost) {
    CheckFreeSpace(path.has_parent_path() ? path.parent_path() : fs::path("."), report.bytes);
  }
  PartFolder folder(path);
  RandomWriter writer(options, data);
  WriteText(folder.path() / "config.json", ConfigJson(options, shape), report);
  const TinyVocabulary vocabulary = MakeTinyVocabulary(shape);
  WriteText(folder.path() / "tokenizer.json", TokenizerJson(vocabulary), report);
  WriteText(folder.path() / "tokenizer_config.json", TokenizerConfigJson(vocabulary), report);
  if (shards.size() > 1) {
    WriteText(folder.path() / "model.safetensors.index.json", IndexJson(shards), report);
  }
  for (const Shard& shard : shards) WriteShard(folder.path(), shard, options.ghost, writer);
  folder.Publish();
  return report;
}

}  // namespace fathom
