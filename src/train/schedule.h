// The learning rate of a step: linear warm-up, then half a cosine down to a share of the peak
// (Loshchilov and Hutter, arXiv 1608.03983).
#pragma once

#include <cstdint>

namespace fathom {

struct Schedule {
  double peak = 1e-3;
  double final_share = 0.1;  // of the peak, at the last step
  int64_t warmup_steps = 100;
  int64_t steps = 1000;

  double At(int64_t step) const;  // from 0 on
};

}  // namespace fathom
