#include "recipe/grpo.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace fathom {

using autograd::Tape;
using autograd::Var;

namespace {

void RequireOption(bool holds, const std::string& what) {
  if (!holds) throw Error(ErrorCode::kInvalidArgument, "GRPO: " + what);
}

void Validate(const GrpoOptions& options) {
  const auto at_least = [](int64_t value, int64_t least, const char* name) {
    RequireOption(value >= least, std::string(name) + " is " + std::to_string(value) +
                                      ", expected at least " + std::to_string(least));
  };
  const auto not_negative = [](double value, const char* name) {
    RequireOption(std::isfinite(value) && value >= 0,
                  std::string(name) + " is " + std::to_string(value) + ", expected 0 or more");
  };
  at_least(options.prompts, 1, "prompts");
  at_least(options.rollouts.samples, 2, "samples");
  at_least(options.rollouts.max_tokens, 1, "max_tokens");
  at_least(options.updates, 1, "updates");
  at_least(options.epochs, 1, "epochs");
  at_least(options.reference_interval, 1, "reference_interval");
  at_least(options.batch_tokens, 1, "batch_tokens");
  not_negative(options.accuracy_weight, "accuracy_weight");
  not_negative(options.format_weight, "format_weight");
  not_negative(options.objective.clip_low, "clip_low");
  not_negative(options.objective.clip_high, "clip_high");
  not_negative(options.objective.kl_coefficient, "kl_coefficient");
  not_negative(options.schedule.peak, "learning_rate");
  RequireOption(options.largest_norm > 0, "largest_norm is no number above 0");
  RequireOption(options.rollouts.temperature > 0,
                "temperature is " + std::to_string(options.rollouts.temperature) +
                    ", expected more than 0: replies of a group must differ");
}

// -sum p log p of softmax(row).
double EntropyOf(const float* row, int64_t vocabulary) {
  const float best = *std::max_element(row, row + vocabulary);
  double sum = 0, weighed = 0;
  for (int64_t i = 0; i < vocabulary; ++i) {
    const float away = row[i] - best;
    const float p = std::exp(away);
    sum += p;
    weighed += p * away;
  }
  return std::log(sum) - weighed / sum;
}

}  // namespace

GrpoOptions R1Options() {
  GrpoOptions options;
  options.prompts = 512;
  options.rollouts = {.samples = 16, .max_tokens = 32768, .temperature = 1.0F, .top_p = 1.0F};
  options.accuracy_weight = options.format_weight = 1.0;
  options.divide_by_deviation = true;
  options.drop_uniform_groups = false;
  options.mask_truncated = false;
  options.mean = LossMean::kReplies;
  options.objective = {.clip_low = 10, .clip_high = 10, .kl_coefficient = 1e-3};
  options.updates = 16;
  options.epochs = 1;
  options.reference_interval = 400;
  options.schedule = {.peak = 3e-6, .final_share = 1, .warmup_steps = 0, .steps = 1};
  return options;
}

Grpo::Grpo(TrainableModel& model, const ModelFile& config, const PolicyTask& task,
           const GrpoOptions& options, const PolicyOptions& engine, ThreadPool& pool)
    : model_(model),
      task_(task),
      options_(options),
      pool_(pool),
      policy_(model, config, engine),
      optimiser_(MakeOptimiser(model.parameters(), options.optimiser_kind, options.optimiser,
                               options.muon)) {
  Validate(options);
  if (!has_reference()) return;
  reference_ = Buffer(model.parameters().values().size_bytes(), "the reference policy");
  std::size_t biases = 0;
  for (const RouterBias& bias : model.router_biases()) biases += bias.values.size();
  reference_biases_ = Buffer(biases * sizeof(float), "the reference policy's biases");
  ResetReference();
}

