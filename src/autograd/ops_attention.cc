// Rotary embedding, the heads of latent attention, and causal attention.
#include <algorithm>
#include <memory>
#include <utility>

#include "autograd/ops.h"
#include "autograd/rows.h"
#include "base/check.h"
#include "kernels/train/attention_grad.h"

namespace fathom::autograd {
namespace {

// What one worker needs for any head of any sequence.
int64_t ScratchFloats(const Spans& spans) {
  int64_t longest = 0;
  for (int64_t i = 0; i < spans.count(); ++i) longest = std::max(longest, spans.tokens(i));
  return AttentionScratch(longest);
}

// Runs body(span, kv head, scratch) for all of them, the longest sequences first in line.
template <class Body>
void ForHeads(Tape& tape, const AttentionShape& shape, const Spans& spans, Body&& body) {
  const Arena::Mark mark = tape.arena().mark();
  const int64_t each = ScratchFloats(spans);
  float* scratch = tape.arena().Take(each * tape.pool().threads());
  tape.pool().ParallelFor(spans.count() * shape.kv_heads, [&](int64_t task, int worker) {
    body(task / shape.kv_heads, task % shape.kv_heads, scratch + worker * each);
  });
  tape.arena().Release(mark);
}

HeadRows RowsOf(float* data, int64_t columns, int64_t row, int64_t head, int64_t size) {
  return {data == nullptr ? nullptr : data + row * columns + head * size, columns, size};
}

}  // namespace

Var Rotate(Tape& tape, Var x, const RotatedHeads& heads, int64_t count, const float* cosines,
           const float* sines) {
  CHECK(x->columns == heads.heads * heads.size && heads.first + count <= heads.size);
  const int64_t n = x->columns, pairs = count / 2;
  const Var y = tape.Result(x->rows, n, x->wants_gradient);
  ForBlocks(tape.pool(), x->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
    std::copy_n(x->row(first), rows * n, y->row(first));
    for (int64_t r = first; r < first + rows; ++r) {
      for (int64_t h = 0; h < heads.heads; ++h) {
        float* head = y->row(r) + h * heads.size + heads.first;
        RotateHead(heads.pairs, head, cosines + r * pairs, sines + r * pairs, pairs, false, head);
      }
    }
  });
  tape.Record(y, [&tape, x, y, heads, cosines, sines, pairs, n] {
    float* dx = tape.GradientOf(x);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
      for (int64_t r = first; r < first + rows; ++r) {
        // The result's gradient is not needed any more: it is turned back in place.
        float* dy = y->gradient + r * n;
        for (int64_t h = 0; h < heads.heads; ++h) {
          float* head = dy + h * heads.size + heads.first;
          RotateHead(heads.pairs, head, cosines + r * pairs, sines + r * pairs, pairs, true, head);
        }
        AddScaledRow(dy, 1.0F, n, dx + r * n);
      }
    });
  });
  return y;
}

Var LatentKeys(Tape& tape, Var joint, Var shared, int64_t heads, int64_t nope) {
  const int64_t joint_size = joint->columns / heads, rotary = shared->columns;
  const int64_t size = nope + rotary;
  CHECK(joint->rows == shared->rows && joint_size * heads == joint->columns && nope < joint_size);
  const Var y =
      tape.Result(joint->rows, heads * size, joint->wants_gradient || shared->wants_gradient);
  ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
    for (int64_t r = first; r < first + rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        float* key = y->row(r) + h * size;
        std::copy_n(joint->row(r) + h * joint_size, nope, key);
        std::copy_n(shared->row(r), rotary, key + nope);
      }
    }
  });
  tape.Record(y, [&tape, joint, shared, y, heads, nope, joint_size, rotary, size] {
    float* djoint = tape.GradientOf(joint);
    float* dshared = tape.GradientOf(shared);
    CHECK(djoint != nullptr && dshared != nullptr);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
      for (int64_t r = first; r < first + rows; ++r) {
        for (int64_t h = 0; h < heads; ++h) {
          const float* dkey = y->gradient + r * y->columns + h * size;
          AddScaledRow(dkey, 1.0F, nope, djoint + r * joint->columns + h * joint_size);
          AddScaledRow(dkey + nope, 1.0F, rotary, dshared + r * rotary);
        }
      }
    });
  });
  return y;
}

Var LatentValues(Tape& tape, Var joint, int64_t heads, int64_t nope) {
  const int64_t joint_size = joint->columns / heads, size = joint_size - nope;
  CHECK(joint_size * heads == joint->columns && size > 0);
  const Var y = tape.Result(joint->rows, heads * size, joint->wants_gradient);
  ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
    for (int64_t r = first; r < first + rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        std::copy_n(joint->row(r) + h * joint_size + nope, size, y->row(r) + h * size);
      }
    }
  });
  tape.Record(y, [&tape, joint, y, heads, nope, joint_size, size] {
    float* djoint = tape.GradientOf(joint);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t rows, int64_t) {
      for (int64_t r = first; r < first + rows; ++r) {
        for (int64_t h = 0; h < heads; ++h) {
          AddScaledRow(y->gradient + r * y->columns + h * size, 1.0F, size,
                       djoint + r * joint->columns + h * joint_size + nope);
        }
      }
    });
  });
  return y;
}

Var Attend(Tape& tape, Var queries, Var keys, Var values, const AttentionShape& shape,
           const Spans& spans) {
  const int64_t rows = queries->rows;
  CHECK(spans.count() > 0 && spans.begins.back() == rows && keys->rows == rows &&
        values->rows == rows);
  CHECK(queries->columns == shape.heads * shape.key_size &&
        keys->columns == shape.kv_heads * shape.key_size &&
        values->columns == shape.kv_heads * shape.value_size);
  const Var y = tape.Result(rows, shape.heads * shape.value_size, true);
  float* log_sums = tape.Keep(rows * shape.heads);
  const int64_t group = shape.heads / shape.kv_heads;
  const auto head_of = [=, &spans](int64_t span, int64_t head) {
    const int64_t first = spans.begins[static_cast<std::size_t>(span)];
    return AttentionHead{
        spans.tokens(span),
        shape.scale,
        RowsOf(queries->data, queries->columns, first, head, shape.key_size),
        RowsOf(keys->data, keys->columns, first, head / group, shape.key_size),
        RowsOf(values->data, values->columns, first, head / group, shape.value_size),
        RowsOf(y->data, y->columns, first, head, shape.value_size),
        log_sums + first * shape.heads + head,
        shape.heads};
  };
  ForHeads(tape, shape, spans, [&](int64_t span, int64_t kv_head, float* scratch) {
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
      AttendCausally(head_of(span, h), scratch);
    }
  });
  tape.Record(y, [&tape, queries, keys, values, shape, &spans, y, group, head_of] {
    float* dq = tape.GradientOf(queries);
    float* dk = tape.GradientOf(keys);
    float* dv = tape.GradientOf(values);
    ForHeads(tape, shape, spans, [&](int64_t span, int64_t kv_head, float* scratch) {
      const int64_t first = spans.begins[static_cast<std::size_t>(span)];
      for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
        AttendCausallyBackward(head_of(span, h),
                               {RowsOf(dq, queries->columns, first, h, shape.key_size),
                                RowsOf(dk, keys->columns, first, kv_head, shape.key_size),
                                RowsOf(dv, values->columns, first, kv_head, shape.value_size),
                                RowsOf(y->gradient, y->columns, first, h, shape.value_size)},
                               scratch);
      }
    });
  });
  return y;
}

}  // namespace fathom::autograd
