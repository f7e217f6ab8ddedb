#include "models/layers/moe.h"

#include <cstring>

namespace fathom {
namespace {

// Everything the phases of one call share.
struct Step {
  ExecContext& context;
  const RouterSpec& router;
  const MixtureWeights& weights;
  const ActivationStore& x;
  int64_t rows;
  const MixtureBuffers& b;
  int64_t active = 0;

  int64_t hidden() const { return weights.router.in_features(); }
  int64_t width() const { return weights.experts.front().gate.out_features(); }
  int64_t slots() const { return rows * router.used; }
  int64_t begin_of(int64_t expert) const { return b.begins[expert]; }
  int64_t count_of(int64_t expert) const { return b.begins[expert + 1] - b.begins[expert]; }
};

void ChooseExperts(const Step& s) {
  const Linear& layer = s.weights.router;
  ApplyLinear(s.context, s.x, s.rows, {{&layer, s.b.logits, s.router.experts}});
  const float* bias = s.weights.router_bias.empty() ? nullptr : s.weights.router_bias.data();
  ForRowBlocks(s.context.pool, s.rows, [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) {
      Route(s.router, s.b.logits + row * s.router.experts, bias, s.b.chosen + row * s.router.used,
            s.b.weights + row * s.router.used);
    }
  });
}

// A counting sort of the pairs by expert.
void AssignSlots(Step& s) {
  int32_t* begins = s.b.begins;
  std::fill_n(begins, s.router.experts + 1, 0);
  for (int64_t pair = 0; pair < s.slots(); ++pair) ++begins[s.b.chosen[pair] + 1];
  for (int64_t e = 0; e < s.router.experts; ++e) {
    if (begins[e + 1] > 0) s.b.active[s.active++] = static_cast<int32_t>(e);
    begins[e + 1] += begins[e];
  }
  for (int64_t pair = 0; pair < s.slots(); ++pair) {
    const int32_t expert = s.b.chosen[pair];
    const int32_t slot = begins[expert]++;
    s.b.slots[pair] = slot;
    s.b.owners[slot] = expert;
  }
  // Every begin has moved to its end, which is the next one's begin.
  for (int64_t e = s.router.experts; e > 0; --e) begins[e] = begins[e - 1];
  begins[0] = 0;
}

// The inputs of gate and up, token by token.
void ObserveInputs(const Step& s) {
  const int64_t n = s.hidden();
  for (int64_t pair = 0; pair < s.slots(); ++pair) {
    const auto expert = static_cast<std::size_t>(s.b.chosen[pair]);
    const GatedLinears& layers = s.weights.experts[expert];
    const float* row = s.x.floats + pair / s.router.used * n;
    s.context.observer->Observe(layers.gate, row, 1, n);
    s.context.observer->Observe(layers.up, row, 1, n);
  }
}

template <class T>
void CopyRow(const T* from, int64_t from_row, T* to, int64_t to_row, int64_t columns) {
  std::memcpy(to + to_row * columns, from + from_row * columns,
              static_cast<std::size_t>(columns) * sizeof(T));
}

// Copies rows of the input to their slots: floats, or quantised values with what belongs to them.
void Gather(const Step& s, bool quantized) {
  const int64_t n = s.hidden();
  const int64_t groups = n / kActivationGroup;
  const ActivationStore& to = s.b.gathered;
  ForRowBlocks(s.context.pool, s.rows, [&](int64_t first, int64_t count) {
    for (int64_t pair = first * s.router.used; pair < (first + count) * s.router.used; ++pair) {
      const int64_t row = pair / s.router.used;
      const int64_t slot = s.b.slots[pair];
      if (!quantized) {
        CopyRow(s.x.floats, row, to.floats, slot, n);
        continue;
      }
      CopyRow(s.x.values, row, to.values, slot, n);
      CopyRow(s.x.scales, row, to.scales, slot, groups);
      CopyRow(s.x.sums, row, to.sums, slot, groups);
    }
  });
}

// Runs body(expert, begin, end) for blocks of output features of every active expert.
template <class Body>
void ForExperts(const Step& s, const Linear& like, Body&& body) {
  const int threads = s.context.pool.threads();
  const int64_t size = FeaturesPerTask(like, threads);
  const int64_t blocks = TasksOf(like, threads);
  s.context.pool.ParallelFor(s.active * blocks, [&](int64_t task, int) {
    const int64_t begin = task % blocks * size;
    body(int64_t{s.b.active[task / blocks]}, begin, std::min(begin + size, like.out_features()));
  });
}

void GateAndUp(const Step& s) {
  const int64_t width = s.width();
  ForExperts(s, s.weights.experts.front().gate, [&](int64_t expert, int64_t begin, int64_t end) {
    const GatedLinears& layers = s.weights.experts[static_cast<std::size_t>(expert)];
    const int64_t first = s.begin_of(expert);
    const int64_t count = s.count_of(expert);
    const ActivationStore in = s.b.gathered.From(first, s.hidden());
    float* gate = s.b.gate + first * width;
    float* up = s.b.up + first * width;
    MultiplyFeatures(s.context.kernels, in, count, {&layers.gate, gate, width}, begin, end);
    MultiplyFeatures(s.context.kernels, in, count, {&layers.up, up, width}, begin, end);
    for (int64_t row = 0; row < count; ++row) {
      const int64_t at = row * width + begin;
      s.context.kernels.silu_mul(gate + at, up + at, end - begin,
                                 s.b.inner.floats + first * width + at);
    }
  });
}

void Down(const Step& s, float* out) {
  const int64_t width = s.width();
  if (s.context.observer != nullptr) {
    for (int64_t i = 0; i < s.active; ++i) {
      const int64_t expert = s.b.active[i];
      s.context.observer->Observe(s.weights.experts[static_cast<std::size_t>(expert)].down,
                                  s.b.inner.floats + s.begin_of(expert) * width, s.count_of(expert),
                                  width);
    }
  }
  const Linear& like = s.weights.experts.front().down;
  if (WantsQuantized(s.context.kernels, {&like})) {
    ForRowBlocks(s.context.pool, s.slots(), [&](int64_t first, int64_t count) {
      QuantizeRows(s.context.kernels, s.b.inner, first, count, width);
    });
  }
  ForExperts(s, like, [&](int64_t expert, int64_t begin, int64_t end) {
    const Linear& layer = s.weights.experts[static_cast<std::size_t>(expert)].down;
    const int64_t first = s.begin_of(expert);
    MultiplyFeatures(s.context.kernels, s.b.inner.From(first, width), s.count_of(expert),
                     {&layer, out + first * s.hidden(), s.hidden()}, begin, end);
  });
}

void Combine(const Step& s, const float* outputs, float* out) {
  const int64_t n = s.hidden();
  ForRowBlocks(s.context.pool, s.rows, [&](int64_t first, int64_t count) {
    std::fill_n(out + first * n, count * n, 0.0F);
    for (int64_t pair = first * s.router.used; pair < (first + count) * s.router.used; ++pair) {
      s.context.kernels.add_scaled(outputs + s.b.slots[pair] * n, s.b.weights[pair], n,
                                   out + pair / s.router.used * n);
    }
  });
}

}  // namespace

void Mixture(ExecContext& context, const RouterSpec& router, const MixtureWeights& weights,
             const ActivationStore& x, int64_t rows, const MixtureBuffers& buffers, float* out) {
  Step step{context, router, weights, x, rows, buffers};
  ChooseExperts(step);
  AssignSlots(step);
  if (context.observer != nullptr) ObserveInputs(step);
  const GatedLinears& like = weights.experts.front();
  Gather(step, WantsQuantized(context.kernels, {&like.gate}));
  GateAndUp(step);
  auto* outputs = reinterpret_cast<float*>(buffers.inputs);
  Down(step, outputs);
  Combine(step, outputs, out);
}

}  // namespace fathom
