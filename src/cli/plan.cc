// fathom plan: what a model needs, what this machine has, and how fast the one would be on the
// other, before anything is loaded.
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/plan_text.h"
#include "cli/terminal.h"
#include "kernels/kernels.h"
#include "loader/planning.h"

namespace fathom::cli {
namespace {

struct PlanFlags {
  std::string model;
  int64_t context = 0;
  int64_t users = 1;
  int threads = 0;
  std::string kernels = "auto";
  std::string cache_type;
  bool no_measure = false;
  bool json = false;
};

int Plan(const Context& context, const PlanFlags& flags) {
  const InstalledModel model = context.Resolve(flags.model);
  PlanningOptions options;
  options.kernels = &FindKernels(flags.kernels);
  options.threads = flags.threads;
  options.measure = !flags.no_measure;
  options.request.context = flags.context;
  options.request.users = flags.users;
  const bool plain = options.kernels == &ReferenceKernels();
  options.request.cache_type =
      CacheTypeNamed(flags.cache_type).value_or(plain ? CacheType::kF32 : CacheType::kF16);
  if (!context.FindDataFolder().empty()) {
    for (const InstalledModel& other : context.Library().Installed()) {
      options.other_files.push_back(other.path);
    }
  }
  const PlacementPlan plan = PlanModel(model.path, model.name, options);
  if (flags.json) {
    PrintLine(DumpJson(PlanJson(plan), 2));
  } else {
    Print(PlanText(plan));
  }
  return kExitOk;
}

}  // namespace

void AddPlan(Command app, Context& context) {
  const auto flags = std::make_shared<PlanFlags>();
  Command command =
      app.AddCommand("plan", "Say what a model needs and how fast it would be on this machine");
  command
      .Add("-m,--model,model", flags->model,
           "Name of an installed model, path of a GGUF file or of a model directory")
      .Type("MODEL");
  command
      .Add("--ctx", flags->context,
           "Context length in tokens; default: the model's, as far as memory allows")
      .Type("N")
      .Between(int64_t{1}, int64_t{1} << 40);
  command.Add("--users", flags->users, "Conversations at a time")
      .Type("N")
      .Between(int64_t{1}, int64_t{1024})
      .ShowDefault();
  command.Add("--threads", flags->threads, "Threads; default: one per physical core")
      .Type("N")
      .Between(1, 4096);
  command.Add("--kernels", flags->kernels, "auto, ref, portable, avx2 or avx512")
      .Type("NAME")
      .ShowDefault();
  command.Add("--cache", flags->cache_type, "Type of the KV cache: f16, bf16, q8 or f32")
      .Type("TYPE")
      .OneOf({"f16", "bf16", "q8", "f32"});
  command.AddFlag("--no-measure", flags->no_measure, "Sizes only: measure nothing, read headers");
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command.Footer(
      "Nothing is loaded: the file's headers are read, some of its data to time the disk, and\n"
      "memory and kernels are timed on made-up weights of the model's formats and shapes.\n"
      "Examples:\n"
      "  fathom plan my-model.gguf\n"
      "  fathom plan path/to/DeepSeek-R1 --ctx 32768 --users 4\n"
      "  fathom plan my-model.gguf --no-measure --json");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Plan(context, *flags); }; });
}

}  // namespace fathom::cli
