// fathom synth: model files with random weights.
#include "convert/synth.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/convert_progress.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "convert/shape.h"
#include "convert/type_choice.h"
#include "loader/download.h"

namespace fathom::cli {
namespace {

struct SynthFlags {
  SynthOptions options;
  std::string type;
  std::string destination;
  bool force = false;
};

int Synth(const SynthFlags& flags) {
  SynthOptions options = flags.options;
  options.type = FormatNamed(flags.type);
  options.overwrite = flags.force ? Overwrite::kReplace : Overwrite::kRefuse;
  if (options.threads == 0) options.threads = PhysicalCores();
  InterruptScope interrupts;
  ProgressLine line;
  const ConvertProgressText text;
  options.hooks.progress = [&](const ConvertProgress& progress) { line.Show(text.Of(progress)); };
  options.hooks.cancelled = [&] { return interrupts.pending(); };
  const double start = MonotonicSeconds();
  const bool gguf = flags.destination.ends_with(".gguf");
  if (gguf && options.ghost) {
    throw Error(ErrorCode::kInvalidArgument, "a ghost is a directory, not a GGUF file",
                "give the name of a folder");
  }
  const SynthReport report = gguf ? WriteSyntheticGguf(options, flags.destination)
                                  : WriteSyntheticDirectory(options, flags.destination);
  line.Clear();
  PrintLine(flags.destination + ": " + BytesText(report.bytes) + ", " +
            std::to_string(report.tensors) + " tensors, " + std::to_string(report.parameters) +
            " parameters, in " + DurationText(MonotonicSeconds() - start));
  return kExitOk;
}

}  // namespace

void AddSynth(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<SynthFlags>();
  CLI::App* command = app.add_subcommand(
      "synth", "Write a model file with random weights, for tests and benchmarks");
  command
      ->add_option("destination", flags->destination,
                   "What to write: NAME.gguf, or a folder with safetensors")
      ->type_name("DST")
      ->required();
  command
      ->add_option("--shape", flags->options.shape,
                   "Architecture and sizes: " + ShapeNames() + ", or a config.json")
      ->type_name("SHAPE")
      ->required();
  command
      ->add_option(
          "--type", flags->type,
          "Storage format of most weights, as q4_0 or bf16; in a folder f32, f16, bf16 or fp8")
      ->type_name("TYPE")
      ->required();
  command->add_option("--layers", flags->options.layers, "Layers; default: those of the shape")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}));
  command->add_option("--seed", flags->options.seed, "Seed of the weights")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--threads", flags->options.threads, "Threads; default: one per physical core")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command->get_option("--threads")->default_str("");
  command->add_flag("--ghost", flags->options.ghost,
                    "Only headers, and holes where the weights would be: a few MB of disk");
  command->add_flag("--force", flags->force, "Replace a file DST if it is there");
  command->footer(
      "The same shape, type, layers and seed give the same bytes.\n"
      "Examples:\n"
      "  fathom synth --shape v2-lite --type q4_0 v2-lite.gguf\n"
      "  fathom synth --shape r1 --layers 5 --type q4_k r1-slice.gguf\n"
      "  fathom synth --shape r1 --type fp8 --ghost DeepSeek-R1-ghost");
  command->callback([&context, flags] { context.run = [flags] { return Synth(*flags); }; });
}

}  // namespace fathom::cli
