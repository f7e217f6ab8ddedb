// fathom chat: a conversation at the terminal, or line by line through pipes.
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/flags.h"
#include "cli/line_editor.h"
#include "cli/piped_lines.h"
#include "cli/reply.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

struct ChatFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::string system;
  std::string load;
  bool stats = false;
};

// A second Ctrl-C this soon after the first leaves the chat.
constexpr double kLeaveSeconds = 1.0;
constexpr std::string_view kBlockMark = "\"\"\"";

// The loop of one chat. Interactive: decorations, editing, commands answer on standard output.
// Piped: every line is a turn, standard output has the replies and nothing else.
class ChatLoop {
 public:
  ChatLoop(ChatService& chat, Conversation conversation, bool interactive, bool styled,
           const std::filesystem::path& history)
      : chat_(chat),
        conversation_(std::move(conversation)),
        interactive_(interactive),
        styled_(styled),
        terminal_(StdoutIsTerminal()) {
    if (interactive_) editor_.emplace(history, interrupts_);
  }

  int Run() {
    if (interactive_) Welcome();
    std::string line;
    while (ReadMessage(line)) {
      try {
        if (!was_block_ && Conversation::IsCommand(line)) {
          if (!Command(line)) break;
        } else {
          if (!was_block_ && line.starts_with("//")) line.erase(0, 1);
          Answer(line);
        }
      } catch (const Error& error) {
        PrintFailure(error);
        if (exit_code_ == kExitOk && !interactive_) exit_code_ = ExitCodeOf(error);
      }
      if (leave_) break;
    }
    return exit_code_;
  }

 private:
  enum class Input { kLine, kNothing, kEnd };

  void Welcome() const {
    PrintLine(chat_.model().name + ", context " + std::to_string(chat_.engine().context_length()) +
              " tokens, " + std::string(chat_.engine().kernels().name) + " kernels, " +
              std::to_string(chat_.engine().threads()) + " threads.");
    PrintLine(Dim("/help shows the commands, Ctrl-C stops a reply, Ctrl-D leaves.", styled_));
  }

  void Say(const std::string& text) const {
    if (text.empty()) return;
    if (interactive_) {
      PrintLine(Dim(Harmless(text), styled_));
    } else {
      PrintError(Harmless(text) + "\n");
    }
  }

  // The next message that is not empty; a block between lines of three quotes counts as one.
  // False at the end.
  bool ReadMessage(std::string& message) {
    bool in_block = false;
    message.clear();
    std::string line;
    while (true) {
      switch (ReadLine(in_block ? ". " : "> ", line)) {
        case Input::kEnd:
          was_block_ = in_block;
          return in_block && !message.empty();
        case Input::kNothing:
          if (leave_) return false;
          in_block = false;
          message.clear();
          continue;
        case Input::kLine:
          break;
      }
      if (interactive_ && line == kBlockMark) {
        was_block_ = in_block;
        if (in_block && !message.empty()) return true;
        in_block = !in_block;
      } else if (in_block) {
        message += (message.empty() ? "" : "\n") + line;
      } else if (line.find_first_not_of(" \t\r") != std::string::npos) {
        message = line;
        was_block_ = false;
        return true;
      }
    }
  }

  Input ReadLine(const char* prompt, std::string& line) {
    if (!interactive_) return ReadPipedLine(line);
    switch (editor_->Read(prompt, line)) {
      case LineEditor::Outcome::kLine:
        if (!line.empty()) editor_->Remember(line);
        return Input::kLine;
      case LineEditor::Outcome::kEnd:
        PrintLine("");
        return Input::kEnd;
      case LineEditor::Outcome::kInterrupted:
        break;
    }
    PrintLine("");
    if (interrupts_.terminated()) {
      Leave();
      return Input::kNothing;
    }
    const double now = MonotonicSeconds();
    leave_ = now - last_interrupt_ < kLeaveSeconds;
    last_interrupt_ = now;
    if (!leave_) Say("Ctrl-C again or Ctrl-D leaves.");
    return Input::kNothing;
  }

  Input ReadPipedLine(std::string& line) {
    switch (piped_.Read(interrupts_, line)) {
      case PipedLines::Outcome::kLine:
        return Input::kLine;
      case PipedLines::Outcome::kEnd:
        return Input::kEnd;
      case PipedLines::Outcome::kInterrupted:
        break;
    }
    Leave();
    return Input::kNothing;
  }

  void Leave() {
    leave_ = true;
    exit_code_ = kExitInterrupted;
  }