GrpoReport Grpo::Step(const CancelFlag* cancelled, const Progress& progress) {
  GrpoReport report;
  report.step = steps_;
  report.learning_rate = options_.schedule.At(steps_);
  std::vector<std::vector<int32_t>> prompts;
  for (int64_t i = 0; i < options_.prompts; ++i) {
    prompts.push_back(task_.Prompt(steps_ * options_.prompts + i));
  }
  const Groups groups = Sample(prompts, cancelled, progress, report);
  std::vector<TrainedReply> replies = Judge(prompts, groups, report);
  CheckCancelled(cancelled);
  const double start = MonotonicSeconds();
  if (!replies.empty()) Train(replies, report);
  report.training_seconds = MonotonicSeconds() - start;
  ++steps_;
  return report;
}

Grpo::Groups Grpo::Sample(std::span<const std::vector<int32_t>> prompts,
                          const CancelFlag* cancelled, const Progress& progress,
                          GrpoReport& report) {
  const double start = MonotonicSeconds();
  Groups groups;
  try {
    groups = SampleRollouts(policy_.Refresh(), prompts, task_.stops(), options_.rollouts, steps_,
                            cancelled, progress);
  } catch (const Error& error) {
    FailOfRollouts(error);
  }
  policy_.Release();
  report.rollout_seconds = MonotonicSeconds() - start;
  int64_t replies = 0, tokens = 0;
  for (const std::vector<Rollout>& group : groups) {
    for (const Rollout& rollout : group) {
      ++replies;
      tokens += static_cast<int64_t>(rollout.tokens.size());
      report.truncated += rollout.truncated ? 1 : 0;
      for (const float log_prob : rollout.log_probs) report.sampled_entropy -= log_prob;
    }
  }
  report.truncated /= static_cast<double>(replies);
  report.mean_length = static_cast<double>(tokens) / static_cast<double>(replies);
  report.sampled_entropy /= static_cast<double>(std::max<int64_t>(tokens, 1));
  return groups;
}

void Grpo::FailOfRollouts(const Error& error) const {
  const ParameterSet& parameters = model_.parameters();
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const std::span<const float> values = parameters.values(i);
    if (std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) continue;
    throw Error(ErrorCode::kInternal,
                "step " + std::to_string(steps_) + " has a value that is no number: first in " +
                    parameters.shapes()[i].name,
                "the last checkpoint is untouched; a lower learning rate may help");
  }
  throw error;
}

std::vector<TrainedReply> Grpo::Judge(std::span<const std::vector<int32_t>> prompts,
                                      const Groups& groups, GrpoReport& report) {
  const double share = 1.0 / static_cast<double>(options_.prompts * options_.rollouts.samples);
  const double group_share = 1.0 / static_cast<double>(options_.prompts);
  std::vector<TrainedReply> replies;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const int64_t index = steps_ * options_.prompts + static_cast<int64_t>(g);
    const std::vector<Outcome> outcomes = task_.Judge(index, groups[g]);
    CHECK(outcomes.size() == groups[g].size());
    std::vector<double> rewards;
    double accuracy = 0;
    bool solved = false;
    for (const Outcome& outcome : outcomes) {
      const double right = options_.accuracy_weight * outcome.accuracy;
      const double form = options_.format_weight * outcome.format;
      rewards.push_back(right + form);
      report.accuracy_reward += right * share;
      report.format_reward += form * share;
      accuracy += outcome.accuracy / static_cast<double>(outcomes.size());
      solved = solved || outcome.accuracy >= 1.0;
    }
    report.accuracies.push_back(accuracy);
    report.pass_1 += accuracy * group_share;
    report.pass_group += solved ? group_share : 0;
    if (options_.drop_uniform_groups && IsUniform(rewards)) {
      report.dropped_groups += group_share;
      continue;
    }
    const std::vector<double> advantages = Advantages(rewards, options_.divide_by_deviation);
    for (std::size_t i = 0; i < groups[g].size(); ++i) {
      const Rollout& rollout = groups[g][i];
      if (rollout.tokens.empty() || (options_.mask_truncated && rollout.truncated)) continue;
      replies.push_back({.prompt = prompts[g],
                         .tokens = rollout.tokens,
                         .sampled = rollout.log_probs,
                         .advantage = advantages[i]});
    }
  }
  report.reward = report.accuracy_reward + report.format_reward;
  return replies;
}

