// fathom plan: what a model needs, what this machine has, and how fast the one would be on the
// other, before anything is loaded.
#include <CLI/CLI.hpp>
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

void AddPlan(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<PlanFlags>();
  CLI::App* command =
      app.add_subcommand("plan", "Say what a model needs and how fast it would be on this machine");
  command
      ->add_option("-m,--model,model", flags->model,
                   "Name of an installed model, path of a GGUF file or of a model directory")
      ->type_name("MODEL");
  command
      ->add_option("--ctx", flags->context,
                   "Context length in tokens; default: the model's, as far as memory allows")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command->add_option("--users", flags->users, "Conversations at a time")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads; default: one per physical core")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command->add_option("--kernels", flags->kernels, "auto, ref, portable, avx2 or avx512")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--cache", flags->cache_type, "Type of the KV cache: f16, bf16, q8 or f32")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"f16", "bf16", "q8", "f32"}));
  command->add_flag("--no-measure", flags->no_measure, "Sizes only: measure nothing, read headers");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->footer(
      "Nothing is loaded: the file's headers are read, some of its data to time the disk, and\n"
      "memory and kernels are timed on made-up weights of the model's formats and shapes.\n"
      "Examples:\n"
      "  fathom plan my-model.gguf\n"
      "  fathom plan path/to/DeepSeek-R1 --ctx 32768 --users 4\n"
      "  fathom plan my-model.gguf --no-measure --json");
  command->callback(
      [&context, flags] { context.run = [&context, flags] { return Plan(context, *flags); }; });
}

}  // namespace fathom::cli
