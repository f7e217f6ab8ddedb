// The program: reads the arguments and the environment, hands over to one subcommand, and turns
// what it throws into one line and an exit code. No logic of its own.
#include <langinfo.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "base/error.h"
#include "cli/command.h"
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

// Options as "-n,--max-tokens N=5": without the machinery's own remarks on ranges and exclusions,
// which the errors name when they matter.
class PlainFormatter : public CLI::Formatter {
 public:
  PlainFormatter() { column_width(28); }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_type_size() != 0) {
      const std::string type = option->get_type_name();
      text = " " + type.substr(0, type.find(':'));
    }
    if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
    return text;
  }
};

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
  CLI::App app("Fathom runs and serves language models on your own machine.", "fathom");
  app.formatter(std::make_shared<PlainFormatter>());  // before the subcommands, which inherit it
  app.add_option("--data", context.data_flag,
                 "Folder for models and history; default: $XDG_DATA_HOME/fathom, or "
                 "~/.local/share/fathom")
      ->type_name("DIR");
  app.set_version_flag("--version", "fathom " FATHOM_VERSION);
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.footer(
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
  for (CLI::App* command : app.get_subcommands({})) command->fallthrough();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::string command = "fathom";
    for (const CLI::App* parsed : app.get_subcommands()) command += " " + parsed->get_name();
    PrintFailure(Error(ErrorCode::kInvalidArgument, error.what(),
                       "'" + command + " --help' shows the usage"));
    return kExitBadInput;
  }
  if (!context.run) {
    Print(app.help());
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