  // False: leave.
  bool Command(const std::string& line) {
    const Conversation::Outcome outcome = conversation_.Execute(line);
    Say(outcome.text);
    if (outcome.show_stats) {
      Say(last_usage_ ? UsageText(*last_usage_, last_reasoning_tokens_) : "No reply yet.");
    }
    return !outcome.quit;
  }

  void Answer(const std::string& message) {
    conversation_.AddUser(message);
    ChatRequest request;
    request.prompt = conversation_.messages();
    request.options = conversation_.options();
    bool line_open = false;
    bool thinking = false;
    const auto show = [&](const ChatEvent& event) {
      if (interactive_ && !event.reasoning.empty()) {
        if (!styled_ && !thinking) Print("[thinking]\n");
        Print(Dim(Harmless(event.reasoning), styled_));
        thinking = line_open = true;
      }
      if (event.text.empty()) return;
      if (thinking) Print(styled_ ? "\n\n" : "\n[answer]\n");
      thinking = false;
      Print(terminal_ ? Harmless(event.text) : event.text);
      line_open = event.text.back() != '\n';
    };
    Reply reply;
    try {
      reply = FollowReply(chat_, std::move(request), interrupts_, show);
    } catch (...) {
      conversation_.DropLast();
      throw;
    }
    if (line_open || reply.text.empty()) PrintLine("");
    const bool unanswered = reply.text.empty() && !reply.reasoning.empty();
    if (unanswered) {
      conversation_.DropLast();
    } else {
      conversation_.AddAssistant(reply.text);
    }
    last_usage_ = reply.usage;
    last_reasoning_tokens_ = reply.reasoning_tokens;
    if (reply.interrupted) {
      last_interrupt_ = MonotonicSeconds();
      if (!interactive_ || interrupts_.terminated()) Leave();
      Say("Stopped.");
    } else if (reply.finish == FinishReason::kLength) {
      Say("The reply ends here: no more tokens are allowed.");
    }
    if (unanswered) Say("It was still thinking: without an answer the message is not kept.");
    if (conversation_.stats_after_reply) Say(UsageText(reply.usage, reply.reasoning_tokens));
    if (interactive_) PrintLine("");  // room before the next prompt
  }

  ChatService& chat_;
  Conversation conversation_;
  const bool interactive_;
  const bool styled_;
  const bool terminal_;  // standard output, with or without a terminal to type at
  InterruptScope interrupts_;
  std::optional<LineEditor> editor_;
  PipedLines piped_{STDIN_FILENO, kMaxTextBytes};
  std::optional<Usage> last_usage_;
  int64_t last_reasoning_tokens_ = 0;
  bool was_block_ = false;  // the last message came between quotes: it is never a command
  double last_interrupt_ = -1e9;
  bool leave_ = false;
  int exit_code_ = kExitOk;
};

int Chat(const Context& context, const ChatFlags& flags) {
  LoadedModel loaded = OpenModel(context, flags.model);
  Conversation conversation(ToGenerationOptions(flags.sampling, loaded.sampling));
  conversation.home = context.home;
  conversation.stats_after_reply = flags.stats;
  if (!flags.load.empty()) conversation.Load(flags.load);
  if (!flags.system.empty()) conversation.SetSystem(flags.system);
  if (loaded.chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "model " + loaded.name + " has no chat template that Fathom knows",
                "'fathom run --raw -p TEXT' continues plain text");
  }
  ChatService chat(std::move(loaded), ToEngineOptions(flags.model));
  CheckThinking(chat, flags.sampling);
  conversation.model_thinks = chat.thinks();
  const bool interactive = StdinIsTerminal() && StdoutIsTerminal();
  const std::filesystem::path data = context.FindDataFolder();
  ChatLoop loop(chat, std::move(conversation), interactive, interactive && !context.no_color,
                data.empty() ? data : data / "chat_history");
  return loop.Run();
}

}  // namespace

void AddChat(Command app, Context& context) {
  const auto flags = std::make_shared<ChatFlags>();
  Command command = app.AddCommand("chat", "Talk to a model in the terminal");
  AddModelFlags(command, flags->model);
  command.Add("--system", flags->system, "System prompt").Type("TEXT");
  command.Add("--load", flags->load, "Go on with a conversation that /save wrote").Type("PATH");
  AddSamplingFlags(command, flags->sampling);
  command.AddFlag("--stats", flags->stats, "Show token counts and speed after every reply");
  command.Footer(
      "Through a pipe every line is a turn, and standard output has the replies only.\n"
      "Examples:\n"
      "  fathom chat\n"
      "  fathom chat my-model.gguf --system \"Answer in one sentence.\" --temp 0\n"
      "  printf 'Hello\\nAnd now in French\\n' | fathom chat");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Chat(context, *flags); }; });
}

}  // namespace fathom::cli
