// What the planner knows of a model: groups of weights and how often a token uses them, the shape
// of its attention, a few sizes. Architectures describe themselves this way (models/outline.h);
// nothing here knows one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "tensor/format.h"

namespace fathom {

// In the order in which they are worth memory: what every token reads, then what some tokens read.
enum class WeightRole : uint8_t {
  kNorms,
  kAttention,
  kRouter,
  kSharedExperts,
  kDense,  // feed-forward without experts
  kHead,
  kRoutedExperts,
  kEmbedding,   // a row per token
  kPrediction,  // layers that predict further tokens; not needed for the next one
  kUnused,      // copies in another layout, and what follows from the configuration
};
inline constexpr int kWeightRoleCount = 10;

// "attention", "routed experts", ...: for people.
std::string_view RoleName(WeightRole role);
// "attention", "routed_experts", ...: stable, for programs.
std::string_view RoleKey(WeightRole role);

// Matrices of one kind, format and shape from all layers (a vector is a matrix of one row). Of
// every `choices` of them a token uses `used`: 1 of 1, or 8 of 256 experts, or 1 of the rows of a
// table.
struct WeightGroup {
  std::string name;  // as the file has it, layer and expert left out: "ffn_gate_exps"
  WeightRole role = WeightRole::kUnused;
  Format format = Format::kF32;
  int64_t rows = 0;  // output features of one matrix
  int64_t columns = 0;
  int64_t matrices = 0;
  int64_t choices = 1;
  int64_t used = 1;
  // Matrices that one token multiplies in one parallel loop: heads, the experts it uses.
  int64_t together = 1;
  int64_t rows_at_once = 0;  // activation rows that share one reading of the weights; 0: all
  int64_t parameters = 0;    // of all matrices
  int64_t bytes = 0;         // in the files, with the scales that belong to them
  // What products read instead of the file, where loading makes it: `format` is its format. It
  // stays in memory besides.
  int64_t made_bytes = 0;
  bool multiplied = true;  // false: looked up, or added to and scaled by

  bool chosen() const { return choices > 1; }
  double share_per_token() const {
    return static_cast<double>(used) / static_cast<double>(choices);
  }
  int64_t bytes_read() const { return made_bytes > 0 ? made_bytes : bytes; }
};

// Attention over the cache, as the kernels see it (kernels.h).
struct AttentionOutline {
  bool latent = false;
  int64_t heads = 0;
  int64_t kv_heads = 0;     // of grouped-query attention
  int64_t head_dim = 0;     // of grouped-query attention
  int64_t width = 0;        // of latent attention: values in the cache per token and layer
  int64_t value_width = 0;  // of latent attention: of them, those that are averaged

  int64_t values_per_token() const { return latent ? width : 2 * kv_heads * head_dim; }
  int64_t layer_page_bytes(CacheType type) const {
    return latent ? LatentSliceBytes(type, width) : kv_heads * CacheSliceBytes(type, head_dim);
  }
};

struct ModelOutline {
  std::string name;  // of the file or directory
  std::string architecture;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t vocabulary = 0;
  int64_t context_length = 0;
  // Values per layer that go through the activation function for one token, the mean of the layers.
  int64_t feed_forward_width = 0;
  AttentionOutline attention;
  std::vector<WeightGroup> groups;
};

// Sums over the groups of a role, or of all that the model runs on (neither prediction layers nor
// unused weights).
struct WeightTotals {
  int64_t parameters = 0;
  double active_parameters = 0;  // multiplied or added for one token
  int64_t bytes = 0;
  int64_t made_bytes = 0;
  double bytes_per_token = 0;  // read for one token
};
WeightTotals TotalsOf(const ModelOutline& model, WeightRole role);
WeightTotals TotalsOf(const ModelOutline& model);

// Of `choices`, how many different ones `tokens` tokens that choose `used` each can be expected to
// touch, when each choice is as likely as any other.
double ExpectedDistinct(int64_t choices, int64_t used, double tokens);

}  // namespace fathom
