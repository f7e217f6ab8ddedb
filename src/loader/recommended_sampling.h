// How the authors of a model advise to sample from it.
#pragma once

namespace fathom {

// Where neither the catalogue nor the model's files say anything: DeepSeek's advice for R1 and its
// distills (the usage recommendations of the DeepSeek-R1 model card).
struct RecommendedSampling {
  double temperature = 0.6;  // at least 0
  double top_p = 0.95;       // 0 to 1
};

}  // namespace fathom
