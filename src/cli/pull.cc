// fathom pull: fetch a model of the catalogue.
#include <signal.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "loader/download.h"

namespace fathom::cli {
namespace {

struct PullFlags {
  std::string name;
  std::string endpoint{kDefaultEndpoint};
  std::string from;
  int parallel = 4;
  int retries = 6;
  bool json = false;
};

std::string ProgressText(const DownloadProgress& progress) {
  std::string text = BytesText(progress.done_bytes);
  if (progress.total_bytes > 0) {
    text += " of " + BytesText(progress.total_bytes) + " (" +
            std::to_string(progress.done_bytes * 100 / progress.total_bytes) + "%)";
  }
  if (progress.files_total > 1) {
    text += ", " + std::to_string(progress.files_done) + "/" +
            std::to_string(progress.files_total) + " files";
  }
  if (progress.bytes_per_second >= 1) {
    text += ", " + BytesText(static_cast<uint64_t>(progress.bytes_per_second)) + "/s";
  }
  if (progress.eta_seconds >= 0) text += ", " + DurationText(progress.eta_seconds) + " left";
  if (progress.files_verifying > 0) text += ", checking";
  return text;
}

const CatalogEntry& EntryOf(const ModelLibrary& library, const std::string& name) {
  if (name.empty()) return library.catalog().Default();
  const CatalogEntry* entry = library.catalog().Find(name);
  if (entry != nullptr) return *entry;
  std::string near;
  for (const CatalogEntry& candidate : library.catalog().entries()) {
    if (candidate.name.find(name) == std::string::npos) continue;
    near += (near.empty() ? "" : ", ") + candidate.name;
  }
  throw Error(ErrorCode::kNotFound, "the catalogue has no model '" + name + "'",
              near.empty() ? "'fathom list --all' shows all" : "did you mean " + near);
}

void Finish(const PullFlags& flags, const InstalledModel& model, bool was_there) {
  if (flags.json) {
    PrintLine(DumpJson(Json{{"name", model.name},
                            {"path", model.path.string()},
                            {"bytes", model.bytes},
                            {"was_installed", was_there}}));
  } else {
    PrintLine(model.name + (was_there ? " is installed already: " : " is installed: ") +
              model.path.string());
  }
}

int Pull(const Context& context, const PullFlags& flags) {
  const ModelLibrary library = context.Library();
  const CatalogEntry& entry = EntryOf(library, flags.name);
  for (const InstalledModel& model : library.Installed()) {
    if (model.name != entry.name) continue;
    Finish(flags, model, /*was_there=*/true);
    return kExitOk;
  }
  if (entry.bundled) library.Resolve(entry.name);  // says why it is not there
  ::signal(SIGPIPE, SIG_IGN);  // a server that hangs up is an error of that transfer, no more
  InterruptScope interrupts;
  ProgressLine line;
  DownloadOptions options;
  options.token = context.hub_token;
  options.parallel = flags.parallel;
  options.retries = flags.retries;
  options.cancelled = [&] { return interrupts.pending(); };
  options.progress = [&](const DownloadProgress& progress) {
    if (!progress.note.empty()) {
      line.Clear();
      PrintError(Harmless(progress.note) + "\n");
    }
    line.Show(entry.name + ": " + ProgressText(progress));
  };
  try {
    const InstalledModel model = flags.from.empty()
                                     ? PullModel(library, entry, flags.endpoint, options)
                                     : ImportModel(library, entry, flags.from, options);
    line.Clear();
    Finish(flags, model, /*was_there=*/false);
  } catch (const Error& error) {
    line.Clear();
    if (error.code() != ErrorCode::kNetwork || entry.package.empty()) throw;
    throw Error(error.code(), error.message(),
                error.hint() + "; its file is also in the Python package " + entry.package +
                    ", for 'fathom pull --from FILE'");
  }
  return kExitOk;
}

}  // namespace

void AddPull(Command app, Context& context) {
  const auto flags = std::make_shared<PullFlags>();
  Command command = app.AddCommand("pull", "Fetch a model of the catalogue");
  command.Add("name", flags->name, "Name from 'fathom list --all'; default: the default model")
      .Type("NAME");
  command.Add("--from", flags->from, "Install from a copy of the file on this machine")
      .Type("PATH");
  command.Add("--endpoint", flags->endpoint, "Server that has the repositories")
      .Type("URL")
      .ShowDefault();
  command.Add("--parallel", flags->parallel, "Files fetched at a time")
      .Type("N")
      .Between(1, 16)
      .ShowDefault();
  command.Add("--retries", flags->retries, "Attempts in a row that may bring nothing new")
      .Type("N")
      .Between(0, 100)
      .ShowDefault();
  command.AddFlag("--json", flags->json, "Print one JSON object at the end");
  command.Footer(
      "A download that was stopped goes on where it ended. HF_TOKEN, when set, is sent to the\n"
      "endpoint for repositories behind a licence.\n"
      "Examples:\n"
      "  fathom pull\n"
      "  fathom pull deepseek-r1-distill-llama-8b-q4_k_m");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Pull(context, *flags); }; });
}

}  // namespace fathom::cli
