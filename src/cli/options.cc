#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace fathom::cli {
namespace {

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

// What one value of a flag is read as.
template <class Value>
struct ItemOf {
  using Type = Value;
};
template <class Item>
struct ItemOf<std::optional<Item>> {
  using Type = Item;
};
template <class Item>
struct ItemOf<std::vector<Item>> {
  using Type = Item;
};

// Numbers are decimal: CLI11 by itself reads 010 as eight, and -1 as the largest unsigned number.
template <class Integer>
std::string ToDecimal(std::string& text) {
  Integer number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc::result_out_of_range) return "'" + text + "' is out of range";
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
    return "'" + text + "' is no whole number" + (std::is_unsigned_v<Integer> ? " from 0 on" : "");
  }
  text = std::to_string(number);
  return {};
}

// A flag of the program may stand behind those of a command.
void LetAllFallThrough(CLI::App& app) {
  app.fallthrough();
  for (CLI::App* command : app.get_subcommands({})) LetAllFallThrough(*command);
}

}  // namespace

Option& Option::Type(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option& Option::Group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

Option& Option::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

Option& Option::DefaultText(const std::string& text) {
  option_->default_str(text);
  return *this;
}

Option& Option::Required() {
  option_->required();
  return *this;
}

Option& Option::Excludes(const std::string& flag) {
  option_->excludes(flag);
  return *this;
}

Option& Option::OneOf(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option& Option::ByteSize() {
  option_->transform(CLI::AsSizeValue(/*kb_is_1000=*/false));
  return *this;
}

Option& Option::SeparatedBy(char comma) {
  option_->delimiter(comma);
  return *this;
}

Option& Option::OneEach() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::BetweenIntegers(int64_t least, int64_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option& Option::BetweenReals(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Command Command::AddCommand(const std::string& name, const std::string& about) {
  CLI::App* const command = app_->add_subcommand(name, about);
  command->footer("");  // not that of the program
  return Command(command);
}

template <class Value>
Option Command::Add(const std::string& names, Value& value, const std::string& help) {
  CLI::Option* const option = app_->add_option(names, value, help);
  using Item = typename ItemOf<Value>::Type;
  // Narrower ones are read wide, so that a range which the flag has is what the error names.
  if constexpr (std::is_same_v<Item, uint64_t>) {
    option->transform(CLI::Validator(ToDecimal<uint64_t>, ""));
  } else if constexpr (std::is_integral_v<Item>) {
    option->transform(CLI::Validator(ToDecimal<int64_t>, ""));
  }
  return Option(option);
}

Option Command::AddFlag(const std::string& names, bool& value, const std::string& help) {
  return Option(app_->add_flag(names, value, help));
}

// By a function: CLI11 would take the value for a count, and set it before anything is read.
Option Command::AddFlag(const std::string& names, std::optional<bool>& value,
                        const std::string& help) {
  const auto set = [&value](int64_t count) { value = count > 0; };
  return Option(app_->add_flag_function(names, set, help));
}

template Option Command::Add(const std::string&, std::string&, const std::string&);
template Option Command::Add(const std::string&, uint16_t&, const std::string&);
template Option Command::Add(const std::string&, int32_t&, const std::string&);
template Option Command::Add(const std::string&, int64_t&, const std::string&);
template Option Command::Add(const std::string&, uint64_t&, const std::string&);
template Option Command::Add(const std::string&, float&, const std::string&);
template Option Command::Add(const std::string&, std::optional<std::string>&, const std::string&);
template Option Command::Add(const std::string&, std::optional<int32_t>&, const std::string&);
template Option Command::Add(const std::string&, std::optional<int64_t>&, const std::string&);
template Option Command::Add(const std::string&, std::optional<uint64_t>&, const std::string&);
template Option Command::Add(const std::string&, std::optional<float>&, const std::string&);
template Option Command::Add(const std::string&, std::vector<std::string>&, const std::string&);
template Option Command::Add(const std::string&, std::vector<int32_t>&, const std::string&);
template Option Command::Add(const std::string&, std::vector<int64_t>&, const std::string&);

void Command::Footer(const std::string& text) { app_->footer(text); }
void Command::RequireCommand() { app_->require_subcommand(1); }
void Command::OnChosen(std::function<void()> chosen) { app_->callback(std::move(chosen)); }

CommandLine::CommandLine(const std::string& name, const std::string& about,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(about, name)) {
  app_->formatter(std::make_shared<PlainFormatter>());  // commands inherit it
  app_->set_version_flag("--version", version);
  app_->require_subcommand(0, 1);
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() { return Command(app_.get()); }

std::optional<int> CommandLine::Parse(int argc, char** argv) {
  LetAllFallThrough(*app_);
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);  // --help, --version
    std::string command = app_->get_name();
    for (const CLI::App* parsed : app_->get_subcommands()) command += " " + parsed->get_name();
    throw Error(ErrorCode::kInvalidArgument, error.what(),
                "'" + command + " --help' shows the usage");
  }
  return std::nullopt;
}

std::string CommandLine::Help() const { return app_->help(); }

}  // namespace fathom::cli
