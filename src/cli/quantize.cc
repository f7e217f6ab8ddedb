// fathom quantize: a model in another storage format.
#include "convert/quantize.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/convert_progress.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "convert/quantizer.h"
#include "convert/type_choice.h"
#include "loader/download.h"
#include "loader/gguf_tokenizer.h"
#include "loader/loader.h"

namespace fathom::cli {
namespace {

struct QuantizeFlags {
  std::string source, destination, type, imatrix;
  std::vector<std::string> overrides;
  int threads = 0;
  bool prediction_layers = false;
  bool force = false;
};

// "REGEX=TYPE"; the expression may have an equals sign of its own.
TypeOverride ParseOverride(const std::string& text) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0) {
    throw Error(ErrorCode::kInvalidArgument, Quoted(text) + " is no tensor type",
                "it looks like 'ffn_down=q6_k'");
  }
  return {text.substr(0, at), FormatNamed(text.substr(at + 1))};
}

// "blk.12.ffn_up.weight" and its likes in other layers under one name.
std::string WithoutNumbers(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c < '0' || c > '9') {
      text.push_back(c);
    } else if (text.empty() || text.back() != '*') {
      text.push_back('*');
    }
  }
  return text;
}

// Names as patterns with their number, in order of the pattern.
template <class Names>
std::string Listed(const Names& names) {
  std::map<std::string, int> patterns;
  for (const std::string& name : names) ++patterns[WithoutNumbers(name)];
  std::string text;
  for (const auto& [pattern, count] : patterns) {
    text += (text.empty() ? "" : ", ") + pattern;
    if (count > 1) text += " (" + std::to_string(count) + ")";
  }
  return Harmless(text);
}

void PrintNotes(const QuantizeReport& report) {
  std::map<std::pair<Format, Format>, std::vector<std::string>> fallbacks;
  for (const QuantizeReport::Fallback& fallback : report.fallbacks) {
    fallbacks[{fallback.wanted, fallback.written}].push_back(fallback.tensor);
  }
  for (const auto& [formats, names] : fallbacks) {
    PrintError("Note: " + std::string(RowOf(formats.second).name) + " instead of " +
               std::string(RowOf(formats.first).name) +
               " for rows that its blocks do not divide: " + Listed(names) + "\n");
  }
  if (!report.left_out.empty()) {
    PrintError("Note: " + std::to_string(report.left_out.size()) +
               " tensors of the layer that predicts a further token are left out; --mtp writes "
               "them, and llama.cpp does not load the file then\n");
  }
  if (!report.without_importance.empty()) {
    PrintError("Note: the importance matrix does not have " + Listed(report.without_importance) +
               "\n");
  }
}

int RunQuantize(const Context& context, const QuantizeFlags& flags) {
  QuantizeOptions options;
  options.type = FormatNamed(flags.type);
  for (const std::string& text : flags.overrides) options.overrides.push_back(ParseOverride(text));
  options.imatrix = flags.imatrix;
  options.prediction_layers = flags.prediction_layers;
  options.overwrite = flags.force ? Overwrite::kReplace : Overwrite::kRefuse;
  options.threads = flags.threads == 0 ? PhysicalCores() : flags.threads;
  const ModelFile source = OpenModelFile(context.Resolve(flags.source).path);
  std::vector<TokenId> stops_left_out;
  if (source.kind() == ModelFileKind::kHuggingFace) {
    if (const auto spec = TokenizerSpecOf(source)) {
      options.tokenizer =
          GgufTokenizerKeys(*spec, source.RequireInteger("vocab_size"), source.path().string());
      stops_left_out = StopsWithoutKey(*spec);
    }
    options.sampling = GgufSamplingKeys(source);
  }
  InterruptScope interrupts;
  ProgressLine line;
  const ConvertProgressText text;
  options.hooks.progress = [&](const ConvertProgress& progress) { line.Show(text.Of(progress)); };
  options.hooks.cancelled = [&] { return interrupts.pending(); };
  const double start = MonotonicSeconds();
  const QuantizeReport report = Quantize(source, flags.destination, options);
  line.Clear();
  PrintNotes(report);
  if (!stops_left_out.empty()) {
    std::string ids;
    for (const TokenId id : stops_left_out) ids += (ids.empty() ? "" : ", ") + std::to_string(id);
    PrintError("Note: GGUF has keys for three tokens that end a reply; not for " + ids + "\n");
  }
  if (report.begun_again) {
    PrintError("Note: what was there of " + flags.destination +
               " was shorter than its journal said; all of it was written again\n");
  }
  std::string result = flags.destination + ": " + BytesText(report.bytes) + ", from " +
                       BytesText(source.bytes()) + ", " + std::to_string(report.tensors) +
                       " tensors, in " + DurationText(MonotonicSeconds() - start);
  if (report.resumed_bytes > 0) {
    result += "; " + BytesText(report.resumed_bytes) + " of them were there already";
  }
  PrintLine(result);
  return kExitOk;
}

}  // namespace

void AddQuantize(Command app, Context& context) {
  const auto flags = std::make_shared<QuantizeFlags>();
  Command command =
      app.AddCommand("quantize", "Write a model as a GGUF file in another storage format");
  command
      .Add("source", flags->source,
           "Name of an installed model, path of a GGUF file or of a model directory")
      .Type("SRC")
      .Required();
  command.Add("destination", flags->destination, "The file to write").Type("DST").Required();
  command.Add("--type", flags->type, "Storage format: " + EncodableFormats())
      .Type("TYPE")
      .Required();
  command
      .Add("--tensor-type", flags->overrides,
           "Another type for tensors whose name REGEX finds; the first that finds counts")
      .Type("REGEX=TYPE")
      .OneEach();
  command
      .Add("--imatrix", flags->imatrix,
           "Importance matrix, as llama.cpp writes it: which errors matter more")
      .Type("FILE");
  command.Add("--threads", flags->threads, "Threads; default: one per physical core")
      .Type("N")
      .Between(1, 4096);
  command.AddFlag("--mtp", flags->prediction_layers,
                  "Keep the layer of a directory that predicts a further token (multi-token "
                  "prediction); llama.cpp does not load the file then");
  command.AddFlag("--force", flags->force, "Replace DST if it is a GGUF file");
  command.Footer(
      "Router, norms and biases stay F32. What was interrupted goes on where it ended when the "
      "same\n"
      "command is given again.\n"
      "Examples:\n"
      "  fathom quantize path/to/DeepSeek-V2-Lite v2-lite.gguf --type q4_k\n"
      "  fathom quantize model.gguf small.gguf --type q4_k --tensor-type ffn_down=q6_k");
  command.OnChosen([&context, flags] {
    context.run = [&context, flags] { return RunQuantize(context, *flags); };
  });
}

}  // namespace fathom::cli
