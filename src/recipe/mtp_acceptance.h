// How often the layer that predicts one token further (arXiv 2412.19437, section 2.2) is right
// about the model itself: the share of second tokens that decoding with it would accept (section
// 5.4.3). Not for: decoding, or what is accepted of tokens that are sampled.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "models/training/trainable.h"

namespace fathom {

struct JudgedSequence {
  std::vector<int32_t> tokens;
  int64_t begin = 0;  // tokens from here on are judged: those of a reply behind its prompt
};

struct MtpAcceptance {
  int64_t judged = 0;
  int64_t accepted = 0;
  double share() const {
    return judged == 0 ? 0 : static_cast<double>(accepted) / static_cast<double>(judged);
  }
};

// Of the token at position i (at least 2, and at least the sequence's `begin`), the layer's most
// likely one, given all tokens before i and the model's states up to i - 2, is accepted when it is
// the model's most likely one, given all tokens before i. Of equals, the smallest id is the most
// likely. Sequences go through the model in passes of at most `batch_tokens` tokens, or alone.
// Throws Error(kUnsupported) for a model without such a layer, Error(kInvalidArgument) for a token
// outside the vocabulary, and Error(kCancelled) between two passes once `cancelled` (may be null)
// is set.
MtpAcceptance MeasureMtpAcceptance(TrainableModel& model, std::span<const JudgedSequence> sequences,
                                   ThreadPool& pool, int64_t batch_tokens = 4096,
                                   const CancelFlag* cancelled = nullptr);

}  // namespace fathom
