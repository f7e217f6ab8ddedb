// The mixture of experts: scores, weights, balance, and the experts' products grouped by expert.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "autograd/ops.h"
#include "autograd/rows.h"
#include "base/check.h"
#include "kernels/train/gemm.h"

namespace fathom::autograd {

void Routing::GroupByExpert(int64_t experts) {
  begins.assign(static_cast<std::size_t>(experts) + 1, 0);
  for (const int32_t e : chosen) ++begins[static_cast<std::size_t>(e) + 1];
  for (std::size_t e = 1; e < begins.size(); ++e) begins[e] += begins[e - 1];
  entries.resize(chosen.size());
  std::vector<int64_t> next(begins.begin(), begins.end() - 1);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    entries[static_cast<std::size_t>(next[static_cast<std::size_t>(chosen[i])]++)] =
        static_cast<int32_t>(i);
  }
}

Var ExpertScoresOf(Tape& tape, Var logits, const ExpertWeighting& spec) {
  const int64_t n = spec.experts;
  CHECK(logits->columns == n);
  const Var y = tape.Result(logits->rows, n, logits->wants_gradient);
  for (int64_t r = 0; r < y->rows; ++r) ScoreExperts(spec, logits->row(r), y->row(r));
  tape.Record(y, [&tape, logits, spec, y, n] {
    float* dlogits = tape.GradientOf(logits);
    for (int64_t r = 0; r < y->rows; ++r) {
      ScoreExpertsBackward(spec, y->row(r), y->gradient + r * n, dlogits + r * n);
    }
  });
  return y;
}

Var ExpertWeights(Tape& tape, Var scores, const ExpertWeighting& spec,
                  std::shared_ptr<const Routing> routing) {
  CHECK(static_cast<int64_t>(routing->chosen.size()) == scores->rows * spec.used);
  const Var y = tape.Result(scores->rows, spec.used, scores->wants_gradient);
  for (int64_t r = 0; r < y->rows; ++r) {
    WeighExperts(spec, scores->row(r), routing->chosen.data() + r * spec.used, y->row(r));
  }
  tape.Record(y, [&tape, scores, spec, routing = std::move(routing), y] {
    float* dscores = tape.GradientOf(scores);
    for (int64_t r = 0; r < y->rows; ++r) {
      WeighExpertsBackward(spec, scores->row(r), routing->chosen.data() + r * spec.used,
                           y->gradient + r * spec.used, dscores + r * spec.experts);
    }
  });
  return y;
}

Var Balanced(Tape& tape, Var scores, const ExpertWeighting& spec,
             std::shared_ptr<const Routing> routing, const Spans& spans, double alpha,
             double* balance) {
  const Var y = tape.Result(scores->rows, spec.experts, scores->wants_gradient);
  std::copy_n(scores->data, scores->elements(), y->data);
  const auto experts = static_cast<std::size_t>(spec.experts);
  std::vector<double> frequencies(static_cast<std::size_t>(spans.count()) * experts);
  std::vector<double> shares(experts);
  const auto count = static_cast<double>(spans.count());
  double total = 0;
  for (int64_t i = 0; i < spans.count(); ++i) {
    const int64_t first = spans.begins[static_cast<std::size_t>(i)];
    total += SequenceBalance(spec, scores->row(first), routing->chosen.data() + first * spec.used,
                             spans.tokens(i), frequencies.data() + i * spec.experts, shares.data());
  }
  *balance = total / count;
  tape.Record(y, [&tape, scores, spec, &spans, y, factor = alpha / count,
                  frequencies = std::move(frequencies)] {
    float* dscores = tape.GradientOf(scores);
    AddScaledRow(y->gradient, 1.0F, y->elements(), dscores);
    for (int64_t i = 0; i < spans.count(); ++i) {
      const int64_t first = spans.begins[static_cast<std::size_t>(i)];
      SequenceBalanceBackward(spec, scores->row(first), frequencies.data() + i * spec.experts,
                              spans.tokens(i), factor, dscores + first * spec.experts);
    }
  });
  return y;
}

