#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "base/number_text.h"
#include "base/random.h"

namespace fathom {
namespace {

template <class Number>
void RequireRange(const char* name, Number value, Number low, Number high) {
  if (!(value >= low && value <= high)) {  // also refuses NaN
    throw Error(ErrorCode::kInvalidArgument, std::string(name) + " is " + NumberText(value) +
                                                 ", expected " + NumberText(low) + " to " +
                                                 NumberText(high));
  }
}

// A row that is not finite (broken weights, overflow) must not take the process with it: NaN counts
// as impossible.
float Ordered(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

// Orders ids by logit, best first, equals by id.
struct Better {
  const float* logits;
  bool operator()(int32_t a, int32_t b) const {
    const float la = Ordered(logits[a]), lb = Ordered(logits[b]);
    return la != lb ? la > lb : a < b;
  }
};

}  // namespace

void Validate(const SamplingParams& params) {
  RequireRange("temperature", params.temperature, 0.0F, 100.0F);
  RequireRange("top_k", params.top_k, int32_t{0}, std::numeric_limits<int32_t>::max());
  RequireRange("top_p", params.top_p, 0.0F, 1.0F);
  RequireRange("min_p", params.min_p, 0.0F, 1.0F);
  RequireRange("repetition_penalty", params.repetition_penalty,
               static_cast<float>(kLeastRepetitionPenalty),
               static_cast<float>(kMostRepetitionPenalty));
  RequireRange("frequency_penalty", params.frequency_penalty, -100.0F, 100.0F);
  RequireRange("presence_penalty", params.presence_penalty, -100.0F, 100.0F);
}

Sampler::Sampler(const KernelTable& kernels, int64_t vocabulary)
    : kernels_(kernels),
      vocabulary_(vocabulary),
      candidates_(static_cast<std::size_t>(vocabulary)),
      counts_(static_cast<std::size_t>(vocabulary)),
      weights_(static_cast<std::size_t>(vocabulary)) {}

void Sampler::Penalize(const SamplingParams& params, std::span<const int32_t> context,
                       int64_t prompt_size, float* logits) {
  if (params.repetition_penalty != 1.0f) {
    for (const int32_t id : context) {
      int32_t& seen = counts_[static_cast<std::size_t>(id)];
      if (seen++ > 0) continue;
      float& logit = logits[id];
      logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    }
    for (const int32_t id : context) counts_[static_cast<std::size_t>(id)] = 0;
  }
  if (params.frequency_penalty != 0 || params.presence_penalty != 0) {
    const auto reply = context.subspan(static_cast<std::size_t>(prompt_size));
    for (const int32_t id : reply) ++counts_[static_cast<std::size_t>(id)];
    for (const int32_t id : reply) {
      int32_t& count = counts_[static_cast<std::size_t>(id)];
      if (count == 0) continue;  // already done
      logits[id] -= params.presence_penalty + params.frequency_penalty * static_cast<float>(count);
      count = 0;
    }
  }
}

// Divides by the temperature. One so low that the best logit would overflow is met by the distance
// to it, of which the best one's is 0.
void Sampler::Heat(float temperature, float* logits) const {
  const float scale = std::min(1.0f / temperature, std::numeric_limits<float>::max());
  const float best = logits[kernels_.argmax(logits, vocabulary_)];
  const bool overflows = std::isfinite(best) && !std::isfinite(best * scale);
  const float zero = overflows ? best : 0.0f;
  for (int64_t i = 0; i < vocabulary_; ++i) logits[i] = (logits[i] - zero) * scale;
}

void Sampler::SortBest(const float* logits, int64_t count) {
  std::iota(candidates_.begin(), candidates_.end(), 0);
  const auto middle = candidates_.begin() + count;
  const Better better{logits};
  if (count < vocabulary_) std::nth_element(candidates_.begin(), middle, candidates_.end(), better);
  std::sort(candidates_.begin(), middle, better);
}

int64_t Sampler::SortAbove(const float* logits, double floor) {
  int64_t count = 0;
  for (int64_t id = 0; id < vocabulary_; ++id) {
    candidates_[static_cast<std::size_t>(count)] = static_cast<int32_t>(id);
    count += static_cast<double>(Ordered(logits[id])) >= floor;
  }
  std::sort(candidates_.begin(), candidates_.begin() + count, Better{logits});
  return count;
}

// Puts the ids that top-k, top-p and min-p leave, best first, into candidates_ and their
// unnormalised probabilities into weights_; returns how many. `logits` are already divided by the
// temperature. Each filter looks at the distribution the one before it left, renormalised.
int64_t Sampler::SelectCandidates(const SamplingParams& params, const float* logits) {
  const double best = Ordered(logits[kernels_.argmax(logits, vocabulary_)]);
  const auto weigh = [&](int64_t count) {
    double sum = 0;
    for (auto i = std::size_t{0}; i < static_cast<std::size_t>(count); ++i) {
      weights_[i] = std::exp(static_cast<double>(Ordered(logits[candidates_[i]])) - best);
      sum += weights_[i];
    }
    return sum;
  };
  // How many of the `count` sorted candidates top-p and min-p keep, of a whole of mass `total`.
  const auto keep = [&](int64_t count, double total) {
    double running = 0;
    int64_t kept = 0;
    for (; kept < count; ++kept) {
      const double weight = weights_[static_cast<std::size_t>(kept)];
      const bool enough = params.top_p < 1.0f && running >= params.top_p * total;
      if (kept > 0 && (enough || weight < params.min_p)) break;
      running += weight;
    }
    return kept;
  };

  if (params.top_k > 0 && params.top_k < vocabulary_) {
    SortBest(logits, params.top_k);
    return keep(params.top_k, weigh(params.top_k));
  }
  // Without top-k, what can be kept is nearly always within a few units of the best logit: only
  // when the filters keep all of that, more is looked at.
  const double total =
      params.top_p < 1.0f
          ? std::exp(static_cast<double>(kernels_.log_sum_exp(logits, vocabulary_)) - best)
          : 0.0;
  if (params.top_p < 1.0f || params.min_p > 0.0f) {
    for (const double depth : {8.0, 16.0}) {
      const int64_t count = SortAbove(logits, best - depth);
      weigh(count);
      const int64_t kept = keep(count, total);
      if (kept < count) return kept;
    }
  }
  if (params.top_p < 1.0f || params.min_p > 0.0f) {
    SortAbove(logits, -std::numeric_limits<double>::infinity());
  } else {
    std::iota(candidates_.begin(), candidates_.end(), 0);  // all stay: their order does not matter
  }
  weigh(vocabulary_);
  return keep(vocabulary_, total);
}

int32_t Sampler::Sample(const SamplingParams& params, std::span<const int32_t> context,
                        int64_t prompt_size, float* logits) {
  Penalize(params, context, prompt_size, logits);
  if (params.temperature == 0 || params.top_k == 1) {
    return static_cast<int32_t>(kernels_.argmax(logits, vocabulary_));
  }
  Heat(params.temperature, logits);
  const int64_t count = SelectCandidates(params, logits);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += weights_[static_cast<std::size_t>(i)];
  double left = UniformAt(params.seed, context.size()) * total;
  for (int64_t i = 0; i < count; ++i) {
    left -= weights_[static_cast<std::size_t>(i)];
    if (left < 0) return candidates_[static_cast<std::size_t>(i)];
  }
  return candidates_.front();  // rounding, or a row without any finite weight
}

float Sampler::Logprob(const float* logits, int32_t id, int32_t count,
                       std::vector<TokenLogprob>& top) {
  const float normalizer = kernels_.log_sum_exp(logits, vocabulary_);
  const int64_t wanted = std::min<int64_t>(count, vocabulary_);
  top.clear();
  if (wanted > 0) {
    SortBest(logits, wanted);
    for (int64_t i = 0; i < wanted; ++i) {
      const int32_t other = candidates_[static_cast<std::size_t>(i)];
      top.push_back({other, logits[other] - normalizer});
    }
  }
  return logits[id] - normalizer;
}

}  // namespace fathom
