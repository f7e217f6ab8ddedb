// Feeds any bytes to the readers of a model directory's JSON: as an index of shards, and as a
// config.json that an architecture is then bound from. What is accepted must name no file outside
// the directory; all else is refused with fathom::Error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "formats/hf_json.h"
#include "models/model.h"

namespace {

void CheckMessage(const fathom::Error& error, std::string_view start) {
  const std::string& message = error.message();
  CHECK(message.starts_with(start));
  CHECK(std::none_of(message.begin(), message.end(), [](char c) { return c < ' ' || c > '~'; }));
}

void ReadIndex(std::string_view text) {
  try {
    const fathom::ShardIndex index = fathom::ParseShardIndex(text, "index");
    for (const std::string& file : index.files) {
      CHECK(file.find('/') == std::string::npos && file.front() != '.');
      CHECK(file.ends_with(".safetensors"));
    }
    for (const auto& [tensor, shard] : index.shard_of) {
      CHECK(shard >= 0 && static_cast<std::size_t>(shard) < index.files.size());
    }
  } catch (const fathom::Error& error) {
    CheckMessage(error, "index: ");
  }
}

void ReadConfig(std::string_view text) {
  fathom::ModelFile::Metadata metadata;
  try {
    fathom::FlattenJson(text, "config", "", metadata);
  } catch (const fathom::Error& error) {
    CheckMessage(error, "config: ");
    return;
  }
  // A ModelFile needs a file to map; its content is never looked at, for it has only an embedding.
  std::vector<fathom::MappedFile> shards;
  shards.push_back(fathom::MappedFile::Open("/proc/self/exe"));
  static const std::vector<float> embedding(8 * 8);
  fathom::NamedTensor tensor;
  tensor.name = "model.embed_tokens.weight";
  tensor.view = {
      reinterpret_cast<const std::byte*>(embedding.data()), fathom::Format::kF32, 2, {8, 8}};
  const fathom::ModelFile file(std::move(shards), std::move(metadata), {std::move(tensor)},
                               fathom::ModelFileKind::kHuggingFace, "fuzz");
  try {
    fathom::BindModel(file);
  } catch (const fathom::Error& error) {
    CheckMessage(error, "");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadIndex(text);
  ReadConfig(text);
  return 0;
}
