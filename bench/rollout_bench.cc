// Speed of reinforcement: tokens per second of rollouts through the engine over the parameters in
// training, and of the step that learns from them. Random weights and prompts; what a model says
// does not change its speed.
//
//   rollout_bench CONFIG [--prompts N] [--samples N] [--length N] [--parallel N] [--threads N]
//
// CONFIG is a config.json of a deepseek_v3 or the name of a built-in shape; --length is that of
// replies, --parallel how many run at once.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "convert/shape.h"
#include "models/deepseek/train.h"
#include "recipe/grpo.h"
#include "train/initialise.h"

namespace fathom {
namespace {

constexpr int64_t kPromptTokens = 40;

class RandomPrompts final : public PolicyTask {
 public:
  explicit RandomPrompts(int64_t vocabulary) : vocabulary_(vocabulary) {}
  std::vector<int32_t> Prompt(int64_t index) const override {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < kPromptTokens; ++i) {
      const double u = UniformAt(1, static_cast<uint64_t>(index * kPromptTokens + i));
      ids.push_back(static_cast<int32_t>(u * static_cast<double>(vocabulary_)));
    }
    return ids;
  }
  std::vector<Outcome> Judge(int64_t, std::span<const Rollout> replies) const override {
    std::vector<Outcome> outcomes;
    for (const Rollout& reply : replies) outcomes.push_back({reply.tokens[0] % 2 == 0 ? 1.0 : 0.0});
    return outcomes;
  }
  std::span<const int32_t> stops() const override { return {}; }

 private:
  int64_t vocabulary_;
};

int Main(int argc, char** argv) {
  GrpoOptions options;
  options.rollouts.max_tokens = 128;
  options.mask_truncated = options.drop_uniform_groups = false;
  PolicyOptions engine{.threads = AvailableProcessors()};
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const int64_t value = std::atoll(argv[i + 1]);
    if (flag == "--prompts") options.prompts = value;
    if (flag == "--samples") options.rollouts.samples = value;
    if (flag == "--length") options.rollouts.max_tokens = value;
    if (flag == "--parallel") engine.max_sequences = value;
    if (flag == "--threads") engine.threads = static_cast<int>(value);
  }
  const ModelFile config = OpenShape(argv[1]);
  const std::unique_ptr<TrainableModel> model =
      deepseek::MakeTrainable(deepseek::ParseHfKeys(config));
  ParameterSet& parameters = model->parameters();
  Initialise(parameters, {.standard_deviation = 0.02});
  engine.context_length = kPromptTokens + options.rollouts.max_tokens;
  ThreadPool pool(engine.threads);
  const RandomPrompts task(model->vocabulary());
  Grpo grpo(*model, config, task, options, engine, pool);
  for (int step = 0; step < 2; ++step) {
    const GrpoReport report = grpo.Step();
    const double tokens =
        report.mean_length * static_cast<double>(options.prompts * options.rollouts.samples);
    std::printf(
        "%lld parameters, %lld prompts x %lld replies of %.0f tokens, %lld at once, %d "
        "threads: rollouts %.0f tokens/s, training %.0f tokens/s; mismatch %.1e (%.1e)\n",
        static_cast<long long>(parameters.elements()), static_cast<long long>(options.prompts),
        static_cast<long long>(options.rollouts.samples), report.mean_length,
        static_cast<long long>(engine.max_sequences), engine.threads,
        tokens / report.rollout_seconds,
        static_cast<double>(report.trained_tokens) / report.training_seconds, report.mismatch,
        report.largest_mismatch);
  }
  return 0;
}

}  // namespace
}  // namespace fathom

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: rollout_bench CONFIG [--prompts N] [--samples N] [--length N] "
                 "[--parallel N] [--threads N]\n");
    return 2;
  }
  return fathom::Main(argc, argv);
}
