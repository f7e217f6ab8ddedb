// Embedding, linear layers, sums, columns, normalisation and gates.
#include <algorithm>

#include "autograd/ops.h"
#include "autograd/rows.h"
#include "base/check.h"
#include "kernels/train/gemm.h"

namespace fathom::autograd {
namespace {

void AddTo(const float* x, int64_t n, float* to) { AddScaledRow(x, 1.0F, n, to); }

}  // namespace

Var Embed(Tape& tape, Var table, std::span<const int32_t> ids) {
  const auto rows = static_cast<int64_t>(ids.size());
  const int64_t n = table->columns;
  const Var y = tape.Result(rows, n, table->wants_gradient);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t id = ids[static_cast<std::size_t>(r)];
    CHECK(id >= 0 && id < table->rows);
    std::copy_n(table->row(id), n, y->row(r));
  }
  tape.Record(y, [&tape, table, ids, y, n] {
    float* to = tape.GradientOf(table);
    for (int64_t r = 0; r < y->rows; ++r) {
      AddTo(y->gradient + r * n, n, to + ids[static_cast<std::size_t>(r)] * n);
    }
  });
  return y;
}

Var Linear(Tape& tape, Var x, Var weight) {
  CHECK(x->columns == weight->columns);
  const int64_t in = x->columns, out = weight->rows;
  const Var y = tape.Result(x->rows, out, x->wants_gradient || weight->wants_gradient);
  ForBlocks(tape.pool(), x->rows, kProductRows, [&](int64_t first, int64_t count, int64_t) {
    Gemm(count, out, in, 1.0F, {x->row(first), in}, Transposed(weight->data, in), 0.0F,
         y->row(first), out);
  });
  tape.Record(y, [&tape, x, weight, y, in, out] {
    const float* dy = y->gradient;
    if (float* dx = tape.GradientOf(x); dx != nullptr) {
      ForBlocks(tape.pool(), x->rows, kProductRows, [&](int64_t first, int64_t count, int64_t) {
        Gemm(count, in, out, 1.0F, {dy + first * out, out}, {weight->data, in}, 1.0F,
             dx + first * in, in);
      });
    }
    if (float* dw = tape.GradientOf(weight); dw != nullptr) {
      ForBlocks(tape.pool(), out, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
        Gemm(count, in, x->rows, 1.0F, Transposed(dy + first, out), {x->data, in}, 1.0F,
             dw + first * in, in);
      });
    }
  });
  return y;
}

Var Add(Tape& tape, Var a, Var b) {
  CHECK(a->rows == b->rows && a->columns == b->columns);
  const int64_t n = a->columns;
  const Var y = tape.Result(a->rows, n, a->wants_gradient || b->wants_gradient);
  ForBlocks(tape.pool(), a->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    std::copy_n(a->row(first), count * n, y->row(first));
    AddTo(b->row(first), count * n, y->row(first));
  });
  tape.Record(y, [&tape, a, b, y, n] {
    for (const Var from : {a, b}) {
      float* to = tape.GradientOf(from);
      if (to == nullptr) continue;
      ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
        AddTo(y->gradient + first * n, count * n, to + first * n);
      });
    }
  });
  return y;
}

Var AddBias(Tape& tape, Var x, Var bias) {
  CHECK(bias->rows == 1 && bias->columns == x->columns);
  const int64_t n = x->columns;
  const Var y = tape.Result(x->rows, n, x->wants_gradient || bias->wants_gradient);
  ForBlocks(tape.pool(), x->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    for (int64_t r = first; r < first + count; ++r) {
      std::copy_n(x->row(r), n, y->row(r));
      AddTo(bias->data, n, y->row(r));
    }
  });
  tape.Record(y, [&tape, x, bias, y, n] {
    if (float* dx = tape.GradientOf(x); dx != nullptr) AddTo(y->gradient, y->elements(), dx);
    float* db = tape.GradientOf(bias);
    for (int64_t r = 0; db != nullptr && r < y->rows; ++r) AddTo(y->gradient + r * n, n, db);
  });
  return y;
}

