#include "models/deepseek/weights.h"

#include <cstring>
#include <string>

#include "base/error.h"

namespace fathom::deepseek {
namespace {

bool IsSingle(Format format) { return RowOf(format).block_elements == 1; }

}  // namespace

Linear MatrixOf(const TensorView& stack, int64_t index) {
  Linear layer;
  layer.weight = {stack.data + index * stack.shape[1] * stack.row_bytes(),
                  stack.format,
                  2,
                  {stack.shape[1], stack.shape[2]}};
  return layer;
}

Linear RowsOf(const TensorView& view, int64_t first_row, int64_t rows) {
  Linear layer;
  layer.weight = {view.row(first_row), view.format, 2, {rows, view.columns()}};
  return layer;
}

void SplitHeads(const LatentAttentionShape& shape, const Linear& joint, LayerWeights& layer) {
  const TensorView& from = joint.weight;
  const bool same = from.format == Format::kF16 || from.format == Format::kBF16;
  const Format format = same ? from.format : Format::kF32;
  const auto size = static_cast<std::size_t>(BytesOf(format, 1));
  const int64_t head_bytes = BytesOf(format, shape.latent * shape.nope);
  layer.derived.emplace(static_cast<std::size_t>(shape.heads * head_bytes),
                        "transposed key matrices");
  std::vector<float> decoded(static_cast<std::size_t>(shape.latent));
  for (int64_t head = 0; head < shape.heads; ++head) {
    const int64_t first = head * (shape.nope + shape.value);
    std::byte* to = layer.derived->data() + head * head_bytes;
    for (int64_t d = 0; d < shape.nope; ++d) {
      const std::byte* row = from.row(first + d);
      if (!same) {
        DecodeRow(joint, first + d, decoded.data());
        row = reinterpret_cast<const std::byte*>(decoded.data());
      }
      for (int64_t c = 0; c < shape.latent; ++c) {
        std::memcpy(to + static_cast<std::size_t>(c * shape.nope + d) * size,
                    row + static_cast<std::size_t>(c) * size, size);
      }
    }
    Linear key;
    key.weight = {to, format, 2, {shape.latent, shape.nope}};
    layer.heads.keys.push_back(std::move(key));
    layer.heads.values.push_back(RowsOf(from, first + shape.nope, shape.value));
  }
}

void CheckMixture(const ModelFile& file, const MixtureWeights& mixture, int64_t layer) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": in layer " + std::to_string(layer) + " " + what);
  };
  if (!IsSingle(mixture.router.weight.format)) {
    refuse("the router is stored as " + std::string(RowOf(mixture.router.weight.format).name) +
           ", expected F32, F16 or BF16: rounding it sends tokens to other experts");
  }
  const GatedLinears& like = mixture.experts.front();
  for (const GatedLinears& expert : mixture.experts) {
    if (expert.gate.weight.format != like.gate.weight.format ||
        expert.up.weight.format != like.up.weight.format ||
        expert.down.weight.format != like.down.weight.format ||
        IsSingle(expert.gate.weight.format) != IsSingle(expert.up.weight.format)) {
      refuse("experts are stored in different formats, expected one for all of them");
    }
  }
}

}  // namespace fathom::deepseek
