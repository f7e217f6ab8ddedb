// fathom score: the log-probability of each token of a text.
#include <cmath>
#include <cstdio>
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

struct ScoreFlags {
  ModelFlags model;
  TextFlags text;
  std::optional<std::string> tokens;
  int32_t top = 0;
  bool special = false;
  bool json = false;
  bool quiet = false;
};

std::vector<TokenId> IdsToScore(const ScoreFlags& flags, const LoadedModel& model) {
  if (flags.tokens) return ReadTokenIds(*flags.tokens);
  if (model.tokenizer == nullptr) {
    throw Error(ErrorCode::kUnsupported, "model " + model.name + " has no tokenizer",
                "give token ids: --tokens 1,2,3");
  }
  const std::string text = ReadText(flags.text);
  std::vector<TokenId> ids =
      flags.special ? model.tokenizer->EncodeTrusted(text) : model.tokenizer->Encode(text);
  const TokenizerSpec& spec = model.tokenizer->spec();
  if (spec.add_bos && (ids.empty() || ids.front() != spec.bos)) ids.insert(ids.begin(), spec.bos);
  if (ids.empty()) throw Error(ErrorCode::kInvalidArgument, "the text is empty");
  return ids;
}

struct Summary {
  int64_t scored = 0;
  double sum = 0;
  double mean() const { return scored > 0 ? sum / static_cast<double>(scored) : 0; }
  double perplexity() const { return std::exp(-mean()); }
};

void PrintTable(const Reply& reply) {
  for (std::size_t i = 0; i < reply.prompt.size(); ++i) {
    const ChatEvent& event = reply.prompt[i];
    char number[48];
    if (event.scored) {
      std::snprintf(number, sizeof number, "%6zu %11.6f  ", i,
                    static_cast<double>(event.logprob->logprob));
    } else {
      std::snprintf(number, sizeof number, "%6zu %11s  ", i, "-");
    }
    std::string line = number + std::to_string(event.id) + " " + Quoted(event.logprob->token);
    for (const LogprobEntry::Alternative& alternative : event.logprob->top) {
      std::snprintf(number, sizeof number, " %.5f", static_cast<double>(alternative.logprob));
      line += "  | " + std::to_string(alternative.id) + " " + Quoted(alternative.token) + number;
    }
    PrintLine(line);
  }
}

int Score(const Context& context, const ScoreFlags& flags) {
  LoadedModel loaded = OpenModel(context, flags.model);
  ChatRequest request;
  request.prompt = IdsToScore(flags, loaded);
  request.options.max_tokens = 0;
  request.options.score_prompt = true;
  request.options.top_logprobs = flags.top;
  ChatService chat(std::move(loaded), ToEngineOptions(flags.model));
  InterruptScope interrupts;
  const Reply reply = FollowReply(chat, std::move(request), interrupts, {});
  if (reply.interrupted) return kExitInterrupted;

  Summary summary;
  for (const ChatEvent& event : reply.prompt) {
    if (!event.scored) continue;
    ++summary.scored;
    summary.sum += static_cast<double>(event.logprob->logprob);
  }
  if (flags.json) {
    Json tokens = Json::array();
    for (const ChatEvent& event : reply.prompt) {
      tokens.push_back(LogprobJson(*event.logprob, event.scored));
    }
    PrintLine(
        DumpJson(Json{{"model", chat.model().name},
                      {"kernels", chat.engine().kernels().name},
                      {"tokens", std::move(tokens)},
                      {"scored", summary.scored},
                      {"sum_logprob", summary.sum},
                      {"mean_logprob", summary.mean()},
                      {"perplexity", summary.scored > 0 ? Json(summary.perplexity()) : Json()},
                      {"seconds", reply.usage.prefill_seconds}}));
    return kExitOk;
  }
  if (!flags.quiet) PrintTable(reply);
  if (summary.scored == 0) {
    PrintLine("nothing to score: no token precedes the only one");
    return kExitOk;
  }
  char line[160];
  std::snprintf(line, sizeof line, "%lld tokens scored, sum %.6f, mean %.6f, perplexity %.4f",
                static_cast<long long>(summary.scored), summary.sum, summary.mean(),
                summary.perplexity());
  PrintLine(line);
  return kExitOk;
}

}  // namespace

void AddScore(Command app, Context& context) {
  const auto flags = std::make_shared<ScoreFlags>();
  Command command =
      app.AddCommand("score", "Log-probability of each token of a text, and its perplexity");
  AddModelFlags(command, flags->model);
  AddTextFlags(command, flags->text, "The text");
  command
      .Add("--tokens", flags->tokens,
           "Token ids instead of text, as 1,2,3; '-' reads them from standard input")
      .Type("IDS")
      .Excludes("--prompt")
      .Excludes("--file");
  command.AddFlag("--special", flags->special,
                  "Read <|...|> in the text as special tokens, not as plain text");
  command.Add("--top", flags->top, "Also show the N most probable tokens at each place")
      .Type("N")
      .Between(0, 1000);
  command.AddFlag("-q,--quiet", flags->quiet, "Print the summary only");
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command.Footer(
      "The first token has no log-probability: nothing precedes it.\n"
      "Examples:\n"
      "  fathom score -p \"The capital of France is Paris.\" --top 3\n"
      "  fathom score -q -f book.txt\n"
      "  fathom score tiny.gguf --tokens 5,17,3 --kernels ref --json");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Score(context, *flags); }; });
}

}  // namespace fathom::cli