void Grpo::Train(std::vector<TrainedReply>& replies, GrpoReport& report) {
  const std::vector<Replies> updates = SplitForUpdates(replies);
  report.trained_replies = static_cast<int64_t>(replies.size());
  for (const TrainedReply& reply : replies) report.trained_tokens += std::ssize(reply.tokens);
  before_ = {};
  if (has_reference()) {
    SwapReference();
    try {
      for (const Replies& update : updates) Evaluate(update, true);
    } catch (...) {
      SwapReference();
      throw;
    }
    SwapReference();
  }
  // The first update's own pass says what its tokens were before it, and its ratios are 1 exactly.
  for (std::size_t i = 1; i < updates.size(); ++i) Evaluate(updates[i], false);
  ObjectiveSums sums;
  for (int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
    for (const Replies& update : updates) Update(update, report, sums);
  }
  const auto count = static_cast<double>(report.updates);
  const auto tokens = static_cast<double>(sums.tokens);
  report.loss = sums.loss / count;
  report.gradient_norm /= count;
  report.clipped = static_cast<double>(sums.clipped) / tokens;
  report.kl = sums.kl / tokens;
  report.entropy = before_.entropy / static_cast<double>(before_.tokens);
  report.mismatch = before_.mismatch / static_cast<double>(before_.tokens);
  report.largest_mismatch = before_.largest_mismatch;
}

// In equal parts, shuffled (Fisher and Yates) by seed and step, so that replies to one prompt are
// spread.
std::vector<Replies> Grpo::SplitForUpdates(std::vector<TrainedReply>& replies) const {
  Replies order;
  for (TrainedReply& reply : replies) order.push_back(&reply);
  const auto parts =
      static_cast<std::size_t>(std::min<int64_t>(options_.updates, std::ssize(order)));
  constexpr uint32_t kStream = 0x67727570;  // apart from other draws under the same seed
  if (parts > 1) {
    for (std::size_t i = order.size() - 1; i > 0; --i) {
      const uint64_t position = (static_cast<uint64_t>(steps_) << 32) | i;
      const double u = UniformAt(options_.rollouts.seed, position, kStream);
      std::swap(order[i], order[static_cast<std::size_t>(u * static_cast<double>(i + 1))]);
    }
  }
  std::vector<Replies> result(parts);
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t begin = p * order.size() / parts, end = (p + 1) * order.size() / parts;
    result[p].assign(order.begin() + static_cast<std::ptrdiff_t>(begin),
                     order.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return result;
}

void Grpo::KeepBefore(TrainedReply& reply, const autograd::Value& logits, const float* log_probs,
                      int64_t first_row) {
  const std::size_t count = reply.tokens.size();
  reply.old.assign(log_probs + first_row, log_probs + first_row + count);
  std::vector<double> entropies(count);
  pool_.ParallelFor(static_cast<int64_t>(count), [&](int64_t i, int) {
    entropies[static_cast<std::size_t>(i)] = EntropyOf(logits.row(first_row + i), logits.columns);
  });
  for (std::size_t i = 0; i < count; ++i) {
    const double away = std::abs(static_cast<double>(reply.old[i]) - reply.sampled[i]);
    before_.entropy += entropies[i];
    before_.mismatch += away;
    before_.largest_mismatch = std::max(before_.largest_mismatch, away);
  }
  before_.tokens += static_cast<int64_t>(count);
}

// Log-probabilities under the values that the parameters have now, without gradients.
void Grpo::Evaluate(const Replies& replies, bool reference) {
  for (const Replies& part : PackReplies(replies, options_.batch_tokens)) {
    const ReplyPass rows(part);
    arena_.Release({});
    Tape tape(pool_, arena_);
    const TrainingPass pass =
        model_.Forward(tape, rows.batch, {.recompute = true, .predict_further = false});
    const Var log_probs = autograd::LogProbabilities(tape, pass.logits, rows.targets);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (reference) {
        const float* first = log_probs->data + rows.firsts[i];
        part[i]->reference.assign(first, first + part[i]->tokens.size());
      } else {
        KeepBefore(*part[i], *pass.logits, log_probs->data, rows.firsts[i]);
      }
    }
  }
}

