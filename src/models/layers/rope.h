// Frequencies of the rotary embedding (RoFormer, arXiv 2104.09864) under the scalings that model
// files name.
#pragma once

#include <cstdint>
#include <vector>

namespace fathom {

enum class RopeScaling : uint8_t { kNone, kLinear, kYarn };

struct RopeSpec {
  int64_t rotary_dim = 0;  // rotated values per head; even
  double base = 10000.0;   // "rope.freq_base", theta
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;  // "rope.scaling.factor"
  // YaRN only (arXiv 2309.00071):
  int64_t original_context = 0;  // "rope.scaling.original_context_length"
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double attention_factor = 1.0;  // multiplies the 0.1 ln(factor) + 1 of section 3.4
  bool whole_corrections = true;  // the ramp begins and ends at whole frequency indices
  // Divisors per frequency (a "rope_freqs.weight" tensor, llama3 scaling); empty: none.
  std::vector<float> frequency_divisors;
};

// 0.1 mscale ln(factor) + 1 (arXiv 2309.00071, section 3.4, with DeepSeek's mscale): how much
// longer contexts sharpen attention; 1 where the context is not extended.
double YarnMagnitude(double factor, double mscale);

class RopeTable {
 public:
  explicit RopeTable(const RopeSpec& spec);

  int64_t rotary_dim() const { return 2 * static_cast<int64_t>(frequencies_.size()); }

  // cos and sin of every frequency at `position`, rotary_dim / 2 each, times the attention factor.
  // The angle is the float32 product of position and frequency, as the reference computes it.
  void Angles(int64_t position, float* cosines, float* sines) const;

  const std::vector<float>& frequencies() const { return frequencies_; }
  float magnitude() const { return magnitude_; }

 private:
  std::vector<float> frequencies_;
  float magnitude_ = 1.0f;
};

}  // namespace fathom
