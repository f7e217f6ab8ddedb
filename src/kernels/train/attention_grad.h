// Causal softmax attention of one head over one sequence, for training: all queries at once, in
// float32, the scores of a block of queries at a time. The backward pass makes the probabilities
// anew from the sums that the forward one left. Serial: the caller splits heads and sequences over
// threads.
#pragma once

#include <cstdint>

namespace fathom {

// Queries whose scores are made at once: enough for the products, few enough that little beyond the
// diagonal is computed.
inline constexpr int64_t kQueryBlock = 64;

// Rows of one head inside larger rows, `stride` floats apart.
struct HeadRows {
  float* data;
  int64_t stride;
  int64_t size;  // of the head
};

struct AttentionHead {
  int64_t tokens;
  float scale;       // of the scores, before softmax
  HeadRows queries;  // [tokens][size]
  HeadRows keys;     // [tokens][size]
  HeadRows values;   // [tokens][size of a value]
  HeadRows out;      // [tokens][size of a value]
  float* log_sums;   // of the exponentials of a query's scores; `log_sum_stride` floats apart
  int64_t log_sum_stride;
};

// Where gradients are added to; `out` is read. Null data: that gradient is not wanted.
struct AttentionHeadGrads {
  HeadRows queries, keys, values, out;
};

// Floats of scratch that either function needs.
constexpr int64_t AttentionScratch(int64_t tokens) { return 2 * kQueryBlock * tokens; }

// Writes out and log_sums.
void AttendCausally(const AttentionHead& head, float* scratch) noexcept;

void AttendCausallyBackward(const AttentionHead& head, const AttentionHeadGrads& grads,
                            float* scratch) noexcept;

}  // namespace fathom
