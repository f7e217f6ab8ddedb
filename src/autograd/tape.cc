#include "autograd/tape.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace fathom::autograd {
namespace {

constexpr std::size_t kAlignment = 64;                       // bytes: a line of the cache
constexpr std::size_t kBlockFloats = std::size_t{16} << 20;  // 64 MB
constexpr std::size_t kLineFloats = kAlignment / sizeof(float);

}  // namespace

float* Arena::Take(int64_t floats) {
  const std::size_t wanted =
      (static_cast<std::size_t>(floats) + kLineFloats - 1) / kLineFloats * kLineFloats;
  while (at_.block < blocks_.size() && blocks_[at_.block].floats - at_.used < wanted) {
    at_ = {at_.block + 1, 0};
  }
  if (at_.block == blocks_.size()) {
    const std::size_t size = std::max(wanted, kBlockFloats);
    auto* data = static_cast<float*>(std::aligned_alloc(kAlignment, size * sizeof(float)));
    if (data == nullptr) {
      throw Error(ErrorCode::kOutOfMemory,
                  "no memory for a training step: " + std::to_string(reserved_ >> 20) +
                      " MB are in use and " + std::to_string(size * sizeof(float) >> 20) +
                      " MB more were asked for",
                  "take fewer tokens at once");
    }
    blocks_.push_back({{data, [](float* p) { std::free(p); }}, size});
    reserved_ += size * sizeof(float);
  }
  float* result = blocks_[at_.block].data.get() + at_.used;
  at_.used += wanted;
  return result;
}

Var Tape::Leaf(float* data, float* gradient, int64_t rows, int64_t columns) {
  values_.push_back({data, rows, columns, gradient != nullptr, gradient});
  return &values_.back();
}

Var Tape::Result(int64_t rows, int64_t columns, bool wants_gradient) {
  values_.push_back({arena_.Take(rows * columns), rows, columns, wants_gradient, nullptr});
  return &values_.back();
}

void Tape::Record(Var result, std::function<void()> backward) {
  if (result->wants_gradient) steps_.push_back({result, std::move(backward)});
}

float* Tape::GradientOf(Var value) {
  if (!value->wants_gradient) return nullptr;
  if (value->gradient == nullptr) {
    value->gradient = arena_.Take(value->elements());
    std::memset(value->gradient, 0, static_cast<std::size_t>(value->elements()) * sizeof(float));
  }
  return value->gradient;
}

void Tape::Backward(Var result, const float* seed) {
  CHECK(result->wants_gradient);
  float* gradient = GradientOf(result);
  for (int64_t i = 0; i < result->elements(); ++i) gradient[i] += seed == nullptr ? 1.0F : seed[i];
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->result->gradient != nullptr) step->backward();
  }
}

Var Recomputed(Tape& tape, Var input, std::function<Var(Tape&, Var)> body) {
  const auto run = [](Tape& inner, Var from, float* gradient,
                      const std::function<Var(Tape&, Var)>& function) {
    return function(inner, inner.Leaf(from->data, gradient, from->rows, from->columns));
  };
  // The first time values are wanted alone, but the result's shape is known only when it is there:
  // it is copied down to where the arena stood.
  const Arena::Mark mark = tape.arena().mark();
  std::vector<float> values;
  int64_t rows = 0, columns = 0;
  {
    Tape inner(tape.pool(), tape.arena());
    const Var made = run(inner, input, nullptr, body);
    rows = made->rows;
    columns = made->columns;
    values.assign(made->data, made->data + made->elements());
  }
  tape.arena().Release(mark);
  const Var result = tape.Result(rows, columns, true);
  std::copy(values.begin(), values.end(), result->data);
  tape.Record(result, [&tape, input, result, run, body = std::move(body)] {
    float* gradient = tape.GradientOf(input);
    const Arena::Mark before = tape.arena().mark();
    Tape inner(tape.pool(), tape.arena());
    const Var made = run(inner, input, gradient, body);
    inner.Backward(made, result->gradient);
    tape.arena().Release(before);
  });
  return result;
}

}  // namespace fathom::autograd