namespace {

// Rows of all experts behind each other, in the order of Routing::entries: an expert's are one
// matrix.
struct MixtureBuffers {
  float* in;    // [entries][hidden]
  float* gate;  // [entries][width]
  float* up;    // [entries][width]
  float* act;   // [entries][width]
  float* out;   // [entries][hidden]
};

struct Expert {
  const ExpertLeaves& leaves;
  int64_t first;  // entry
  int64_t count;
};

// Runs body(expert) for those that have rows. Experts are many enough to share threads by.
template <class Body>
void ForExperts(Tape& tape, const Routing& routing, std::span<const ExpertLeaves> experts,
                Body&& body) {
  tape.pool().ParallelFor(static_cast<int64_t>(experts.size()), [&](int64_t task, int) {
    const auto e = static_cast<std::size_t>(task);
    const int64_t first = routing.begins[e];
    if (const int64_t count = routing.begins[e + 1] - first; count > 0) {
      body(Expert{experts[e], first, count});
    }
  });
}

int64_t RowOfEntry(const Routing& routing, int64_t entry) {
  return routing.entries[static_cast<std::size_t>(entry)] / routing.used;
}

// Where the entry of each slot of a row lies: the inverse of `entries`.
std::vector<int32_t> PlacesOf(const Routing& routing) {
  std::vector<int32_t> places(routing.entries.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[static_cast<std::size_t>(routing.entries[i])] = static_cast<int32_t>(i);
  }
  return places;
}

void RunExperts(Tape& tape, Var x, const Routing& routing, std::span<const ExpertLeaves> experts,
                int64_t width, const MixtureBuffers& b) {
  const int64_t hidden = x->columns;
  ForExperts(tape, routing, experts, [&](const Expert& expert) {
    for (int64_t i = expert.first; i < expert.first + expert.count; ++i) {
      std::copy_n(x->row(RowOfEntry(routing, i)), hidden, b.in + i * hidden);
    }
    const MatrixView in{b.in + expert.first * hidden, hidden};
    const int64_t at = expert.first * width;
    const auto [gate, up, down] = expert.leaves;
    Gemm(expert.count, width, hidden, 1.0F, in, Transposed(gate->data, hidden), 0.0F, b.gate + at,
         width);
    Gemm(expert.count, width, hidden, 1.0F, in, Transposed(up->data, hidden), 0.0F, b.up + at,
         width);
    GateRow(b.gate + at, b.up + at, expert.count * width, b.act + at);
    Gemm(expert.count, hidden, width, 1.0F, {b.act + at, width}, Transposed(down->data, width),
         0.0F, b.out + expert.first * hidden, hidden);
  });
}

// Gradients of one expert from that of its rows of `out`, to that of its rows of `in`.
void ExpertBackward(const Expert& expert, int64_t hidden, int64_t width, const MixtureBuffers& b,
                    const MixtureBuffers& d) {
  const int64_t at = expert.first * width, rows = expert.count;
  const auto [gate, up, down] = expert.leaves;
  float* dout = d.out + expert.first * hidden;
  Gemm(hidden, width, rows, 1.0F, Transposed(dout, hidden), {b.act + at, width}, 1.0F,
       down->gradient, width);
  Gemm(rows, width, hidden, 1.0F, {dout, hidden}, {down->data, width}, 0.0F, d.act + at, width);
  std::fill_n(d.gate + at, rows * width, 0.0F);
  std::fill_n(d.up + at, rows * width, 0.0F);
  GateRowBackward(b.gate + at, b.up + at, d.act + at, rows * width, d.gate + at, d.up + at);
  const MatrixView in{b.in + expert.first * hidden, hidden};
  const float* parts[] = {d.gate + at, d.up + at};
  const Var weights[] = {gate, up};
  for (int i = 0; i < 2; ++i) {
    Gemm(width, hidden, rows, 1.0F, Transposed(parts[i], width), in, 1.0F, weights[i]->gradient,
         hidden);
    Gemm(rows, hidden, width, 1.0F, {parts[i], width}, {weights[i]->data, hidden},
         i == 0 ? 0.0F : 1.0F, d.in + expert.first * hidden, hidden);
  }
}

}  // namespace

Var Mixture(Tape& tape, Var x, Var weights, std::shared_ptr<const Routing> routing,
            std::vector<ExpertLeaves> experts) {
  const int64_t used = routing->used, hidden = x->columns;
  const int64_t width = experts.front().gate->rows;
  const auto entries = static_cast<int64_t>(routing->entries.size());
  CHECK(weights->rows == x->rows && weights->columns == used && entries == x->rows * used);
  const Var y = tape.Result(x->rows, hidden, true);
  const MixtureBuffers b{tape.Keep(entries * hidden), tape.Keep(entries * width),
                         tape.Keep(entries * width), tape.Keep(entries * width),
                         tape.Keep(entries * hidden)};
  RunExperts(tape, x, *routing, experts, width, b);
  std::vector<int32_t> places = PlacesOf(*routing);
  ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    for (int64_t r = first; r < first + count; ++r) {
      std::fill_n(y->row(r), hidden, 0.0F);
      for (int64_t i = r * used; i < (r + 1) * used; ++i) {
        AddScaledRow(b.out + places[static_cast<std::size_t>(i)] * hidden, weights->data[i], hidden,
                     y->row(r));
      }
    }
  });
  tape.Record(y, [&tape, x, weights, routing = std::move(routing), experts = std::move(experts),
                  places = std::move(places), y, b, used, hidden, width, entries] {
    float* dx = tape.GradientOf(x);
    float* dweights = tape.GradientOf(weights);
    CHECK(dx != nullptr && dweights != nullptr);
    for (const ExpertLeaves& expert : experts) {
      for (const Var leaf : {expert.gate, expert.up, expert.down}) {
        CHECK(tape.GradientOf(leaf) != nullptr);
      }
    }
    const Arena::Mark mark = tape.arena().mark();
    const MixtureBuffers d{tape.Keep(entries * hidden), tape.Keep(entries * width),
                           tape.Keep(entries * width), tape.Keep(entries * width),
                           tape.Keep(entries * hidden)};
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
      for (int64_t r = first; r < first + count; ++r) {
        const float* dy = y->gradient + r * hidden;
        for (int64_t i = r * used; i < (r + 1) * used; ++i) {
          const int64_t at = places[static_cast<std::size_t>(i)] * hidden;
          dweights[i] += static_cast<float>(DotRow(dy, b.out + at, hidden));
          for (int64_t k = 0; k < hidden; ++k) d.out[at + k] = weights->data[i] * dy[k];
        }
      }
    });
    ForExperts(tape, *routing, experts,
               [&](const Expert& expert) { ExpertBackward(expert, hidden, width, b, d); });
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
      for (int64_t i = first * used; i < (first + count) * used; ++i) {
        AddScaledRow(d.in + places[static_cast<std::size_t>(i)] * hidden, 1.0F, hidden,
                     dx + i / used * hidden);
      }
    });
    tape.arena().Release(mark);
  });
  return y;
}

}  // namespace fathom::autograd
