#include "models/llama/config.h"

#include <string>

#include "base/error.h"

namespace fathom::llama {

Config ParseConfig(const ModelFile& file, const Family& family) {
  return file.kind() == ModelFileKind::kGguf ? ParseGgufConfig(file, family)
                                             : ParseHfConfig(file, family);
}

int64_t HeadSize(const ConfigReader& reader, std::string_view size_key, std::string_view hidden_key,
                 const Config& config) {
  const int64_t heads = config.attention.heads;
  if (!reader.Has(size_key) && config.hidden % heads != 0) {
    reader.file().FailKey(reader.Key(hidden_key),
                          "is " + std::to_string(config.hidden) +
                              ", expected a multiple of the number of heads, which is " +
                              std::to_string(heads));
  }
  return reader.CountOr(size_key, config.hidden / heads, kMaxHeadDim);
}

void CheckHeads(const ConfigReader& reader, std::string_view heads_key,
                std::string_view kv_heads_key, const Config& config) {
  const GroupedAttentionShape& shape = config.attention;
  if (shape.heads % shape.kv_heads != 0) {
    reader.file().FailKey(reader.Key(heads_key),
                          "is " + std::to_string(shape.heads) + ", expected a multiple of " +
                              QuotedName(reader.Key(kv_heads_key)) + ", which is " +
                              std::to_string(shape.kv_heads));
  }
  if (shape.head_dim < 1 || shape.head_dim > kMaxHeadDim || shape.head_dim % 8 != 0) {
    throw Error(ErrorCode::kUnsupported,
                reader.file().path().string() + ": heads of " + std::to_string(shape.head_dim) +
                    " values, expected a multiple of 8 up to " + std::to_string(kMaxHeadDim));
  }
}

int64_t EmbeddingRows(const ModelFile& file, std::string_view tensor) {
  const NamedTensor* embedding = file.FindTensor(tensor);
  if (embedding == nullptr) file.Fail("tensor " + QuotedName(tensor) + " is missing");
  return embedding->view.shape[0];
}

void CheckVocabulary(const ConfigReader& reader, std::string_view key, int64_t declared,
                     const Config& config) {
  if (declared == config.vocabulary) return;
  reader.file().FailKey(reader.Key(key), "is " + std::to_string(declared) +
                                             ", but the embedding has " +
                                             std::to_string(config.vocabulary) + " rows");
}

}  // namespace fathom::llama
