// fathom evaluate: how well a model solves held-out tasks, by family.
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "recipe/evaluation.h"

namespace fathom::cli {
namespace {

struct EvaluateFlags {
  ModelFlags model;
  std::vector<std::string> families;
  int64_t problems = 8;
  EvaluationOptions options;
  bool lenient = false;
  bool json = false;
};

// All levels of the named families; of all without names.
std::vector<MixtureEntry> EntriesOf(const std::vector<std::string>& families) {
  if (families.empty()) return AllTasks();
  std::vector<MixtureEntry> entries;
  for (const std::string& name : families) {
    const Family& family = FindFamily(name);
    for (int level = 1; level <= family.levels; ++level) entries.push_back({name, level, 1});
  }
  return entries;
}

std::string ProgressText(const RolloutProgress& progress) {
  std::string text =
      std::to_string(progress.done) + " of " + std::to_string(progress.total) + " replies";
  if (progress.done > 0 && progress.seconds > 0) {
    text += ", " + Significant(static_cast<double>(progress.tokens) / progress.seconds) +
            " tokens/s, " + DurationText(progress.RemainingSeconds()) + " left";
  }
  return text;
}

int RunEvaluate(const Context& context, const EvaluateFlags& flags) {
  constexpr uint64_t kProblemSeed = 0;  // the same problems for every model
  InterruptScope interrupts;
  const std::vector<Problem> problems =
      HeldOutProblems(EntriesOf(flags.families), flags.problems, kProblemSeed);
  const LoadedModel loaded = OpenModel(context, flags.model);
  if (loaded.tokenizer == nullptr || loaded.chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "model " + loaded.name + " has no tokenizer or no chat template",
                "tasks are asked as chat messages");
  }
  const TaskFormat format(*loaded.tokenizer, *loaded.chat_template);
  EngineOptions engine_options = ToEngineOptions(flags.model);
  engine_options.model_name = loaded.name;
  Engine engine(*loaded.model, engine_options);
  EvaluationOptions options = flags.options;
  options.extraction = flags.lenient ? Extraction::kLenient : Extraction::kStrict;
  ProgressLine line;
  EvaluationReport report;
  try {
    report = Evaluate(engine, format, problems, options, &interrupts.flag(),
                      [&](const RolloutProgress& progress) { line.Show(ProgressText(progress)); });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled) throw;
    line.Clear();
    return kExitInterrupted;
  }
  line.Clear();
  Print(flags.json ? EvaluationJsonLines(report, loaded.name) : EvaluationTable(report));
  return kExitOk;
}

}  // namespace

void AddEvaluate(Command app, Context& context) {
  const auto flags = std::make_shared<EvaluateFlags>();
  Command command =
      app.AddCommand("evaluate", "How well a model solves small reasoning tasks, by family");
  AddModelFlags(command, flags->model);
  command.Add("--family", flags->families, "Only this family of tasks; may be repeated")
      .Type("NAME")
      .OneEach();
  command.Add("--problems", flags->problems, "Problems of each family and level")
      .Type("N")
      .Between(1, 100000)
      .ShowDefault();
  command
      .Add("--samples", flags->options.samples,
           "Replies to each problem; with 1 the greedy one, with more also pass@N")
      .Type("N")
      .Between(1, 1024)
      .ShowDefault();
  command.Add("--temp", flags->options.temperature, "Temperature of several replies")
      .Between(0.0, 100.0)
      .ShowDefault();
  command.Add("-n,--max-tokens", flags->options.max_tokens, "Most tokens of a reply")
      .Type("N")
      .Between(1, 1000000)
      .ShowDefault();
  command.Add("--seed", flags->options.seed, "Of the replies' draws; the problems are fixed")
      .Type("N");
  command.AddFlag("--lenient", flags->lenient,
                  "Where no answer is in bold or boxed, take the last number or word: for models "
                  "that were not trained on these tasks");
  command.AddFlag("--json", flags->json, "Print a JSON object a line");
  command.Footer(
      "The problems are the same for every model, and training never draws them (docs/tasks.md).\n"
      "Examples:\n"
      "  fathom evaluate recipes/nano/out/sft/model --samples 8\n"
      "  fathom evaluate smollm2-135m --lenient --family addition --family countdown");
  command.OnChosen([&context, flags] {
    context.run = [&context, flags] { return RunEvaluate(context, *flags); };
  });
}

}  // namespace fathom::cli
