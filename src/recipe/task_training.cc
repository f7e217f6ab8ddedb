#include "recipe/task_training.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "recipe/policy.h"
#include "train/export.h"

namespace fathom {
namespace {

// A digest of the first samples: what is drawn for a seed changes with the program's tasks.
std::string SamplesDigest(const SampleSource& samples) {
  constexpr int64_t kSamples = 24;
  Sha256 digest;
  for (int64_t i = 0; i < kSamples; ++i) {
    const Sample sample = samples.At(i);
    digest.Update(std::as_bytes(std::span(sample.tokens)));
  }
  return digest.HexDigest();
}

}  // namespace

TaskTraining::TaskTraining(const ModelRecipe& model, const DataRecipe& data,
                           const EvaluateRecipe& evaluate, const OutputRecipe& output,
                           uint64_t seed, int threads)
    : evaluate_(evaluate),
      type_(output.type),
      started_(StartModel(model, seed, output.type)),
      format_(*started_.tokenizer, *started_.chat_template),
      train_tasks_(data.tasks, Split::kTrain, data.seed),
      test_tasks_(data.tasks, Split::kTest, data.seed),
      samples_(train_tasks_, format_, *started_.tokenizer, data.forms, data.prompt_weight,
               started_.context_length, data.seed),
      held_out_(test_tasks_, format_, *started_.tokenizer, SampleForms{}, 0,
                started_.context_length, data.seed),
      pool_(threads > 0 ? threads : PhysicalCores()) {
  // The same problems whatever a recipe's seed is, so that trainings can be compared.
  constexpr uint64_t kEvaluationSeed = 0;
  if (evaluate.replies > 0) {
    problems_ = HeldOutProblems(data.tasks, evaluate.replies, kEvaluationSeed);
  }
}

OrderedJson TaskTraining::Identity(std::string_view kind, const OrderedJson& settings) const {
  OrderedJson identity = OrderedJson::object();
  identity["kind"] = kind;
  for (const auto& [key, value] : started_.identities.items()) identity[key] = value;
  for (const auto& [key, value] : settings.items()) identity[key] = value;
  identity["samples"] = SamplesDigest(samples_);
  return identity;
}

TaskMeasure TaskTraining::Measure(int64_t batch_tokens, const CancelFlag* cancelled) {
  constexpr int64_t kSequences = 32;  // that the engine runs at once
  TaskMeasure measure;
  measure.predicted =
      HeldOutLossOf(model(), held_out_, evaluate_.problems, batch_tokens, pool_, cancelled);
  if (problems_.empty()) return measure;
  Policy policy(model(), config(),
                {.threads = pool_.threads(),
                 .max_sequences = kSequences,
                 .context_length = EngineContext(evaluate_.max_tokens)});
  EvaluationOptions options;
  options.max_tokens = evaluate_.max_tokens;
  const bool has_mtp = measure.predicted.mtp_loss > 0;
  options.keep_replies = has_mtp;
  measure.replies = Evaluate(policy.Refresh(), format_, problems_, options, cancelled);
  if (has_mtp) {
    policy.Release();
    const std::vector<JudgedSequence> replies = std::exchange(measure.replies->replies, {});
    measure.mtp = MeasureMtpAcceptance(model(), replies, pool_, batch_tokens, cancelled);
  }
  return measure;
}

int64_t TaskTraining::EngineContext(int64_t max_tokens) const {
  constexpr int64_t kLongestPrompt = 1024;  // of any task
  return std::min(started_.context_length, kLongestPrompt + max_tokens);
}

void TaskTraining::Export(const std::filesystem::path& folder) const {
  ExportDirectory(*started_.model, type_, started_.texts, folder);
}

LogNumbers NumbersOf(const TaskMeasure& measure) {
  LogNumbers numbers = {{"held_out_loss", measure.predicted.loss},
                        {"held_out_accuracy", measure.predicted.accuracy}};
  if (measure.predicted.mtp_loss > 0) {
    numbers.emplace_back("held_out_mtp_loss", measure.predicted.mtp_loss);
  }
  if (measure.mtp) numbers.emplace_back("held_out_mtp_accepted", measure.mtp->share());
  if (!measure.replies) return numbers;
  const FamilyScore& mean = measure.replies->mean;
  numbers.emplace_back("held_out_pass_at_1", mean.pass_1);
  numbers.emplace_back("held_out_formatted", mean.formatted);
  numbers.emplace_back("held_out_truncated", mean.truncated);
  numbers.emplace_back("held_out_thinking_tokens", mean.thinking_tokens);
  for (const FamilyScore& family : measure.replies->families) {
    numbers.emplace_back("held_out_pass_at_1." + family.family, family.pass_1);
  }
  return numbers;
}

}  // namespace fathom
