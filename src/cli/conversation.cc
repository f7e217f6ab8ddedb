// Owns: the slash commands of the chat and the file format of saved conversations. Invariant: a
// command that fails leaves everything as it was. Not for: showing or generating anything.
#include "cli/conversation.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/number_text.h"
#include "base/text.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHelp =
    "/system TEXT   set the system prompt; '/system -' removes it, '/system' shows it\n"
    "/set NAME VALUE  change a setting; '/set' shows all\n"
    "/think on|off  let the model think before it answers, or not; '/think auto' as it likes\n"
    "/save FILE     save the conversation; /load FILE goes on with a saved one\n"
    "/clear         forget the conversation, keep the system prompt\n"
    "/stats         numbers of the last reply; '/stats on' after every reply, '/stats off' not\n"
    "/help          this list\n"
    "/quit          leave, as Ctrl-D does\n"
    "Ctrl-C stops a reply. A line of three quotes (\"\"\") begins and ends a message of several\n"
    "lines. A message that begins with a slash is written with two.";

constexpr uintmax_t kMaxFileBytes = uintmax_t{64} << 20;

// First word and the trimmed rest.
std::pair<std::string_view, std::string_view> SplitWord(std::string_view text) {
  text = Trim(text);
  const std::size_t end = std::min(text.find_first_of(kWhitespace), text.size());
  return {text.substr(0, end), Trim(text.substr(end))};
}

template <class T>
T ParseNumber(std::string_view name, std::string_view text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is no value for " + std::string(name));
  }
  return value;
}

// A number of tokens, or "none", which is -1.
int64_t ParseLimit(std::string_view name, std::string_view text) {
  if (text == "none") return -1;
  const int64_t limit = ParseNumber<int64_t>(name, text);
  if (limit >= 0) return limit;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(name) + " must be at least 0, found " + std::string(text),
              "'/set " + std::string(name) + " none' takes the limit away");
}

// One row per setting of /set.
struct Setting {
  std::string_view name;
  void (*set)(GenerationOptions& options, std::string_view name, std::string_view value);
  std::string (*get)(const GenerationOptions& options);
};

template <auto Member>
constexpr Setting SamplingSetting(std::string_view name) {
  return {name,
          [](GenerationOptions& options, std::string_view key, std::string_view value) {
            auto& field = options.sampling.*Member;
            field = ParseNumber<std::remove_reference_t<decltype(field)>>(key, value);
          },
          [](const GenerationOptions& options) { return NumberText(options.sampling.*Member); }};
}

constexpr std::array kSettings = {
    SamplingSetting<&SamplingParams::temperature>("temp"),
    SamplingSetting<&SamplingParams::top_k>("top-k"),
    SamplingSetting<&SamplingParams::top_p>("top-p"),
    SamplingSetting<&SamplingParams::min_p>("min-p"),
    SamplingSetting<&SamplingParams::repetition_penalty>("repeat-penalty"),
    SamplingSetting<&SamplingParams::frequency_penalty>("frequency-penalty"),
    SamplingSetting<&SamplingParams::presence_penalty>("presence-penalty"),
    Setting{"seed",
            [](GenerationOptions& options, std::string_view key, std::string_view value) {
              options.has_seed = value != "random";
              options.sampling.seed = options.has_seed ? ParseNumber<uint64_t>(key, value) : 0;
            },
            [](const GenerationOptions& options) {
              return options.has_seed ? NumberText(options.sampling.seed) : std::string("random");
            }},
    Setting{"max-tokens",
            [](GenerationOptions& options, std::string_view key, std::string_view value) {
              options.max_tokens = ParseLimit(key, value);
            },
            [](const GenerationOptions& options) {
              return options.max_tokens < 0 ? std::string("none") : NumberText(options.max_tokens);
            }},
    Setting{"think-budget",
            [](GenerationOptions& options, std::string_view key, std::string_view value) {
              options.thinking_budget = ParseLimit(key, value);
            },
            [](const GenerationOptions& options) {
              return options.thinking_budget < 0 ? std::string("none")
                                                 : NumberText(options.thinking_budget);
            }},
};

// Names with '_' for '-' are understood too: the API writes them so.
bool SameName(std::string_view typed, std::string_view name) {
  if (typed.size() != name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (typed[i] != name[i] && !(typed[i] == '_' && name[i] == '-')) return false;
  }
  return true;
}

Role RoleFrom(const std::string& name, const std::string& where) {
  for (const Role role : {Role::kSystem, Role::kUser, Role::kAssistant}) {
    if (RoleName(role) == name) return role;
  }
  throw Error(ErrorCode::kInvalidFile, where + ": unknown role '" + name + "'",
              "expected system, user or assistant");
}

// The document of a saved conversation, its messages not yet looked at.
Json ReadDocument(const fs::path& path) {
  const std::string name = path.string();
  std::error_code failed;
  const uintmax_t size = fs::file_size(path, failed);
  if (failed) throw SystemError(failed.value(), "cannot read " + name);
  if (size > kMaxFileBytes) throw Error(ErrorCode::kInvalidFile, name + " is longer than 64 MB");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw SystemError(errno, "cannot read " + name);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  Json document = ParseJson(text, name);
  if (!document.is_object() || document.value("fathom_conversation", Json()) != 1 ||
      !document.contains("messages") || !document["messages"].is_array()) {
    throw Error(ErrorCode::kInvalidFile, name + " is no saved conversation");
  }
  return document;
}

void RefuseToOverwrite(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return;
  try {
    ReadDocument(path);
  } catch (const Error&) {
    throw Error(ErrorCode::kInvalidArgument,
                path.string() + " is there already and is no saved conversation",
                "give another name");
  }
}

}  // namespace

