#include "models/training/parameters.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "formats/weight_check.h"
#include "models/layers/linear.h"

namespace fathom {

ParameterSet::ParameterSet(std::vector<ParameterShape> shapes) : shapes_(std::move(shapes)) {
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    CHECK(by_name_.emplace(shapes_[i].name, i).second);
    offsets_.push_back(size_);
    size_ += static_cast<std::size_t>(shapes_[i].elements());
  }
  values_ = Buffer(size_ * sizeof(float), "the parameters");
  gradients_ = Buffer(size_ * sizeof(float), "the gradients");
}

std::span<float> ParameterSet::Part(const Buffer& buffer, std::size_t index) const {
  return buffer.as<float>().subspan(offsets_[index],
                                    static_cast<std::size_t>(shapes_[index].elements()));
}

std::size_t ParameterSet::IndexOf(std::string_view name) const {
  const auto found = by_name_.find(name);
  CHECK(found != by_name_.end());
  return found->second;
}

autograd::Var ParameterSet::Leaf(autograd::Tape& tape, std::string_view name) const {
  const std::size_t index = IndexOf(name);
  return tape.Leaf(values(index).data(), gradients(index).data(), shapes_[index].rows,
                   shapes_[index].columns);
}

void ParameterSet::ClearGradients() { std::ranges::fill(gradients(), 0.0F); }

void ParameterSet::ReadFrom(const ModelFile& file) {
  constexpr std::string_view kWeight = ".weight";
  for (const NamedTensor& tensor : file.tensors()) {
    if (tensor.name.ends_with(kScaleSuffix)) CheckScales(file, tensor);
  }
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const ParameterShape& shape = shapes_[i];
    if (shape.kind == ParameterKind::kVector) {
      std::ranges::copy(BindVector(file, shape.name, shape.columns), values(i).begin());
      continue;
    }
    CHECK(shape.name.ends_with(kWeight));
    const std::string_view stem(shape.name.data(), shape.name.size() - kWeight.size());
    const Linear layer = BindLinear(file, stem, shape.rows, shape.columns);
    for (int64_t row = 0; row < shape.rows; ++row) {
      DecodeRow(layer, row, values(i).data() + row * shape.columns);
    }
  }
}

}  // namespace fathom
