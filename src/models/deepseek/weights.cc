#include "models/deepseek/weights.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"

namespace fathom::deepseek {
namespace {

bool IsSingle(Format format) { return RowOf(format).block_elements == 1; }

// Where a format's values may stand alone: without scales apart from them.
bool IsPlain(Format format) {
  return format == Format::kF32 || format == Format::kF16 || format == Format::kBF16;
}

// The scales of rows first_row .. first_row + rows - 1 of a matrix, or of their transpose, as
// scales of a matrix of its own. Its blocks begin with its first row, so along the rows they are
// the largest that do not straddle the given ones.
BlockScales ScalesOfRows(const Linear& joint, int64_t first_row, int64_t rows, bool transpose) {
  const ScaleGrid grid = joint.scales.grid();
  if (grid.scales == nullptr) return {};
  const int64_t step = std::gcd(grid.block_rows, first_row);  // gcd(x, 0) is x
  const int64_t width = (joint.in_features() + grid.block_columns - 1) / grid.block_columns;
  const int64_t height = (rows + step - 1) / step;
  BlockScales scales;
  scales.block_rows = transpose ? grid.block_columns : step;
  scales.block_columns = transpose ? step : grid.block_columns;
  scales.owned.resize(static_cast<std::size_t>(height * width));
  for (int64_t i = 0; i < height; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const int64_t to = transpose ? j * height + i : i * width + j;
      scales.owned[static_cast<std::size_t>(to)] =
          grid.scales[(first_row + i * step) / grid.block_rows * width + j];
    }
  }
  return scales;
}

// to[columns][rows] = the transpose of from[rows][columns], values of kSize bytes at any alignment.
// A tile of rows is read side by side, so that whole runs of it are written: R1 has half a billion
// values to move when it is loaded.
template <std::size_t kSize>
void Transpose(const std::byte* from, int64_t rows, int64_t columns, std::byte* to) {
  constexpr int64_t kTile = 16;
  for (int64_t first = 0; first < rows; first += kTile) {
    const int64_t count = std::min(kTile, rows - first);
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = first; r < first + count; ++r) {
        std::memcpy(to + static_cast<std::size_t>(c * rows + r) * kSize,
                    from + static_cast<std::size_t>(r * columns + c) * kSize, kSize);
      }
    }
  }
}

// The key matrix of a head, whose rows begin at first_row of the joint matrix, transposed: {latent,
// nope}, as stored or decoded to float32.
void TransposeKeys(const LatentAttentionShape& shape, const Linear& joint, int64_t first_row,
                   Format format, std::byte* to) {
  const std::byte* from = joint.weight.row(first_row);
  std::vector<float> decoded;
  if (format != joint.weight.format) {
    decoded.resize(static_cast<std::size_t>(shape.nope * shape.latent));
    for (int64_t d = 0; d < shape.nope; ++d) {
      DecodeRow(joint, first_row + d, decoded.data() + d * shape.latent);
    }
    from = reinterpret_cast<const std::byte*>(decoded.data());
  }
  switch (BytesOf(format, 1)) {
    case 1:
      return Transpose<1>(from, shape.nope, shape.latent, to);
    case 2:
      return Transpose<2>(from, shape.nope, shape.latent, to);
    default:
      return Transpose<4>(from, shape.nope, shape.latent, to);
  }
}

std::string PrefixOf(const ModelFile& file, int64_t layer) {
  const bool gguf = file.kind() == ModelFileKind::kGguf;
  return (gguf ? "blk." : "model.layers.") + std::to_string(layer) + ".";
}

bool HasLayer(const ModelFile& file, int64_t layer) {
  const std::string prefix = PrefixOf(file, layer);
  return std::any_of(file.tensors().begin(), file.tensors().end(),
                     [&](const NamedTensor& tensor) { return tensor.name.starts_with(prefix); });
}

// A layer that predicts a further token is one like the others with these beside it. Without them
// it is one of the model's own, which a wrong count would leave out.
void RequirePredictingLayers(const ModelFile& file, const Config& config) {
  const std::string part = file.kind() == ModelFileKind::kGguf ? "nextn." : "";
  for (int64_t layer = config.layers; layer < config.layers + config.mtp_layers; ++layer) {
    if (!HasLayer(file, layer)) continue;
    const std::string prefix = PrefixOf(file, layer) + part;
    file.RequireTensor(prefix + "eh_proj.weight", {config.hidden, 2 * config.hidden});
    file.RequireTensor(prefix + "enorm.weight", {config.hidden});
    file.RequireTensor(prefix + "hnorm.weight", {config.hidden});
  }
}

}  // namespace

