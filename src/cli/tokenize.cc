// fathom tokenize: text to token ids and back.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

struct TokenizeFlags {
  std::string model;
  TextFlags text;
  std::optional<std::string> tokens;
  bool special = false;
  bool chat = false;
  bool ids = false;
  bool json = false;
};

const char* KindName(TokenKind kind) {
  switch (kind) {
    case TokenKind::kNormal:
      return "normal";
    case TokenKind::kControl:
      return "control";
    case TokenKind::kUserDefined:
      return "added";
    case TokenKind::kUnused:
      return "unused";
  }
  return "normal";
}

std::vector<TokenId> IdsOf(const TokenizeFlags& flags, const Tokenizer& tokenizer,
                           const std::string& name) {
  if (flags.tokens) {
    std::vector<TokenId> ids = ReadTokenIds(*flags.tokens);
    for (const TokenId id : ids) {
      if (id < tokenizer.size()) continue;
      throw Error(ErrorCode::kInvalidArgument, "token id " + std::to_string(id) +
                                                   " is outside the vocabulary of " +
                                                   std::to_string(tokenizer.size()));
    }
    return ids;
  }
  const std::string text = ReadText(flags.text);
  if (flags.special) return tokenizer.EncodeTrusted(text);
  if (!flags.chat) return tokenizer.Encode(text);
  const std::unique_ptr<ChatTemplate> chat_template = MakeChatTemplate(tokenizer);
  if (chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "model " + name + " has no chat template that Fathom knows");
  }
  const std::vector<TextSpan> spans = chat_template->Render({{Role::kUser, text}});
  return tokenizer.Encode(spans);
}

int Tokenize(const Context& context, const TokenizeFlags& flags) {
  // The weights are not needed, so any file with a tokenizer will do, whatever its architecture.
  const InstalledModel model = context.Resolve(flags.model);
  const ModelFile file = OpenModelFile(model.path);
  std::optional<TokenizerSpec> spec = TokenizerSpecOf(file);
  if (!spec) throw Error(ErrorCode::kUnsupported, "model " + model.name + " has no tokenizer");
  const Tokenizer tokenizer(*std::move(spec));
  const std::vector<TokenId> ids = IdsOf(flags, tokenizer, model.name);

  if (flags.json) {
    Json tokens = Json::array();
    for (const TokenId id : ids) {
      tokens.push_back(Json{
          {"id", id}, {"token", tokenizer.BytesOf(id)}, {"kind", KindName(tokenizer.KindOf(id))}});
    }
    PrintLine(DumpJson(Json{{"model", model.name},
                            {"count", ids.size()},
                            {"ids", ids},
                            {"tokens", std::move(tokens)},
                            {"text", tokenizer.Decode(ids, /*keep_control=*/true)}}));
    return kExitOk;
  }
  if (flags.ids) {
    PrintLine(TokenIdsText(ids));
    return kExitOk;
  }
  if (flags.tokens) {
    const std::string text = tokenizer.Decode(ids, /*keep_control=*/true);
    PrintLine(StdoutIsTerminal() ? Harmless(text) : text);
    return kExitOk;
  }
  for (const TokenId id : ids) {
    char number[16];
    std::snprintf(number, sizeof number, "%8d  ", id);
    const char* mark = tokenizer.KindOf(id) == TokenKind::kNormal ? "" : "  (special)";
    PrintLine(number + Quoted(tokenizer.BytesOf(id)) + mark);
  }
  PrintLine(std::to_string(ids.size()) + " tokens");
  return kExitOk;
}

}  // namespace

void AddTokenize(Command app, Context& context) {
  const auto flags = std::make_shared<TokenizeFlags>();
  Command command = app.AddCommand("tokenize", "Show the tokens of a text, or the text of tokens");
  command
      .Add("-m,--model,model", flags->model,
           "Name of an installed model, path of a GGUF file or of a model directory")
      .Type("MODEL");
  AddTextFlags(command, flags->text, "The text");
  command.AddFlag("--special", flags->special,
                  "Read <|...|> in the text as special tokens, not as plain text");
  command.AddFlag("--chat", flags->chat, "As a user's message, inside the chat template")
      .Excludes("--special");
  command.Add("--tokens", flags->tokens, "Print the text of these ids instead, as 1,2,3")
      .Type("IDS")
      .Excludes("--prompt")
      .Excludes("--file");
  command.AddFlag("--ids", flags->ids, "Print the ids only, as 1,2,3");
  command.AddFlag("--json", flags->json, "Print one JSON object");
  command.Footer(
      "Examples:\n"
      "  fathom tokenize -p \"Hello, world\"\n"
      "  fathom tokenize my-model.gguf --chat -p Hello --ids\n"
      "  fathom tokenize --tokens 19556,28,905");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Tokenize(context, *flags); }; });
}

}  // namespace fathom::cli
