#include "formats/weight_check.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace fathom {

void CheckScales(const ModelFile& file, const NamedTensor& scales) {
  const TensorView& view = scales.view;
  const int64_t columns = view.columns();
  std::vector<float> row(static_cast<std::size_t>(columns));
  for (int64_t r = 0; r < view.rows(); ++r) {
    RowOf(view.format).decode(view.row(r), row.data(), columns);
    const auto wrong =
        std::find_if(row.begin(), row.end(), [](float s) { return !(s > 0) || !std::isfinite(s); });
    if (wrong == row.end()) continue;
    file.FailTensor(scales.name, "holds " + std::to_string(*wrong) + " at [" + std::to_string(r) +
                                     ", " + std::to_string(wrong - row.begin()) +
                                     "], expected a positive number");
  }
}

void CheckWeights(const ModelFile& file, const std::function<bool(int64_t done)>& go_on) {
  constexpr int64_t kReportBytes = 8 << 20;
  int64_t done = 0, reported = 0;
  std::vector<float> values;
  for (const NamedTensor& tensor : file.tensors()) {
    const TensorView& view = tensor.view;
    if (tensor.name.ends_with(kScaleSuffix)) CheckScales(file, tensor);
    values.resize(static_cast<std::size_t>(view.columns()));
    for (int64_t row = 0; row < view.rows(); ++row) {
      RowOf(view.format).decode(view.row(row), values.data(), view.columns());
      const auto broken =
          std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
      if (broken != values.end()) {
        file.FailTensor(tensor.name, "holds " + std::to_string(*broken) + " in row " +
                                         std::to_string(row) + ", column " +
                                         std::to_string(broken - values.begin()) +
                                         ", expected finite numbers");
      }
      done += view.row_bytes();
      if (done - reported < kReportBytes) continue;
      reported = done;
      if (!go_on(done)) throw Error(ErrorCode::kCancelled, "stopped before all weights were read");
    }
  }
}

}  // namespace fathom