Linear MatrixOf(const TensorView& stack, int64_t index) {
  Linear layer;
  // Files that are only described have no data.
  layer.weight = {stack ? stack.data + index * stack.shape[1] * stack.row_bytes() : nullptr,
                  stack.format,
                  2,
                  {stack.shape[1], stack.shape[2]}};
  return layer;
}

Linear RowsOf(const TensorView& view, int64_t first_row, int64_t rows) {
  Linear layer;
  layer.weight = {view ? view.row(first_row) : nullptr, view.format, 2, {rows, view.columns()}};
  return layer;
}

void SplitHeads(const LatentAttentionShape& shape, const Linear& joint, BindDepth depth,
                LayerWeights& layer) {
  const TensorView& from = joint.weight;
  const Format format = IsSingle(from.format) ? from.format : Format::kF32;
  const int64_t head_bytes = BytesOf(format, shape.latent * shape.nope);
  const bool values = depth == BindDepth::kValues;
  if (values) {
    layer.derived.emplace(static_cast<std::size_t>(shape.heads * head_bytes),
                          "transposed key matrices");
  }
  for (int64_t head = 0; head < shape.heads; ++head) {
    const int64_t first = head * (shape.nope + shape.value);
    Linear key;
    key.weight = {nullptr, format, 2, {shape.latent, shape.nope}};
    Linear value = RowsOf(from, first + shape.nope, shape.value);
    if (values) {
      std::byte* to = layer.derived->data() + head * head_bytes;
      TransposeKeys(shape, joint, first, format, to);
      key.weight.data = to;
      if (format == from.format) key.scales = ScalesOfRows(joint, first, shape.nope, true);
      value.scales = ScalesOfRows(joint, first + shape.nope, shape.value, false);
    }
    layer.heads.keys.push_back(std::move(key));
    layer.heads.values.push_back(std::move(value));
  }
}

TensorView BindEmbedding(const ModelFile& file, const std::string& name, const Config& config) {
  const TensorView& view = file.RequireTensor(name, {config.vocabulary, config.hidden});
  if (IsSingle(view.format) && !IsPlain(view.format)) {
    file.FailTensor(name, "is stored as " + std::string(RowOf(view.format).name) +
                              ", expected F32, F16 or BF16");
  }
  return view;
}

void CheckMixture(const ModelFile& file, const MixtureWeights& mixture, int64_t layer) {
  const auto refuse = [&](const std::string& what, const std::string& hint = {}) {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": in layer " + std::to_string(layer) + " " + what, hint);
  };
  const auto name = [](const Linear& matrix) {
    return std::string(RowOf(matrix.weight.format).name);
  };
  if (!IsPlain(mixture.router.weight.format)) {
    refuse("the router is stored as " + name(mixture.router) +
           ", expected F32, F16 or BF16: rounding it sends tokens to other experts");
  }
  const GatedLinears& like = mixture.experts.front();
  for (std::size_t e = 0; e < mixture.experts.size(); ++e) {
    for (const auto& [what, part] :
         {std::pair{"gate", &GatedLinears::gate}, std::pair{"up", &GatedLinears::up},
          std::pair{"down", &GatedLinears::down}}) {
      const Linear& matrix = mixture.experts[e].*part;
      if (matrix.weight.format == (like.*part).weight.format) continue;
      refuse(std::string("the ") + what + " matrix of expert " + std::to_string(e) +
             " is stored as " + name(matrix) + " and that of expert 0 as " + name(like.*part) +
             ", expected one format for all experts");
    }
  }
  if (IsSingle(like.gate.weight.format) != IsSingle(like.up.weight.format)) {
    refuse("the experts' gate matrices are stored as " + name(like.gate) +
               " and their up matrices as " + name(like.up) +
               ": in one of them values stand alone, in the other in blocks",
           "gate and up of experts are multiplied together: both alone, or both in blocks");
  }
}

Weights BindWeights(const ModelFile& file, const Config& config, BindDepth depth) {
  RequirePredictingLayers(file, config);
  return file.kind() == ModelFileKind::kGguf ? BindGguf(file, config, depth)
                                             : BindHf(file, config, depth);
}

bool HasMtpWeights(const ModelFile& file, const Config& config) {
  return config.mtp_layers > 0 && HasLayer(file, config.layers);
}

MtpWeights BindMtpWeights(const ModelFile& file, const Config& config, BindDepth depth) {
  if (config.mtp_layers != 1) {
    throw Error(ErrorCode::kUnsupported, file.path().string() + ": it has " +
                                             std::to_string(config.mtp_layers) +
                                             " layers that predict further tokens, expected 1");
  }
  return file.kind() == ModelFileKind::kGguf ? BindMtpGguf(file, config, depth)
                                             : BindMtpHf(file, config, depth);
}

}  // namespace fathom::deepseek
