#include "recipe/tokenizer_training.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "convert/part_file.h"
#include "convert/part_folder.h"
#include "formats/model_file.h"
#include "loader/hf_tokenizer.h"
#include "text/bpe_trainer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// The cutting of DeepSeek-V3's text, which other programs know by this name in GGUF files.
constexpr const char* kPreTokenizer = "deepseek-v3";

constexpr const char* kBegin = "<｜begin▁of▁sentence｜>";
constexpr const char* kEnd = "<｜end▁of▁sentence｜>";
constexpr const char* kPad = "<｜▁pad▁｜>";

// Spelled as R1 has them; bos and eos have its ids, too. Thinking is printed, so its tags are no
// control tokens.
const std::vector<BpeTrainerOptions::Special>& SpecialTokens() {
  static const std::vector<BpeTrainerOptions::Special> kTokens = {
      {kBegin},
      {kEnd},
      {kPad},
      {"<｜User｜>"},
      {"<｜Assistant｜>"},
      {"<think>", TokenKind::kUserDefined},
      {"</think>", TokenKind::kUserDefined}};
  return kTokens;
}

TokenId IdOf(std::string_view text) {
  const auto& tokens = SpecialTokens();
  const auto found =
      std::find_if(tokens.begin(), tokens.end(), [&](const auto& t) { return t.text == text; });
  return static_cast<TokenId>(found - tokens.begin());
}

}  // namespace

std::string_view ReasonerChatTemplate() {
  return R"jinja({%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}
{%- set ns.system = ns.system + ('\n\n' if ns.system else '') + message['content'] -%}
{%- endif -%}
{%- endfor -%}
{{- bos_token + ns.system -}}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- '<｜User｜>' + message['content'] -}}
{%- elif message['role'] == 'assistant' -%}
{{- '<｜Assistant｜>' + (message['content'] or '').split('</think>')[-1] + eos_token -}}
{%- elif message['role'] != 'system' -%}
{{- raise_exception('the roles are system, user and assistant, not ' + message['role']) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<｜Assistant｜><think>\n' -}}
{%- endif -%}
)jinja";
}

TokenizerSpec TrainTokenizer(const TaskMixture& mixture, const TokenizerTrainingOptions& options) {
  constexpr int64_t kProgressEvery = 500;
  PreTokenCounts corpus(kPreTokenizer, /*single_digits=*/true);
  for (int64_t i = 0; i < options.problems; ++i) {
    const Problem problem = mixture.At(i);
    // Cut as conversations are, by tokens that nothing merges with.
    corpus.Add(problem.question);
    corpus.Add(problem.thinking + "\n");
    corpus.Add("\n\n" + problem.reply);
    if (options.progress && (i + 1) % kProgressEvery == 0) options.progress(i + 1);
  }
  BpeTrainerOptions training;
  training.vocab_size = static_cast<std::size_t>(std::max<int64_t>(options.vocabulary, 0));
  training.special_tokens = SpecialTokens();
  TokenizerSpec spec = TrainBpe(corpus, training);
  if (spec.tokens.size() != training.vocab_size) {
    throw Error(ErrorCode::kInvalidArgument,
                std::to_string(options.problems) + " problems give a vocabulary of " +
                    std::to_string(spec.tokens.size()) + " tokens, expected " +
                    std::to_string(options.vocabulary),
                "more problems have more to learn from");
  }
  spec.bos = IdOf(kBegin);
  spec.eos = IdOf(kEnd);
  spec.pad = IdOf(kPad);
  spec.stops = {spec.eos};
  spec.add_bos = true;
  spec.chat_template = ReasonerChatTemplate();
  return spec;
}

std::vector<std::pair<std::string, std::string>> TokenizerFiles(const TokenizerSpec& spec) {
  const auto text = [&](TokenId id) { return spec.tokens[static_cast<std::size_t>(id)]; };
  OrderedJson config = OrderedJson::object();
  if (spec.bos >= 0) config["add_bos_token"] = spec.add_bos;
  config["add_eos_token"] = false;
  if (spec.bos >= 0) config["bos_token"] = text(spec.bos);
  if (spec.eos >= 0) config["eos_token"] = text(spec.eos);
  if (spec.pad >= 0) config["pad_token"] = text(spec.pad);
  config["clean_up_tokenization_spaces"] = false;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  if (!spec.chat_template.empty()) config["chat_template"] = spec.chat_template;
  return {{"tokenizer.json", TokenizerJson(spec)},
          {"tokenizer_config.json", config.dump(2) + "\n"}};
}

void WriteTokenizer(const TokenizerSpec& spec, const fs::path& folder) {
  std::error_code failed;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failed);
  if (failed) throw SystemError(failed.value(), "cannot make the folder of " + folder.string());
  CheckDestination(folder, /*folder=*/true, Overwrite::kRefuse);
  PartFolder part(folder);
  for (const auto& [name, text] : TokenizerFiles(spec)) {
    PartFile file(part.path() / name, text.size(), "");
    file.Write(0, std::as_bytes(std::span(text)));
    file.Publish();
  }
  part.Publish();
}

bool HasTokenizer(const TokenizerSpec& spec, const fs::path& folder) {
  const auto files = TokenizerFiles(spec);
  return std::ranges::all_of(files, [&](const auto& file) {
    std::error_code ignored;
    const fs::path path = folder / file.first;
    if (!fs::is_regular_file(path, ignored) || fs::file_size(path, ignored) == 0) return false;
    const MappedFile there = MappedFile::Open(path);
    return std::ranges::equal(there.bytes(), std::as_bytes(std::span(file.second)));
  });
}

TokenizerSpec ReadTokenizer(const fs::path& folder) {
  // Its reader asks a model for its folder, and for ids that its configuration names beside.
  const ModelFile nothing({}, {}, {}, ModelFileKind::kHuggingFace, folder);
  std::optional<TokenizerSpec> spec = HfTokenizerSpecOf(nothing);
  if (!spec) {
    throw Error(ErrorCode::kNotFound, "there is no tokenizer.json in " + folder.string(),
                "'fathom train tokenizer' writes one");
  }
  if (spec->stops.empty() && spec->eos >= 0) spec->stops = {spec->eos};
  return *std::move(spec);
}

}  // namespace fathom
