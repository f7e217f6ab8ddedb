// The command line as commands declare it: subcommands, flags and what they are bound to. CLI11
// does the work behind it, in options.cc alone, because a file that includes it compiles all of it.
// Not for: what the flags mean.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fathom::cli {

// One flag or argument. Each call adds to what it is, and returns it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& Type(const std::string& name);  // of its value in the help, as "N" or "FILE"
  Option& Group(const std::string& heading);
  Option& ShowDefault();  // the bound variable's value, in the help
  Option& DefaultText(const std::string& text);
  Option& Required();
  Option& Excludes(const std::string& flag);  // one that was added before
  Option& OneOf(const std::vector<std::string>& values);
  Option& ByteSize();               // 512M and 2G are numbers of bytes
  Option& SeparatedBy(char comma);  // several values in one, for a list
  Option& OneEach();                // of a list, which is given several times
  // Both ends included.
  template <class Number>
  Option& Between(Number least, Number most) {
    if constexpr (std::floating_point<Number>) {
      return BetweenReals(least, most);
    } else {
      return BetweenIntegers(least, most);
    }
  }

 private:
  Option& BetweenIntegers(int64_t least, int64_t most);
  Option& BetweenReals(double least, double most);

  CLI::Option* option_;
};

// The program or one of its subcommands; a name for it that may be copied.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command AddCommand(const std::string& name, const std::string& about);
  // `names` as "-n,--max-tokens", "file" for an argument by its place, or both. What is given is
  // written to `value`, which must outlive the parsing: a string, number, list of them, or an
  // optional one.
  template <class Value>
  Option Add(const std::string& names, Value& value, const std::string& help);
  // Sets `value` to true when it is given; names that begin with "!" to false.
  Option AddFlag(const std::string& names, bool& value, const std::string& help);
  Option AddFlag(const std::string& names, std::optional<bool>& value, const std::string& help);
  void Footer(const std::string& text);  // of the help
  void RequireCommand();                 // one of its own must be chosen
  void OnChosen(std::function<void()> chosen);

 private:
  CLI::App* app_;
};

// The whole command line.
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& about, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command root();
  // Reads the arguments and calls what was given to OnChosen. An exit code when all is said with
  // that (--help, --version). Throws Error(kInvalidArgument) for what cannot be read.
  std::optional<int> Parse(int argc, char** argv);
  std::string Help() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace fathom::cli
