// fathom imatrix: which inputs of a model's weights are large, for quantize.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "convert/imatrix_maker.h"
#include "convert/part_file.h"
#include "loader/download.h"
#include "loader/loader.h"

namespace fathom::cli {
namespace {

struct ImatrixFlags {
  ModelFlags model;  // which one, kernels and threads
  std::string text;
  std::string destination;
  std::string format = "gguf";
  int64_t chunk_tokens = 512;
  int64_t chunks = 0;
  bool head = false;
  bool force = false;
};

// "chunk 3 of 20 (12%), 512 tokens/s, 1m 05s left"
class ChunkProgressText {
 public:
  explicit ChunkProgressText(int64_t chunk_tokens)
      : chunk_tokens_(chunk_tokens), start_(MonotonicSeconds()) {}

  std::string Of(int64_t done, int64_t total) const {
    const int64_t chunks = total / chunk_tokens_;
    std::string text = "chunk " + std::to_string(std::min(done / chunk_tokens_ + 1, chunks)) +
                       " of " + std::to_string(chunks) + " (" + std::to_string(done * 100 / total) +
                       "%)";
    const double seconds = MonotonicSeconds() - start_;
    if (done > 0 && seconds > 0) {
      const double speed = static_cast<double>(done) / seconds;
      text += ", " + Significant(speed) + " tokens/s, " +
              DurationText(static_cast<double>(total - done) / speed) + " left";
    }
    return text;
  }

 private:
  int64_t chunk_tokens_;
  double start_;
};

// The text's tokens; options get the one that every chunk begins with, if the model wants one.
std::vector<TokenId> Tokenize(const LoadedModel& model, const std::string& text,
                              ImatrixOptions& options) {
  if (model.tokenizer == nullptr) {
    throw Error(ErrorCode::kUnsupported, "model " + model.name + " has no tokenizer",
                "an importance matrix is made of a text");
  }
  std::vector<TokenId> ids = model.tokenizer->Encode(text);
  const TokenizerSpec& spec = model.tokenizer->spec();
  if (spec.add_bos) {
    if (ids.empty() || ids.front() != spec.bos) ids.insert(ids.begin(), spec.bos);
    options.first_token = spec.bos;
  }
  return ids;
}

int RunImatrix(const Context& context, const ImatrixFlags& flags) {
  TextFlags source;
  if (flags.text == "-") {
    source.text = flags.text;
  } else {
    source.file = flags.text;
  }
  const std::string text = ReadText(source);
  const LoadedModel model = OpenModel(context, flags.model);
  ImatrixOptions options;
  const std::vector<TokenId> ids = Tokenize(model, text, options);
  options.format = flags.format == "gguf" ? ImatrixFormat::kGguf : ImatrixFormat::kLegacy;
  options.text_name = flags.text;
  options.chunk_tokens = flags.chunk_tokens;
  options.most_chunks = flags.chunks;
  options.head = flags.head;
  if (flags.model.kernels != "auto") options.kernels = &FindKernels(flags.model.kernels);
  options.threads = flags.model.threads == 0 ? PhysicalCores() : flags.model.threads;
  options.overwrite = flags.force ? Overwrite::kReplace : Overwrite::kRefuse;
  const std::string destination = !flags.destination.empty()
                                      ? flags.destination
                                      : (flags.format == "gguf" ? "imatrix.gguf" : "imatrix.dat");
  if (flags.text != "-") RefuseToReplace(flags.text, "the text", destination);
  InterruptScope interrupts;
  ProgressLine line;
  const ChunkProgressText progress(flags.chunk_tokens);
  options.progress = [&](int64_t done, int64_t total) { line.Show(progress.Of(done, total)); };
  options.cancelled = [&] { return interrupts.pending(); };
  const double start = MonotonicSeconds();
  const ImatrixReport report =
      MakeImportanceMatrix(*model.model, *model.file, ids, destination, options);
  line.Clear();
  if (report.unseen > 0) {
    PrintError("Note: no token came to " + std::to_string(report.unseen) + " of " +
               std::to_string(report.matrices) +
               " matrices, those of experts that were not chosen; a longer text reaches more\n");
  }
  PrintLine(destination + ": " + BytesText(report.bytes) + ", " + std::to_string(report.tensors) +
            " tensors, from " + std::to_string(report.tokens) + " of " +
            std::to_string(ids.size()) + " tokens in " + std::to_string(report.chunks) +
            (report.chunks == 1 ? " chunk, in " : " chunks, in ") +
            DurationText(MonotonicSeconds() - start));
  return kExitOk;
}

}  // namespace

void AddImatrix(Command app, Context& context) {
  const auto flags = std::make_shared<ImatrixFlags>();
  Command command = app.AddCommand(
      "imatrix", "Make an importance matrix for quantize: which inputs of the weights are large");
  command
      .Add("-m,--model,model", flags->model.model,
           "Name of an installed model, path of a GGUF file or of a model directory; "
           "default: the default model")
      .Type("MODEL");
  command
      .Add("--text", flags->text,
           "File with text of the kind that the model is for; '-' reads standard input")
      .Type("FILE")
      .Required();
  command
      .Add("-o,--output", flags->destination,
           "The file to write; default: imatrix.gguf, or imatrix.dat")
      .Type("FILE");
  command.Add("--ctx", flags->chunk_tokens, "Tokens of a chunk; each is read by itself")
      .Type("N")
      .Between(int64_t{1}, int64_t{1} << 30)
      .ShowDefault();
  command.Add("--chunks", flags->chunks, "Chunks at most; default: all that the text has")
      .Type("N")
      .Between(int64_t{1}, int64_t{1} << 30);
  command
      .Add("--format", flags->format,
           "gguf, or legacy: the .dat of older programs, without counts of experts")
      .Type("FORMAT")
      .OneOf({"gguf", "legacy"})
      .ShowDefault();
  command.AddFlag("--head", flags->head, "The output head, too");
  command.Add("--threads", flags->model.threads, "Threads; default: one per physical core")
      .Type("N")
      .Between(1, 4096);
  command.Add("--kernels", flags->model.kernels, "auto, ref, portable, avx2 or avx512")
      .Type("NAME")
      .ShowDefault();
  command.AddFlag("--force", flags->force, "Replace the file if it is an importance matrix");
  command.Footer(
      "A text of some ten thousand tokens or more is usual. llama.cpp reads the file, too.\n"
      "Examples:\n"
      "  fathom imatrix model.gguf --text book.txt -o model.imatrix.gguf\n"
      "  fathom quantize model.gguf small.gguf --type q4_k --imatrix model.imatrix.gguf");
  command.OnChosen([&context, flags] {
    context.run = [&context, flags] { return RunImatrix(context, *flags); };
  });
}

}  // namespace fathom::cli
