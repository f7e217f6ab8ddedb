// What one rendering may use. Every evaluation and every byte worked on is a step; every string and
// container that lives is counted. Running out is a Fault, so a template that loops for ever,
// recurses or doubles a string ends quickly and says why. Not for the tokenizer's limits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "base/cancel.h"
#include "base/error.h"

namespace fathom::jinja {

// Something the template did wrong, without the place: the interpreter adds template and line and
// turns it into an Error. Nothing outside this folder sees it.
class Fault : public std::runtime_error {
 public:
  explicit Fault(const std::string& message, ErrorCode code = ErrorCode::kInvalidArgument)
      : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

[[noreturn]] inline void Fail(const std::string& message) { throw Fault(message); }
// For what Jinja or Python can do and Fathom does not.
[[noreturn]] inline void Refuse(const std::string& what) {
  throw Fault(what + " is not supported in chat templates", ErrorCode::kUnsupported);
}

struct Limits {
  uint64_t steps = uint64_t{4} << 20;    // a tenth of a second of evaluation, at most one
  uint64_t bytes = uint64_t{256} << 20;  // of strings and containers that live at the same time
  uint64_t output = uint64_t{64} << 20;  // of the rendered prompt
  int depth = 600;                       // of nested evaluation: macros, loops, expressions
  // Another thread ends the rendering with it; may be null.
  const CancelFlag* cancelled = nullptr;
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) { SetNextLook(); }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  const Limits& limits() const { return limits_; }

  void Step(uint64_t count = 1) {
    steps_ += count;
    if (steps_ > next_look_) Look();
  }
  // Work on `bytes` of text: copying is quick, so many bytes are one step.
  void Work(std::size_t bytes) { Step(1 + bytes / 64); }
  // Work on every character of them: reading it and looking it up.
  void WorkOnCharacters(std::size_t bytes) { Step(1 + bytes / 8); }

  void Take(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > limits_.bytes) {
      bytes_ -= bytes;  // the object that wanted them does not come to be
      OutOfMemory();
    }
  }
  void Give(std::size_t bytes) noexcept { bytes_ -= bytes; }

  // One level of nested evaluation for as long as it lives.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) {
      if (budget.depth_ >= budget.limits_.depth) budget.TooDeep();
      ++budget.depth_;
    }
    ~Level() { --budget_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };

 private:
  // Some milliseconds of evaluation.
  static constexpr uint64_t kStepsBetweenLooks = uint64_t{1} << 16;

  void SetNextLook() { next_look_ = steps_ + std::min(limits_.steps - steps_, kStepsBetweenLooks); }
  void Look() {
    if (steps_ > limits_.steps) OutOfSteps();
    if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed)) {
      throw Fault("the rendering was cancelled", ErrorCode::kCancelled);
    }
    SetNextLook();
  }
  [[noreturn]] void OutOfSteps() const {
    throw Fault("the template does not end within " + std::to_string(limits_.steps) + " steps",
                ErrorCode::kUnsupported);
  }
  [[noreturn]] void OutOfMemory() const {
    throw Fault("the template needs more than " + std::to_string(limits_.bytes >> 20) +
                    " MiB for its values",
                ErrorCode::kUnsupported);
  }
  [[noreturn]] void TooDeep() const {
    throw Fault(
        "the template recurses or nests deeper than " + std::to_string(limits_.depth) + " levels",
        ErrorCode::kUnsupported);
  }

  Limits limits_;
  uint64_t steps_ = 0;
  uint64_t next_look_ = 0;  // the number of steps after which there is something to look at
  uint64_t bytes_ = 0;
  int depth_ = 0;
};

// Work in pieces of which each is less than a step.
class Meter {
 public:
  explicit Meter(Budget& budget) : budget_(budget) {}

  void Count(std::size_t bytes) {
    pending_ += bytes;
    if (pending_ < kStep) return;
    budget_.Step(pending_ / kStep);
    pending_ %= kStep;
  }

 private:
  static constexpr std::size_t kStep = 64;  // as Budget::Work

  Budget& budget_;
  std::size_t pending_ = 0;
};

// Bytes taken from a budget; given back when it goes. Without a budget (the template's literals,
// which are bounded by the template) nothing is counted.
class Charge {
 public:
  Charge() = default;
  Charge(Budget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {
    if (budget_ != nullptr) budget_->Take(bytes);
  }
  ~Charge() {
    if (budget_ != nullptr) budget_->Give(bytes_);
  }
  Charge(Charge&& other) noexcept : budget_(other.budget_), bytes_(other.bytes_) {
    other.budget_ = nullptr;
  }
  Charge& operator=(Charge&& other) noexcept {
    if (budget_ != nullptr) budget_->Give(bytes_);
    budget_ = other.budget_;
    bytes_ = other.bytes_;
    other.budget_ = nullptr;
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

  void Grow(std::size_t bytes) {
    if (budget_ != nullptr) budget_->Take(bytes);
    bytes_ += bytes;
  }

 private:
  Budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace fathom::jinja
