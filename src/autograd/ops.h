// Differentiable operations on a tape's matrices. Rows are tokens; several sequences lie behind
// each other in the rows of one matrix ("packed"), and Spans says where each begins. Shapes are the
// caller's promise (checked by CHECK); sizes are in elements.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "autograd/tape.h"
#include "kernels/train/router_grad.h"
#include "kernels/train/vector_grad.h"

namespace fathom::autograd {

// Sequence i has rows [begins[i], begins[i + 1]); the last entry is the number of rows.
struct Spans {
  std::vector<int64_t> begins;
  int64_t count() const { return static_cast<int64_t>(begins.size()) - 1; }
  int64_t tokens(int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return begins[at + 1] - begins[at];
  }
};

// ---- Plain -------------------------------------------------------------------------------------

// Row ids[r] of `table` ({vocabulary, columns}) for each r. `ids` must outlive the tape.
Var Embed(Tape& tape, Var table, std::span<const int32_t> ids);

// x W^T, with weight {out, in} as model files have it.
Var Linear(Tape& tape, Var x, Var weight);

Var Add(Tape& tape, Var a, Var b);
// Adds the one row of `bias` to every row.
Var AddBias(Tape& tape, Var x, Var bias);

// Columns [first, first + count) of x.
Var Columns(Tape& tape, Var x, int64_t first, int64_t count);
// a's columns, then b's.
Var Join(Tape& tape, Var a, Var b);

// Root mean square normalisation over the whole row; weight is one row.
Var Normalize(Tape& tape, Var x, Var weight, float epsilon);

// silu(gate) * up (SwiGLU, arXiv 2002.05202).
Var Gate(Tape& tape, Var gate, Var up);

// ---- Attention ---------------------------------------------------------------------------------

// Which values of a row turn: those from `first` on in each of `heads` heads of `size`.
struct RotatedHeads {
  int64_t heads;
  int64_t size;
  int64_t first;
  RopePairing pairs;
};

// Rotary embedding; cosines and sines are [rows][count / 2] of the rows' positions and must outlive
// the tape. `count` values of each head turn.
Var Rotate(Tape& tape, Var x, const RotatedHeads& heads, int64_t count, const float* cosines,
           const float* sines);

// Keys of latent attention: of each head `nope` values from `joint` ({rows, heads * (nope +
// value)}, a head's keys before its values), then the `shared` row, the same for all heads.
Var LatentKeys(Tape& tape, Var joint, Var shared, int64_t heads, int64_t nope);
// The values of each head in `joint`, side by side.
Var LatentValues(Tape& tape, Var joint, int64_t heads, int64_t nope);

struct AttentionShape {
  int64_t heads;
  int64_t kv_heads;  // divides heads; head h looks at key head h / (heads / kv_heads)
  int64_t key_size;
  int64_t value_size;
  float scale;  // of the scores, before softmax
};

// Softmax attention of each token to itself and the tokens before it in its sequence. `spans` must
// outlive the tape.
Var Attend(Tape& tape, Var queries, Var keys, Var values, const AttentionShape& shape,
           const Spans& spans);

// ---- Mixture of experts ------------------------------------------------------------------------

// Which experts each row goes to, and the rows of each expert.
struct Routing {
  int64_t used = 0;              // per row
  std::vector<int32_t> chosen;   // [rows][used]
  std::vector<int64_t> begins;   // [experts + 1]: expert e has entries [begins[e], begins[e + 1])
  std::vector<int32_t> entries;  // of `chosen`: row * used + slot, by expert and then ascending

  // Fills begins and entries from `chosen`.
  void GroupByExpert(int64_t experts);
};

// Scores of all experts from the router's logits: {rows, experts}.
Var ExpertScoresOf(Tape& tape, Var logits, const ExpertWeighting& spec);
// Weights of the chosen experts from their scores: {rows, used}.
Var ExpertWeights(Tape& tape, Var scores, const ExpertWeighting& spec,
                  std::shared_ptr<const Routing> routing);
// The scores as they are, to whose gradient that of alpha times the mean over sequences of
// SequenceBalance is added: as if it were a part of the loss, whose gradient is 1. `balance` gets
// that mean. `spans` must outlive the tape.
Var Balanced(Tape& tape, Var scores, const ExpertWeighting& spec,
             std::shared_ptr<const Routing> routing, const Spans& spans, double alpha,
             double* balance);

struct ExpertLeaves {
  Var gate;  // {width, hidden}
  Var up;    // {width, hidden}
  Var down;  // {hidden, width}
};

// The weighted sum of what a row's experts make of it: down(silu(gate x) * up x).
Var Mixture(Tape& tape, Var x, Var weights, std::shared_ptr<const Routing> routing,
            std::vector<ExpertLeaves> experts);

// ---- Losses ------------------------------------------------------------------------------------

// log softmax(logits)[target] of each row: {rows, 1}.
Var LogProbabilities(Tape& tape, Var logits, std::vector<int32_t> targets);
// The sum over rows of weight times the one value of a row: {1, 1}; the sum is made in double.
Var WeightedSum(Tape& tape, Var column, std::span<const float> weights);

}  // namespace fathom::autograd