Var Columns(Tape& tape, Var x, int64_t first, int64_t count) {
  CHECK(first >= 0 && count > 0 && first + count <= x->columns);
  const Var y = tape.Result(x->rows, count, x->wants_gradient);
  for (int64_t r = 0; r < x->rows; ++r) std::copy_n(x->row(r) + first, count, y->row(r));
  tape.Record(y, [&tape, x, y, first, count] {
    float* dx = tape.GradientOf(x);
    for (int64_t r = 0; r < y->rows; ++r) {
      AddTo(y->gradient + r * count, count, dx + r * x->columns + first);
    }
  });
  return y;
}

Var Join(Tape& tape, Var a, Var b) {
  CHECK(a->rows == b->rows);
  const int64_t n = a->columns + b->columns;
  const Var y = tape.Result(a->rows, n, a->wants_gradient || b->wants_gradient);
  for (int64_t r = 0; r < a->rows; ++r) {
    std::copy_n(a->row(r), a->columns, y->row(r));
    std::copy_n(b->row(r), b->columns, y->row(r) + a->columns);
  }
  tape.Record(y, [&tape, a, b, y, n] {
    float* da = tape.GradientOf(a);
    float* db = tape.GradientOf(b);
    for (int64_t r = 0; r < y->rows; ++r) {
      const float* dy = y->gradient + r * n;
      if (da != nullptr) AddTo(dy, a->columns, da + r * a->columns);
      if (db != nullptr) AddTo(dy + a->columns, b->columns, db + r * b->columns);
    }
  });
  return y;
}

Var Normalize(Tape& tape, Var x, Var weight, float epsilon) {
  CHECK(weight->rows == 1 && weight->columns == x->columns);
  const int64_t n = x->columns;
  const Var y = tape.Result(x->rows, n, x->wants_gradient || weight->wants_gradient);
  float* inverse = tape.Keep(x->rows);
  ForBlocks(tape.pool(), x->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    for (int64_t r = first; r < first + count; ++r) {
      inverse[r] = NormalizeRow(x->row(r), weight->data, epsilon, n, y->row(r));
    }
  });
  tape.Record(y, [&tape, x, weight, y, inverse, n] {
    float* dx = tape.GradientOf(x);
    float* dw = tape.GradientOf(weight);
    CHECK(dx != nullptr && dw != nullptr);
    const Arena::Mark mark = tape.arena().mark();
    // A row of weight gradients for each block; they are added up in order.
    const int64_t blocks = BlocksOf(y->rows, kPlainRows);
    float* partial = tape.arena().Take(blocks * n);
    std::fill_n(partial, blocks * n, 0.0F);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t block) {
      for (int64_t r = first; r < first + count; ++r) {
        NormalizeRowBackward(x->row(r), weight->data, inverse[r], y->gradient + r * n, n,
                             dx + r * n, partial + block * n);
      }
    });
    for (int64_t block = 0; block < blocks; ++block) AddTo(partial + block * n, n, dw);
    tape.arena().Release(mark);
  });
  return y;
}

Var Gate(Tape& tape, Var gate, Var up) {
  CHECK(gate->rows == up->rows && gate->columns == up->columns);
  const int64_t n = gate->columns;
  const Var y = tape.Result(gate->rows, n, gate->wants_gradient || up->wants_gradient);
  ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    GateRow(gate->row(first), up->row(first), count * n, y->row(first));
  });
  tape.Record(y, [&tape, gate, up, y, n] {
    float* dgate = tape.GradientOf(gate);
    float* dup = tape.GradientOf(up);
    CHECK(dgate != nullptr && dup != nullptr);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
      GateRowBackward(gate->row(first), up->row(first), y->gradient + first * n, count * n,
                      dgate + first * n, dup + first * n);
    });
  });
  return y;
}

}  // namespace fathom::autograd
