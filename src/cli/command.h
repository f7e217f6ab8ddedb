// What the subcommands share: the surroundings of the program, and how each of them is declared.
// One file per subcommand declares its flags and runs it; main.cc owns the order of things.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "cli/options.h"
#include "loader/catalog.h"

namespace fathom::cli {

// Exit codes of the program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitInterrupted = 130;  // 128 and the number of SIGINT, as shells have it
inline constexpr int kExitTerminated = 143;   // likewise of SIGTERM

// What comes from outside before any subcommand runs, and which of them was chosen.
struct Context {
  std::string data_flag;  // --data, or empty
  std::string xdg_data_home, home, api_key, hub_token;
  bool no_color = false;
  std::function<int()> run;  // set by the chosen subcommand

  // --data, else $XDG_DATA_HOME/fathom, else $HOME/.local/share/fathom; empty when none is set.
  std::filesystem::path FindDataFolder() const;
  // The same; throws Error(kInvalidArgument) when none is set.
  std::filesystem::path DataFolder() const;
  ModelLibrary Library() const;
  // What a name or path means, as ModelLibrary::Resolve has it; says so where another model takes
  // the place of the default. A path needs no data folder.
  InstalledModel Resolve(const std::string& name_or_path) const;
};

void AddBench(Command app, Context& context);
void AddChat(Command app, Context& context);
void AddEvaluate(Command app, Context& context);
void AddImatrix(Command app, Context& context);
void AddInspect(Command app, Context& context);
void AddListAndRemove(Command app, Context& context);
void AddPlan(Command app, Context& context);
void AddPull(Command app, Context& context);
void AddQuantize(Command app, Context& context);
void AddRun(Command app, Context& context);
void AddScore(Command app, Context& context);
void AddServe(Command app, Context& context);
void AddSynth(Command app, Context& context);
void AddTokenize(Command app, Context& context);
void AddTrain(Command app, Context& context);
void AddVersion(Command app, Context& context);

}  // namespace fathom::cli
