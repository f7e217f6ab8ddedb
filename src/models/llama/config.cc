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
    reader.Fail(hidden_key, std::to_string(config.hidden),
                "a multiple of the number of heads, which is " + std::to_string(heads));
  }
  return reader.CountOr(size_key, config.hidden / heads, kMaxHeadDim);
}

void CheckHeads(const ConfigReader& reader, std::string_view heads_key,
                std::string_view kv_heads_key, const Config& config) {
  const GroupedAttentionShape& shape = config.attention;
  if (shape.heads % shape.kv_heads != 0) {
    reader.Fail(heads_key, std::to_string(shape.heads),
                "a multiple of " + QuotedName(reader.Key(kv_heads_key)) + ", which is " +
                    std::to_string(shape.kv_heads));
  }
  if (shape.head_dim < 1 || shape.head_dim > kMaxHeadDim || shape.head_dim % 8 != 0) {
    throw Error(ErrorCode::kUnsupported,
                reader.file().path().string() + ": heads of " + std::to_string(shape.head_dim) +
                    " values, expected a multiple of 8 up to " + std::to_string(kMaxHeadDim));
  }
}

}  // namespace fathom::llama
