// Owns: the sums. Invariant: every byte and every second of an estimate is that of a group of
// weights, of the cache, or of something the probe measured. Assumed, and said where it is shown:
// experts are chosen evenly, and time of the disk is not hidden behind computing.
#include "placement/plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace fathom {
namespace {

// The shorter of the two stretches that are estimated.
constexpr int64_t kShortContext = 128;
constexpr int64_t kShortPrompt = 512;

// Sizes that no machine has stay sizes that no machine has.
constexpr int64_t kEndless = int64_t{1} << 60;
int64_t Times(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) || product > kEndless ? kEndless : product;
}

int64_t PagesFor(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

bool Runs(const WeightGroup& group) {
  return group.role != WeightRole::kPrediction && group.role != WeightRole::kUnused;
}

bool OnDemand(WeightRole role) {
  return role == WeightRole::kRoutedExperts || role == WeightRole::kEmbedding;
}

// What a product keeps per row of its input: the values, and 16 bits of each with a scale and a sum
// for every 32 (kernels.h).
constexpr double kInputBytes = 4 + 2 + 8.0 / kActivationGroup;

// Inputs and results of every kind of product for a whole step. Of experts' results the last take
// the place of their inputs, so that at most one of each is there at a time.
int64_t WorkingBytes(const ModelOutline& model, const PlanRequest& request) {
  double row = 0;
  for (const WeightGroup& group : model.groups) {
    if (!Runs(group) || !group.multiplied || group.role == WeightRole::kHead) continue;
    if (group.rows_at_once > 0) continue;  // done piece by piece
    row += std::max(static_cast<double>(group.columns) * kInputBytes,
                    static_cast<double>(group.rows) * 4) *
           static_cast<double>(group.used);
  }
  const double logits = static_cast<double>(model.vocabulary) * 4 * 64;  // of 64 rows at a time
  const double bytes = row * static_cast<double>(request.step_tokens) + logits;
  return static_cast<int64_t>(std::min(bytes, static_cast<double>(kEndless)));
}

class Planner {
 public:
  Planner(PlacementPlan& plan, StepCosts* costs) : plan_(plan), costs_(costs) {}

  void Run() {
    Sizes();
    Place();
    Judge();
    const DiskSpeed& disk = plan_.machine.disk;
    disk_ = disk.mapped > 0 ? disk.mapped : disk.direct;
    if (disk_ > 0) plan_.load_seconds = static_cast<double>(plan_.all.bytes) / disk_;
    if (costs_ == nullptr) return;
    plan_.measured = true;
    const int64_t context = plan_.request.context;
    const int64_t near = std::min(kShortContext, context);
    plan_.decode.push_back(Decode(near));
    if (context > near) plan_.decode.push_back(Decode(context));
    const int64_t prompt = std::min(kShortPrompt, context);
    plan_.prefill.push_back(Prefill(prompt));
    if (context > prompt) plan_.prefill.push_back(Prefill(context));
  }

 private:
  const ModelOutline& model() const { return plan_.model; }

  void Sizes() {
    const PlanRequest& request = plan_.request;
    plan_.all = TotalsOf(model());
    const int64_t page =
        Times(model().layers, model().attention.layer_page_bytes(request.cache_type));
    plan_.cache_bytes_per_token = page / kPageTokens;
    plan_.cache_bytes = Times(Times(PagesFor(request.context), page), request.users);
    plan_.working_bytes = WorkingBytes(model(), request);
    const int64_t fixed = plan_.cache_bytes + plan_.working_bytes;
    plan_.needed_bytes = plan_.always_bytes = fixed;
    for (const WeightGroup& group : model().groups) {
      if (!Runs(group)) continue;
      plan_.needed_bytes += group.bytes_read();
      if (!OnDemand(group.role)) plan_.always_bytes += group.bytes_read();
      made_ += group.made_bytes;
    }
  }

  // Fills memory with the parts in order of worth.
  void Place() {
    double left = static_cast<double>(plan_.machine.memory_available - plan_.cache_bytes -
                                      plan_.working_bytes);
    for (int i = 0; i < kWeightRoleCount; ++i) {
      PlanPart part;
      part.role = static_cast<WeightRole>(i);
      part.totals = TotalsOf(model(), part.role);
      if (part.totals.parameters == 0) continue;
      double wanted = 0;
      for (const WeightGroup& group : model().groups) {
        if (group.role == part.role && Runs(group)) {
          wanted += static_cast<double>(group.bytes_read());
        }
      }
      part.resident_bytes = std::clamp(left, 0.0, wanted);
      left -= part.resident_bytes;
      if (wanted == 0) {
        part.home = Home::kNowhere;
      } else if (part.resident_bytes == wanted) {
        part.home = Home::kMemory;
      } else {
        part.home = part.resident_bytes > 0 ? Home::kMemoryAndDisk : Home::kDisk;
      }
      if (part.role == WeightRole::kRoutedExperts) {
        plan_.resident_experts = part.resident_bytes / wanted;
      }
      plan_.parts.push_back(part);
    }
  }

  void Judge() {
    const int64_t available = plan_.machine.memory_available;
    if (plan_.needed_bytes <= available) {
      plan_.verdict = Verdict::kFits;
      return;
    }
    if (plan_.always_bytes <= available) {
      plan_.verdict = Verdict::kFromDisk;
    } else if (plan_.cache_bytes + plan_.working_bytes + made_ <= available) {
      plan_.verdict = Verdict::kDenseFromDisk;
    } else {
      plan_.verdict = Verdict::kWillNotFit;
    }
    plan_.remedy.memory_needed = plan_.needed_bytes;
    const double room = static_cast<double>(available - plan_.cache_bytes - plan_.working_bytes);
    const auto parameters = static_cast<double>(plan_.all.parameters);
    plan_.remedy.bits_per_weight = std::max(room, 0.0) * 8 / parameters;
    const double now = static_cast<double>(plan_.all.bytes) * 8 / parameters;
    for (const Format format : {Format::kQ8_0, Format::kQ6_K, Format::kQ5_K, Format::kQ4_K,
                                Format::kQ3_K, Format::kQ2_K, Format::kIQ1_M}) {
      const double bits = RowOf(format).bits_per_element();
      if (bits >= now || bits > plan_.remedy.bits_per_weight) continue;
      plan_.remedy.format = RowOf(format).name;
      break;
    }
  }

  // Seconds of a matrix at a number of rows that is an average.
  double MatrixSeconds(const WeightGroup& group, double rows, int64_t together) {
    const auto below = std::max(static_cast<int64_t>(rows), int64_t{1});
    const double low = costs_->MatrixSeconds(group, below, together);
    const double rest = rows - static_cast<double>(below);
    if (rest < 0.01) return low;
    // Beyond a few rows the time grows evenly with them.
    if (below >= 8) return low * rows / static_cast<double>(below);
    return low + rest * (costs_->MatrixSeconds(group, below + 1, together) - low);
  }

  // Adds the products of one step of `rows` rows, of which `logit_rows` reach the head.
  void AddProducts(int64_t rows, int64_t logit_rows, SpeedEstimate& estimate) {
    const double missing = 1 - plan_.resident_experts;
    for (const WeightGroup& group : model().groups) {
      if (!Runs(group)) continue;
      const int64_t count = group.role == WeightRole::kHead ? logit_rows : rows;
      if (count == 0) continue;
      const auto bytes = static_cast<double>(group.bytes_read());
      if (!group.multiplied) {
        estimate.weights.bytes +=
            bytes * group.share_per_token() * (group.chosen() ? static_cast<double>(count) : 1.0);
        continue;
      }
      estimate.products += 2 * static_cast<double>(group.parameters) * group.share_per_token() *
                           static_cast<double>(count);
      if (!group.chosen()) {
        estimate.weights.bytes += bytes;
        const int64_t once = group.rows_at_once > 0 ? std::min(count, group.rows_at_once) : count;
        estimate.weights.seconds += static_cast<double>(group.matrices) *
                                    costs_->MatrixSeconds(group, once, group.together) *
                                    static_cast<double>(count) / static_cast<double>(once);
        continue;
      }
      const auto tokens = static_cast<double>(count);
      const double distinct = ExpectedDistinct(group.choices, group.used, tokens);
      const double share = distinct / static_cast<double>(group.choices);
      estimate.distinct_experts = distinct;
      estimate.weights.bytes += bytes * share;
      estimate.weights.seconds +=
          static_cast<double>(group.matrices) * share *
          MatrixSeconds(group, tokens * static_cast<double>(group.used) / distinct,
                        static_cast<int64_t>(std::lround(distinct)));
      estimate.disk.bytes += bytes * share * missing;
    }
    // Of weights that every token needs and memory does not hold, at least these.
    const int64_t excess = plan_.always_bytes - plan_.machine.memory_available;
    estimate.disk.bytes += static_cast<double>(std::max<int64_t>(excess, 0));
  }

  void AddDiskTime(SpeedEstimate& estimate) const {
    if (disk_ > 0) estimate.disk.seconds = estimate.disk.bytes / disk_;
  }

  SpeedEstimate Decode(int64_t position) {
    const int64_t users = plan_.request.users;
    SpeedEstimate estimate;
    estimate.position = position;
    estimate.tokens = static_cast<double>(users);
    AddProducts(users, users, estimate);
    const double pairs = static_cast<double>(users) * static_cast<double>(position + 1);
    const auto layers = static_cast<double>(model().layers);
    estimate.cache.bytes = pairs * static_cast<double>(plan_.cache_bytes_per_token);
    estimate.cache.seconds =
        layers * pairs *
        costs_->PairSeconds(model().attention, plan_.request.cache_type, 1, users, position);
    estimate.other_seconds = layers * costs_->LayerSeconds(model(), users) +
                             static_cast<double>(users) * costs_->ChoiceSeconds(model());
    AddDiskTime(estimate);
    return estimate;
  }

  // One prompt, from its first token to the first of the reply.
  SpeedEstimate Prefill(int64_t prompt) {
    const int64_t step = std::min(plan_.request.step_tokens, prompt);
    const int64_t steps = (prompt + step - 1) / step;
    const int64_t rest = prompt - (steps - 1) * step;
    SpeedEstimate estimate, whole;
    estimate.position = prompt;
    estimate.tokens = static_cast<double>(prompt);
    AddProducts(rest, 1, estimate);
    if (steps > 1) {
      AddProducts(step, 0, whole);
      const auto times = static_cast<double>(steps - 1);
      estimate.weights.bytes += times * whole.weights.bytes;
      estimate.weights.seconds += times * whole.weights.seconds;
      estimate.disk.bytes += times * whole.disk.bytes;
      estimate.products += times * whole.products;
      estimate.distinct_experts = whole.distinct_experts;
    }
    const double pairs = static_cast<double>(prompt) * static_cast<double>(prompt + 1) / 2;
    const auto layers = static_cast<double>(model().layers);
    estimate.cache.bytes =
        static_cast<double>(prompt) * static_cast<double>(plan_.cache_bytes_per_token);
    estimate.cache.seconds =
        layers * pairs *
        costs_->PairSeconds(model().attention, plan_.request.cache_type, step, 1, prompt / 2);
    estimate.other_seconds =
        layers * (costs_->LayerSeconds(model(), step) * static_cast<double>(steps - 1) +
                  costs_->LayerSeconds(model(), rest)) +
        costs_->ChoiceSeconds(model());
    AddDiskTime(estimate);
    return estimate;
  }

  PlacementPlan& plan_;
  StepCosts* costs_;
  int64_t made_ = 0;  // bytes that loading makes, which no file has
  double disk_ = 0;   // bytes per second; 0: not known
};

}  // namespace

int64_t DefaultContext(const ModelOutline& model, int64_t available, CacheType type,
                       int64_t users) {
  const int64_t page = model.layers * model.attention.layer_page_bytes(type);
  const int64_t pages = std::max<int64_t>(available / 4 / users / page, 1);
  return std::min(model.context_length, pages * kPageTokens);
}

PlacementPlan MakePlan(const ModelOutline& model, const Machine& machine,
                       const PlanRequest& request, StepCosts* costs) {
  if (request.users < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "there are " + std::to_string(request.users) + " users, expected 1 or more");
  }
  if (request.context < 0 || request.context > model.context_length) {
    throw Error(ErrorCode::kContextOverflow,
                "a context of " + std::to_string(request.context) +
                    " tokens was asked for, but the model is made for " +
                    std::to_string(model.context_length),
                "lower --ctx");
  }
  PlacementPlan plan;
  plan.model = model;
  plan.machine = machine;
  plan.request = request;
  if (request.context == 0) {
    plan.request.context =
        DefaultContext(model, machine.memory_available, request.cache_type, request.users);
  }
  Planner(plan, costs).Run();
  return plan;
}

}  // namespace fathom
