// A conversation at the terminal: its messages, its settings and its slash commands. No terminal,
// no model: lines in, texts out, so that all of it is tested.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"

namespace fathom::cli {

class Conversation {
 public:
  explicit Conversation(const GenerationOptions& options) : options_(options) {}

  // ---- Messages ----
  void SetSystem(const std::string& text) { system_ = text; }
  const std::string& system() const { return system_; }
  void AddUser(const std::string& text) { turns_.push_back({Role::kUser, text}); }
  void AddAssistant(const std::string& text) { turns_.push_back({Role::kAssistant, text}); }
  // Takes the last message back, when a reply to it could not be made.
  void DropLast();
  void Clear() { turns_.clear(); }
  std::vector<ChatMessage> messages() const;  // the system message first, when there is one
  const std::vector<ChatMessage>& turns() const { return turns_; }
  const GenerationOptions& options() const { return options_; }

  // JSON of the messages; written beside the file and renamed over it. Throws Error, also for a
  // file that is there and is no saved conversation.
  void Save(const std::filesystem::path& path) const;
  // Replaces messages and system prompt. Throws Error(kInvalidFile) that says what is wrong, and
  // changes nothing then.
  void Load(const std::filesystem::path& path);

  // ---- Commands ----
  struct Outcome {
    std::string text;  // to show; may be empty
    bool quit = false;
    bool show_stats = false;
  };
  // Executes a line that IsCommand. Throws Error(kInvalidArgument) for one that makes no sense.
  Outcome Execute(std::string_view line);
  static bool IsCommand(std::string_view line);
  bool stats_after_reply = false;
  std::filesystem::path home;  // what '~/' at the beginning of a file name stands for; may be empty
  bool model_thinks = true;    // where it does not, nothing about its thinking can be set

 private:
  std::string SetOption(std::string_view arguments);
  std::string SettingsText() const;
  std::filesystem::path FileNamed(const std::string& typed) const;
  std::string SetThinking(std::string_view argument);

  std::string system_;
  std::vector<ChatMessage> turns_;
  GenerationOptions options_;
};

}  // namespace fathom::cli
