// Hyper-parameters of DeepSeek-V2 and V3 (and R1), whatever the file calls them. Every semantic key
// is used or refused; where a GGUF may lack one, config_gguf.cc says what that means.
#pragma once

#include "formats/model_file.h"
#include "models/layers/latent_attention.h"
#include "models/layers/rope.h"
#include "models/layers/router.h"

namespace fathom::deepseek {

// Norms of the latents have an epsilon of their own in the reference, whatever the others have.
inline constexpr float kLatentEpsilon = 1e-6F;

// Limits far beyond any model of what a file may say.
inline constexpr int64_t kMostHeads = 1024;
inline constexpr int64_t kMostHeadSize = 4096;
inline constexpr int64_t kMostLayers = 4096;
inline constexpr int64_t kMostHidden = 1 << 20;
inline constexpr int64_t kMostWidth = int64_t{1} << 24;
inline constexpr int64_t kMostContext = int64_t{1} << 31;
inline constexpr int64_t kMostVocabulary = int64_t{1} << 31;

struct Config {
  int64_t vocabulary = 0;
  int64_t layers = 0;      // without those that predict further tokens
  int64_t mtp_layers = 0;  // behind them: those that do (multi-token prediction)
  int64_t hidden = 0;
  int64_t context_length = 0;
  float rms_epsilon = 0;
  int64_t query_latent = 0;  // "q_lora_rank"; 0: queries come straight from the hidden state
  LatentAttentionShape attention;
  RopeSpec rope;
  double magnitude_all = 0;  // YaRN's "mscale_all_dim", which the scale of scores has in it
  int64_t dense_layers = 0;  // the first ones have no experts
  int64_t dense_width = 0;
  int64_t expert_width = 0;
  int64_t shared_width = 0;  // of all shared experts together; 0: none
  RouterSpec router;
  bool may_tie_head = true;   // a file without a head means the embedding
  bool block_scaled = false;  // matrices may be F8_E4M3 with a scale per block
};

// Throws Error(kInvalidFile) or Error(kUnsupported) naming file, key, expected and found.
Config ParseGguf(const ModelFile& file);
Config ParseHf(const ModelFile& file);
// The same of a config.json whose tensors are not there: the vocabulary is what the key says.
Config ParseHfKeys(const ModelFile& file);
// The one of them that fits the file.
Config Parse(const ModelFile& file);

// What both kinds of files have to fulfil, once their values are in: throws the same errors.
void Validate(const ModelFile& file, const Config& config);

// The scale of scores: 1 / sqrt(size of a query head), times the square of YaRN's magnitude of
// mscale_all_dim where the context is extended.
float SoftmaxScale(const LatentAttentionShape& shape, double magnitude);

}  // namespace fathom::deepseek
