// Reverse-mode differentiation: a tape of float32 matrices and of what turns the gradient of each
// result into the gradients of what it was made from. One tape is one step of training and belongs
// to one thread; the operations (autograd/ops.h) spread their work over its pool.
//
// Every gradient is summed in one order, whatever the number of threads, so that a step has the
// same bits with any of them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/thread_pool.h"

namespace fathom::autograd {

// A matrix on the tape, row-major and without gaps. Vectors are one row.
struct Value {
  float* data = nullptr;  // [rows][columns]
  int64_t rows = 0;
  int64_t columns = 0;
  bool wants_gradient = false;
  float* gradient = nullptr;  // [rows][columns]; null until something flows into it

  int64_t elements() const { return rows * columns; }
  float* row(int64_t r) const { return data + r * columns; }
};
using Var = Value*;

// Memory of a step, given out in a row and taken back as a whole or down to a mark. Blocks are kept
// for the next step.
class Arena {
 public:
  struct Mark {
    std::size_t block = 0;
    std::size_t used = 0;
  };

  // Uninitialised, aligned for any vector load. Throws Error(kOutOfMemory) when the memory is not
  // there.
  float* Take(int64_t floats);
  Mark mark() const { return at_; }
  void Release(Mark mark) { at_ = mark; }
  std::size_t reserved_bytes() const { return reserved_; }

 private:
  struct Block {
    std::unique_ptr<float[], void (*)(float*)> data;
    std::size_t floats;
  };
  std::vector<Block> blocks_;
  Mark at_;
  std::size_t reserved_ = 0;
};

class Tape {
 public:
  Tape(ThreadPool& pool, Arena& arena) : pool_(pool), arena_(arena) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  ThreadPool& pool() const { return pool_; }
  Arena& arena() const { return arena_; }

  // A matrix owned elsewhere; with `gradient`, what flows into it is added there.
  Var Leaf(float* data, float* gradient, int64_t rows, int64_t columns);
  // A result to be filled.
  Var Result(int64_t rows, int64_t columns, bool wants_gradient);
  // Uninitialised memory that lives as long as the tape's values.
  float* Keep(int64_t floats) { return arena_.Take(floats); }

  // What is run on the way back when a gradient has reached `result`.
  void Record(Var result, std::function<void()> backward);

  // Where a value's gradient is summed up, zero at first; null where none is wanted.
  float* GradientOf(Var value);

  // Runs the tape backwards from `result`, whose gradient `seed` is ([rows][columns]; null: ones).
  void Backward(Var result, const float* seed = nullptr);

 private:
  struct Step {
    Var result;
    std::function<void()> backward;
  };
  ThreadPool& pool_;
  Arena& arena_;
  std::deque<Value> values_;
  std::vector<Step> steps_;
};

// Computes body(tape, input) without keeping what is in between: on the way back it is computed
// once more (Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174). The
// body must do the same both times; it may use leaves.
Var Recomputed(Tape& tape, Var input, std::function<Var(Tape&, Var)> body);

}  // namespace fathom::autograd
