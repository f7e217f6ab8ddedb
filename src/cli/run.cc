// fathom run: one prompt, one reply.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/reply.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

struct RunFlags {
  ModelFlags model;
  SamplingFlags sampling;
  TextFlags text;
  std::optional<std::string> tokens;
  std::string system;
  std::optional<int32_t> logprobs;
  bool raw = false;
  bool print_tokens = false;
  bool json = false;
  bool stats = false;
  std::optional<bool> show_thinking;  // unset: where a person reads standard error
};

// The conversation, raw text or token ids the flags ask for.
ChatRequest MakeRequest(const RunFlags& flags, const LoadedModel& model) {
  ChatRequest request;
  request.options = ToGenerationOptions(flags.sampling, model.sampling);
  request.options.top_logprobs = flags.logprobs;
  if ((flags.tokens || flags.raw) &&
      (request.options.thinking || request.options.thinking_budget >= 0)) {
    throw Error(ErrorCode::kInvalidArgument,
                "--think and --think-budget are for conversations, not for --raw and --tokens",
                "leave them away");
  }
  if (flags.tokens) {
    request.prompt = ReadTokenIds(*flags.tokens);
    return request;
  }
  if (model.tokenizer == nullptr) {
    throw Error(ErrorCode::kUnsupported, "model " + model.name + " has no tokenizer",
                "give token ids: --tokens 1,2,3");
  }
  std::string text = ReadText(flags.text);
  if (flags.raw) {
    if (text.empty()) throw Error(ErrorCode::kInvalidArgument, "the prompt is empty");
    request.prompt = std::move(text);
    return request;
  }
  if (model.chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "model " + model.name + " has no chat template that Fathom knows",
                "--raw continues the text as it is");
  }
  // What a pipe or an editor puts at the end is no part of a message.
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) throw Error(ErrorCode::kInvalidArgument, "the prompt is empty");
  std::vector<ChatMessage> messages;
  if (!flags.system.empty()) messages.push_back({Role::kSystem, flags.system});
  messages.push_back({Role::kUser, std::move(text)});
  request.prompt = std::move(messages);
  return request;
}

Json ReplyJson(const Reply& reply, const LoadedModel& model) {
  Json json{{"model", model.name}, {"text", reply.text},
            {"tokens", reply.ids}, {"finish", FinishName(reply.finish)},
            {"seed", reply.seed},  {"usage", UsageJson(reply.usage, reply.reasoning_tokens)}};
  if (model.tokenizer == nullptr) json.erase("text");
  if (!reply.reasoning.empty()) json["reasoning"] = reply.reasoning;
  if (!reply.logprobs.empty()) {
    Json& logprobs = json["logprobs"] = Json::array();
    for (const LogprobEntry& entry : reply.logprobs) logprobs.push_back(LogprobJson(entry, true));
  }
  return json;
}

void PrintLogprobs(const Reply& reply) {
  for (const LogprobEntry& entry : reply.logprobs) {
    char number[32];
    std::snprintf(number, sizeof number, "%10.5f  ", static_cast<double>(entry.logprob));
    std::string line = number + Quoted(entry.token) + " " + std::to_string(entry.id);
    for (const LogprobEntry::Alternative& alternative : entry.top) {
      std::snprintf(number, sizeof number, " %.5f", static_cast<double>(alternative.logprob));
      line += "  | " + Quoted(alternative.token) + " " + std::to_string(alternative.id) + number;
    }
    PrintLine(line);
  }
}

// Reasoning beside the answer: on standard error, faint where that is a terminal, and ended by an
// empty line before the answer begins.
class ThinkingOnStderr {
 public:
  ThinkingOnStderr(bool shown, bool styled) : shown_(shown), styled_(styled) {}

  void Show(const std::string& text) {
    if (!shown_ || text.empty()) return;
    PrintError(Dim(Harmless(text), styled_));
    open_ = true;
  }
  void End() {
    if (open_) PrintError("\n\n");
    open_ = false;
  }

 private:
  bool shown_, styled_;
  bool open_ = false;
};

int Run(const Context& context, const RunFlags& flags) {
  LoadedModel loaded = OpenModel(context, flags.model);
  ChatRequest request = MakeRequest(flags, loaded);
  ChatService chat(std::move(loaded), ToEngineOptions(flags.model));
  CheckThinking(chat, flags.sampling);
  const LoadedModel& model = chat.model();

  InterruptScope interrupts;
  const bool ids_only = flags.print_tokens || model.tokenizer == nullptr;
  const bool stream = !flags.json && !ids_only;
  const bool terminal = StdoutIsTerminal();
  bool line_open = false;
  ThinkingOnStderr thinking(stream && flags.show_thinking.value_or(StderrIsTerminal()),
                            StderrIsTerminal() && !context.no_color);
  const auto show = [&](const ChatEvent& event) {
    thinking.Show(event.reasoning);
    if (!event.text.empty() || event.kind == ChatEvent::Kind::kDone) thinking.End();
    if (!stream || event.text.empty()) return;
    Print(terminal ? Harmless(event.text) : event.text);
    line_open = event.text.back() != '\n';
  };
  const Reply reply = FollowReply(chat, std::move(request), interrupts, show);
  if (line_open) PrintLine("");
  if (flags.json) {
    PrintLine(DumpJson(ReplyJson(reply, model)));
  } else {
    if (ids_only) PrintLine(TokenIdsText(reply.ids));
    PrintLogprobs(reply);
  }
  if (flags.stats) PrintError(UsageText(reply.usage, reply.reasoning_tokens) + "\n");
  return reply.interrupted ? kExitInterrupted : kExitOk;
}

}  // namespace

void AddRun(Command app, Context& context) {
  const auto flags = std::make_shared<RunFlags>();
  Command command = app.AddCommand("run", "Answer one prompt and exit");
  AddModelFlags(command, flags->model);
  AddTextFlags(command, flags->text, "The prompt");
  command.Add("--system", flags->system, "System prompt").Type("TEXT");
  command.AddFlag("--raw", flags->raw, "Continue the text as it is, without the chat template");
  command
      .Add("--tokens", flags->tokens,
           "Prompt as token ids, as 1,2,3; '-' reads them from standard input")
      .Type("IDS")
      .Excludes("--prompt")
      .Excludes("--file")
      .Excludes("--system");
  AddSamplingFlags(command, flags->sampling);
  command
      .Add("--logprobs", flags->logprobs,
           "Show each token's log-probability and the N most probable ones")
      .Type("N")
      .Between(0, 1000);
  command.AddFlag("--print-tokens", flags->print_tokens, "Print token ids instead of text");
  command.AddFlag("--show-thinking,!--hide-thinking", flags->show_thinking,
                  "Write the model's thinking to standard error, or do not; default: when that "
                  "is a terminal");
  command.AddFlag("--stats", flags->stats, "Print token counts and speed on standard error");
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command.Footer(
      "Examples:\n"
      "  fathom run -p \"What is the capital of France?\" --temp 0\n"
      "  fathom run my-model.gguf --raw -p \"Once upon a time\" -n 100\n"
      "  cat letter.txt | fathom run --system \"Summarise the text.\"\n"
      "  fathom run tiny.gguf --tokens 1,2,3 --temp 0 -n 8");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Run(context, *flags); }; });
}

}  // namespace fathom::cli
