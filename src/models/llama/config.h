// Hyper-parameters of the `llama` architecture, read from GGUF metadata. Every semantic key is used
// or refused; nothing is guessed.
#pragma once

#include "formats/model_file.h"
#include "models/layers/attention.h"
#include "models/layers/rope.h"

namespace fathom::llama {

struct Config {
  int64_t vocabulary = 0;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t feed_forward = 0;
  int64_t context_length = 0;
  float rms_epsilon = 0;
  GroupedAttentionShape attention;
  RopeSpec rope;
};

// Throws Error(kInvalidFile) or Error(kUnsupported) naming file, key, expected and found.
Config ParseConfig(const ModelFile& file);

}  // namespace fathom::llama
