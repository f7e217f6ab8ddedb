// fathom synth: model files with random weights.
#include "convert/synth.h"

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

void AddSynth(Command app, Context& context) {
  const auto flags = std::make_shared<SynthFlags>();
  Command command =
      app.AddCommand("synth", "Write a model file with random weights, for tests and benchmarks");
  command
      .Add("destination", flags->destination,
           "What to write: NAME.gguf, or a folder with safetensors")
      .Type("DST")
      .Required();
  command
      .Add("--shape", flags->options.shape,
           "Architecture and sizes: " + ShapeNames() + ", or a config.json")
      .Type("SHAPE")
      .Required();
  command
      .Add("--type", flags->type,
           "Storage format of most weights, as q4_0 or bf16; in a folder f32, f16, bf16 or fp8")
      .Type("TYPE")
      .Required();
  command.Add("--layers", flags->options.layers, "Layers; default: those of the shape")
      .Type("N")
      .Between(int64_t{1}, int64_t{4096});
  command.Add("--seed", flags->options.seed, "Seed of the weights").Type("N").ShowDefault();
  command.Add("--threads", flags->options.threads, "Threads; default: one per physical core")
      .Type("N")
      .Between(1, 4096);
  command.AddFlag("--ghost", flags->options.ghost,
                  "Only headers, and holes where the weights would be: a few MB of disk");
  command.AddFlag("--force", flags->force, "Replace DST if it is a GGUF file");
  command.Footer(
      "The same shape, type, layers and seed give the same bytes.\n"
      "Examples:\n"
      "  fathom synth --shape v2-lite --type q4_0 v2-lite.gguf\n"
      "  fathom synth --shape r1 --layers 5 --type q4_k r1-slice.gguf\n"
      "  fathom synth --shape r1 --type fp8 --ghost DeepSeek-R1-ghost");
  command.OnChosen([&context, flags] { context.run = [flags] { return Synth(*flags); }; });
}

}  // namespace fathom::cli
