// The program: reads the arguments and the environment, hands over to one subcommand, and turns
// what it throws into one line and an exit code. No logic of its own.
#include <langinfo.h>
#include <signal.h>

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/reply.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Context ReadEnvironment() {
  Context context;
  context.xdg_data_home = Environment("XDG_DATA_HOME");
  context.home = Environment("HOME");
  context.api_key = Environment("FATHOM_API_KEY");
  context.hub_token = Environment("HF_TOKEN");
  context.no_color = !Environment("NO_COLOR").empty() || Environment("TERM") == "dumb";
  return context;
}

void PrepareProcess() {
  // Text is UTF-8 everywhere; the line editor asks the locale.
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
  // A limit on the size of files ends in an error of the write, not in a signal.
  ::signal(SIGXFSZ, SIG_IGN);
}

int Guarded(const std::function<int()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    PrintFailure(error);
    return ExitCodeOf(error);
  } catch (const std::bad_alloc&) {
    PrintFailure(Error(ErrorCode::kOutOfMemory, "out of memory",
                       "a smaller --ctx or --cache-size needs less"));
  } catch (const std::exception& error) {
    PrintFailure(Error(ErrorCode::kInternal, error.what()));
  }
  return kExitFailure;
}

int Main(int argc, char** argv) {
  PrepareProcess();
  Context context = ReadEnvironment();
  CommandLine line("fathom", "Fathom runs and serves language models on your own machine.",
                   "fathom " FATHOM_VERSION);
  Command app = line.root();
  app.Add("--data", context.data_flag,
          "Folder for models and history; default: $XDG_DATA_HOME/fathom, or "
          "~/.local/share/fathom")
      .Type("DIR");
  app.Footer(
      "Examples:\n"
      "  fathom pull                         fetch the default model\n"
      "  fathom chat                         talk to it\n"
      "  fathom run -p \"Why is the sky blue?\"\n"
      "  fathom serve                        web page and API on http://127.0.0.1:8080/\n"
      "'fathom COMMAND --help' shows the flags of a command.");
  AddChat(app, context);
  AddRun(app, context);
  AddServe(app, context);
  AddPull(app, context);
  AddListAndRemove(app, context);
  AddTokenize(app, context);
  AddScore(app, context);
  AddInspect(app, context);
  AddPlan(app, context);
  AddBench(app, context);
  AddQuantize(app, context);
  AddImatrix(app, context);
  AddSynth(app, context);
  AddEvaluate(app, context);
  AddTrain(app, context);
  AddVersion(app, context);
  if (const std::optional<int> code = line.Parse(argc, argv)) return *code;
  if (!context.run) {
    Print(line.Help());
    return kExitOk;
  }
  const int code = Guarded(context.run);
  // Whatever it was that a signal stopped: which signal is for whoever sent it to see.
  return code == kExitInterrupted && TerminationAsked() ? kExitTerminated : code;
}

}  // namespace
}  // namespace fathom::cli

int main(int argc, char** argv) {
  return fathom::cli::Guarded([&] { return fathom::cli::Main(argc, argv); });
}