void Grpo::Update(const Replies& replies, GrpoReport& report, ObjectiveSums& sums) {
  const MeanOf mean(options_.mean, replies);
  const double loss_before = sums.loss;
  model_.parameters().ClearGradients();
  counts_.Clear();
  for (const Replies& part : PackReplies(replies, options_.batch_tokens)) {
    const double share = static_cast<double>(part.size()) / static_cast<double>(replies.size());
    const ReplyPass rows(part);
    arena_.Release({});  // whatever a pass that threw has left
    Tape tape(pool_, arena_);
    const TrainingPass pass = model_.Forward(tape, rows.batch,
                                             {.balance_factor = options_.balance_factor * share,
                                              .recompute = options_.recompute,
                                              .predict_further = false});
    const Var log_probs = autograd::LogProbabilities(tape, pass.logits, rows.targets);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i]->old.empty()) {
        KeepBefore(*part[i], *pass.logits, log_probs->data, rows.firsts[i]);
      }
    }
    tape.Backward(ObjectiveOf(tape, log_probs, rows, part, options_.objective, mean, sums));
    counts_.Add(model_);
  }
  report.gradient_norm +=
      ApplyGradients(pool_, model_.parameters(), *optimiser_, report.step, sums.loss - loss_before,
                     report.learning_rate, options_.largest_norm);
  report.busiest_expert = counts_.Busiest();
  if (options_.bias_rate != 0) counts_.MoveBiases(model_, options_.bias_rate);
  ++report.updates;
  if (has_reference() && optimiser_->steps() % options_.reference_interval == 0) ResetReference();
}

void Grpo::ResetReference() {
  std::ranges::copy(model_.parameters().values(), reference_.as<float>().begin());
  auto to = reference_biases_.as<float>().begin();
  for (const RouterBias& bias : model_.router_biases()) to = std::ranges::copy(bias.values, to).out;
}

void Grpo::SwapReference() {
  std::ranges::swap_ranges(model_.parameters().values(), reference_.as<float>());
  auto at = reference_biases_.as<float>().begin();
  for (const RouterBias& bias : model_.router_biases()) {
    at = std::swap_ranges(bias.values.begin(), bias.values.end(), at);
  }
}

std::vector<CheckpointSection> Grpo::Sections() const {
  std::vector<CheckpointSection> sections = TrainingSections(model_, *optimiser_);
  if (!has_reference()) return sections;
  const std::size_t values = model_.parameters().values().size();
  sections.push_back({"reference parameters", reference_.as<float>().first(values)});
  std::size_t at = 0;
  for (const RouterBias& bias : model_.router_biases()) {
    sections.push_back(
        {"reference " + bias.name, reference_biases_.as<float>().subspan(at, bias.values.size())});
    at += bias.values.size();
  }
  return sections;
}

void Grpo::Save(const std::filesystem::path& path, const std::string& fingerprint) const {
  WriteCheckpoint(path, {fingerprint, optimiser_->steps(), steps_ * options_.prompts}, Sections());
}

void Grpo::Load(const std::filesystem::path& path, const std::string& fingerprint) {
  const CheckpointHead head = ReadCheckpoint(path, fingerprint, Sections());
  optimiser_->Resume(head.steps);
  steps_ = head.samples / options_.prompts;
}

}  // namespace fathom
