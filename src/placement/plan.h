// The planner: from what is known of a model and of the machine, what it needs, what would live
// where, how fast it would be and why, and whether it will run at all. Pure arithmetic: all numbers
// come in, none is made up here. Sees groups of weights, not architectures.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "placement/machine.h"
#include "placement/step_costs.h"
#include "placement/weight_group.h"

namespace fathom {

struct PlanRequest {
  int64_t context = 0;  // tokens of each user's conversation at most; 0: see DefaultContext
  int64_t users = 1;    // conversations at a time
  CacheType cache_type = CacheType::kF16;
  int64_t step_tokens = 512;  // rows of one step at most (EngineOptions::max_step_tokens)
};

// Where a part lives while the model runs.
enum class Home : uint8_t {
  kMemory,
  kMemoryAndDisk,  // what fits is kept, the rest is read from the file when a token needs it
  kDisk,           // read when needed
  kNowhere,        // never read
};

struct PlanPart {
  WeightRole role = WeightRole::kUnused;
  WeightTotals totals;
  Home home = Home::kMemory;
  double resident_bytes = 0;  // of bytes_read, what memory holds
};

// One stretch of time inside a step.
struct TimePart {
  double bytes = 0;  // read from memory, or from the disk
  double seconds = 0;
};

// A step of decoding, or the reading of a prompt, and what it consists of.
struct SpeedEstimate {
  int64_t position = 0;  // tokens before: of decoding; the tokens of the prompt: of prefill
  double tokens = 0;     // that the time is for, all users together
  TimePart weights;      // products
  TimePart cache;        // attention
  double other_seconds = 0;
  TimePart disk;
  double products = 0;          // multiplications and additions of weights, counted as two
  double distinct_experts = 0;  // per layer and step, expected
  double seconds() const { return weights.seconds + cache.seconds + other_seconds + disk.seconds; }
  double tokens_per_second() const { return seconds() > 0 ? tokens / seconds() : 0; }
};

enum class Verdict : uint8_t {
  kFits,           // all in memory
  kFromDisk,       // what every token needs is in memory, experts are partly read from the disk
  kDenseFromDisk,  // weights that every token needs are read from the disk
  kWillNotFit,     // what must be in memory does not fit
};

// What would make a model fit that does not.
struct Remedy {
  int64_t memory_needed = 0;  // available memory in which everything fits
  double bits_per_weight =
      0;               // of weights that would fit as it is, embedding included; 0: none would
  std::string format;  // the largest common format within that, or empty
};

struct PlacementPlan {
  ModelOutline model;
  Machine machine;
  PlanRequest request;

  WeightTotals all;             // what the model runs on
  std::vector<PlanPart> parts;  // in order of worth; parts without weights are left out
  int64_t cache_bytes_per_token = 0;
  int64_t cache_bytes = 0;      // of all users at full context
  int64_t working_bytes = 0;    // of a step, at most
  int64_t needed_bytes = 0;     // all of it: weights, what is made of them, cache, working memory
  int64_t always_bytes = 0;     // of it, what every token needs
  double resident_experts = 1;  // share of the routed experts that memory holds

  Verdict verdict = Verdict::kFits;
  Remedy remedy;
  double load_seconds = 0;  // reading the whole for the first time; 0: not known

  bool measured = false;               // whether the following are there
  std::vector<SpeedEstimate> decode;   // at a short context, and with it full
  std::vector<SpeedEstimate> prefill;  // of a short prompt, and of one that fills the context
};

// What the engine takes when nobody says: the model's own context, or as much of it as a quarter of
// the available memory holds for each user.
int64_t DefaultContext(const ModelOutline& model, int64_t available, CacheType type, int64_t users);

// `costs` may be null: then there are no speeds. Throws Error: kInvalidArgument for fewer than one
// user, kContextOverflow for a context beyond the model's.
PlacementPlan MakePlan(const ModelOutline& model, const Machine& machine,
                       const PlanRequest& request, StepCosts* costs);

}  // namespace fathom
