#include "train/initialise.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "base/check.h"
#include "base/error.h"
#include "base/random.h"
#include "convert/random_blocks.h"

namespace fathom {
namespace {

// Element e is draw e % 4 at counter e / 4, under a key of the tensor's own.
void FillNormal(std::span<float> values, uint64_t key, double deviation) {
  for (std::size_t first = 0; first < values.size(); first += 4) {
    const uint64_t block = first / 4;
    const auto draws =
        NormalsAt(key, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0});
    const std::size_t count = std::min<std::size_t>(4, values.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      values[first + i] = static_cast<float>(deviation * draws[i]);
    }
  }
}

float VectorValue(const std::string& name) {
  if (name.ends_with(".bias")) return 0.0F;
  CHECK(name.ends_with("norm.weight"));
  return 1.0F;
}

}  // namespace

void Initialise(ParameterSet& parameters, const InitialiseOptions& options) {
  const double deviation = options.standard_deviation;
  if (!(deviation > 0) || !std::isfinite(deviation)) {
    throw Error(ErrorCode::kInvalidArgument, "the standard deviation of first values is " +
                                                 std::to_string(deviation) +
                                                 ", expected a number above 0");
  }
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const ParameterShape& shape = parameters.shapes()[i];
    if (shape.kind == ParameterKind::kVector) {
      std::ranges::fill(parameters.values(i), VectorValue(shape.name));
    } else {
      FillNormal(parameters.values(i), RandomState(options.seed, shape.name, 0), deviation);
    }
  }
}

}  // namespace fathom