void Conversation::DropLast() {
  if (!turns_.empty()) turns_.pop_back();
}

std::vector<ChatMessage> Conversation::messages() const {
  std::vector<ChatMessage> all;
  if (!system_.empty()) all.push_back({Role::kSystem, system_});
  all.insert(all.end(), turns_.begin(), turns_.end());
  return all;
}

void Conversation::Save(const fs::path& path) const {
  RefuseToOverwrite(path);
  Json list = Json::array();
  for (const ChatMessage& message : messages()) {
    list.push_back(Json{{"role", RoleName(message.role)}, {"content", message.content}});
  }
  const std::string text = DumpJson(Json{{"fathom_conversation", 1}, {"messages", list}}, 2) + "\n";
  fs::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code failed;
  if (out) fs::rename(temporary, path, failed);
  if (!out || failed) {
    const int number = failed ? failed.value() : errno != 0 ? errno : EIO;
    fs::remove(temporary, failed);
    throw SystemError(number, "cannot write " + path.string());
  }
}

void Conversation::Load(const fs::path& path) {
  const std::string name = path.string();
  const Json document = ReadDocument(path);
  std::string system;
  std::vector<ChatMessage> turns;
  for (const Json& message : document["messages"]) {
    const std::string where = name + ": message " + std::to_string(turns.size() + 1);
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string() ||
        !message.contains("content") || !message["content"].is_string()) {
      throw Error(ErrorCode::kInvalidFile, where + " needs 'role' and 'content'");
    }
    const Role role = RoleFrom(message["role"].get<std::string>(), where);
    std::string content = message["content"].get<std::string>();
    if (role == Role::kSystem && turns.empty() && system.empty()) {
      system = std::move(content);
    } else {
      turns.push_back({role, std::move(content)});
    }
  }
  system_ = std::move(system);
  turns_ = std::move(turns);
}

// As a shell has it; "~name/" stays as it is.
fs::path Conversation::FileNamed(const std::string& typed) const {
  return typed.starts_with("~/") && !home.empty() ? home.string() + typed.substr(1) : typed;
}

bool Conversation::IsCommand(std::string_view line) {
  return line.starts_with('/') && !line.starts_with("//");
}

std::string Conversation::SettingsText() const {
  std::string text;
  for (const Setting& setting : kSettings) {
    if (!text.empty()) text.push_back('\n');
    text.append(setting.name).append(" ").append(setting.get(options_));
  }
  return text;
}

std::string Conversation::SetOption(std::string_view arguments) {
  if (arguments.empty()) return SettingsText();
  const auto [name, value] = SplitWord(arguments);
  for (const Setting& setting : kSettings) {
    if (!SameName(name, setting.name)) continue;
    if (value.empty()) return std::string(setting.name) + " " + setting.get(options_);
    GenerationOptions changed = options_;
    setting.set(changed, setting.name, value);
    Validate(changed.sampling);
    options_ = std::move(changed);
    return std::string(setting.name) + " " + setting.get(options_);
  }
  throw Error(ErrorCode::kInvalidArgument, "there is no setting '" + std::string(name) + "'",
              "/set shows all");
}

std::string Conversation::SetThinking(std::string_view argument) {
  if (!model_thinks) {
    if (argument != "on") return "This model does not think.";
    throw Error(ErrorCode::kUnsupported, "this model does not think");
  }
  if (argument == "on" || argument == "off") {
    options_.thinking = argument == "on";
  } else if (argument == "auto") {
    options_.thinking.reset();
  } else if (!argument.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "'" + std::string(argument) + "' is no way to think",
                "/think on, /think off or /think auto");
  }
  if (!options_.thinking) return "Thinking as the model has it.";
  return *options_.thinking ? "Thinking is on." : "Thinking is off.";
}

Conversation::Outcome Conversation::Execute(std::string_view line) {
  const auto [first, rest] = SplitWord(line);
  const std::string_view command = first;  // clang 14 captures no structured bindings
  const std::string argument(rest);
  const auto need_file = [&] {
    if (argument.empty()) {
      throw Error(ErrorCode::kInvalidArgument, std::string(command) + " needs the name of a file");
    }
  };
  if (command == "/help" || command == "/?") return {std::string(kHelp)};
  if (command == "/quit" || command == "/exit") return {{}, true};
  if (command == "/set") return {SetOption(rest)};
  if (command == "/clear") {
    Clear();
    return {"The conversation is forgotten."};
  }
  if (command == "/system") {
    if (argument == "-")
      system_.clear();
    else if (!argument.empty())
      system_ = argument;
    return {system_.empty() ? "No system prompt." : "System prompt: " + system_};
  }
  if (command == "/think") return {SetThinking(rest)};
  if (command == "/save") {
    need_file();
    const fs::path file = FileNamed(argument);
    Save(file);
    return {"Saved " + std::to_string(turns_.size()) + " messages to " + file.string() + "."};
  }
  if (command == "/load") {
    need_file();
    const fs::path file = FileNamed(argument);
    Load(file);
    return {"Loaded " + std::to_string(turns_.size()) + " messages from " + file.string() + "."};
  }
  if (command == "/stats") {
    if (argument == "on" || argument == "off") {
      stats_after_reply = argument == "on";
      return {stats_after_reply ? "Numbers after every reply." : "No numbers after replies."};
    }
    return {{}, false, true};
  }
  throw Error(ErrorCode::kInvalidArgument, "there is no command " + std::string(command),
              "/help shows all; a message that begins with a slash is written with two");
}

}  // namespace fathom::cli
