// For tests only: a model without weights that writes a known text, and a byte-level tokenizer with
// ChatML, as one LoadedModel. Greedy decoding follows a successor table (the alphabet, over and
// over, by default); with a temperature, replies vary with the seed and the position. It may know
// the tags of thinking, and its template may open them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "loader/loader.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace fathom {

struct FakeModelOptions {
  int64_t context_length = 4096;
  std::string text = "abcdefghijklmnopqrstuvwxyz";  // distinct bytes; the last leads to the first
  std::vector<int32_t> chain;                       // distinct ids that it writes instead of `text`
  bool ends = false;                                // the last one leads to <|im_end|> instead
  int step_microseconds = 0;                        // what every step takes at least
  int prefill_microseconds = 0;  // what a step with more than one row of a sequence adds
  bool with_tokenizer = true;
  bool with_template = true;
  bool add_bos = false;
  bool knows_think = false;   // <think> and </think> are added tokens
  bool opens_think = false;   // the template writes "<think>\n" at the end of a prompt
  bool calls_tools = false;   // the template shows tools, and the vocabulary has what calls one
  std::string chat_template;  // instead of ChatML
  std::string chat_template_origin;  // where that comes from
};

// Ids 0 to 255 are the bytes themselves.
struct FakeVocabulary {
  static constexpr int32_t kStart = 256;      // <|im_start|>
  static constexpr int32_t kEnd = 257;        // <|im_end|>
  static constexpr int32_t kEndOfText = 258;  // <|endoftext|>
  static constexpr int32_t kThink = 260;      // <think>
  static constexpr int32_t kThinkEnd = 261;   // </think>
  // A call of get_weather, in tokens that text never becomes.
  static constexpr int32_t kToolCall = 262;   // <tool_call>
  static constexpr int32_t kCallName = 263;   // {"name": "get_weather", "arguments":
  static constexpr int32_t kCallPlace = 264;  // {"place": "Köln"}}
  static constexpr int32_t kToolEnd = 265;    // </tool_call>
  static constexpr int32_t kSize = 266;
};

class FakeModel : public Model {
 public:
  explicit FakeModel(FakeModelOptions options) : options_(std::move(options)) {
    spec_.architecture = "fake";
    spec_.vocabulary = FakeVocabulary::kSize;
    spec_.layers = 1;
    spec_.hidden = 1;
    spec_.context_length = options_.context_length;
    std::vector<int32_t> chain = options_.chain;
    if (chain.empty()) {
      for (const char c : options_.text) chain.push_back(static_cast<unsigned char>(c));
    }
    // What is not part of the text leads to its start.
    next_.assign(FakeVocabulary::kSize, chain.front());
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      next_[static_cast<std::size_t>(chain[i])] = chain[i + 1];
    }
    if (options_.ends) next_[static_cast<std::size_t>(chain.back())] = FakeVocabulary::kEnd;
  }

  const ModelSpec& spec() const override { return spec_; }
  CacheLayout cache_layout(CacheType) const override { return {64}; }
  std::size_t ScratchBytes(int64_t, int64_t, int) const override { return 64; }

  void Forward(ExecContext&, const StepBatch& batch, float* logits) const override {
    int microseconds = options_.step_microseconds;
    std::vector<int64_t> positions(batch.tokens.size());
    for (const SequenceSlice& slice : batch.sequences) {
      if (slice.tokens > 1) microseconds += options_.prefill_microseconds;
      for (int64_t i = 0; i < slice.tokens; ++i) {
        positions[static_cast<std::size_t>(slice.first_row + i)] = slice.start_position + i;
      }
    }
    if (microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    for (const int32_t row : batch.logit_rows) {
      const int32_t token = batch.tokens[static_cast<std::size_t>(row)];
      const int64_t position = positions[static_cast<std::size_t>(row)];
      for (int32_t id = 0; id < FakeVocabulary::kSize; ++id)
        logits[id] = Noise(token, position, id);
      logits[next_[static_cast<std::size_t>(token)]] = 5.0f;
      logits += FakeVocabulary::kSize;
    }
  }
  std::vector<NamedLinear> Linears(const ModelFile&) const override { return {}; }

 private:
  // In [0, 2), printable characters only: the rest is all but impossible.
  static float Noise(int32_t token, int64_t position, int32_t id) {
    if (id < 0x20 || id >= 0x7F) return -20.0f;
    uint64_t x = static_cast<uint64_t>(token) * 0x9E3779B97F4A7C15u +
                 static_cast<uint64_t>(position) * 0xC2B2AE3D27D4EB4Fu +
                 static_cast<uint64_t>(id) * 0x165667B19E3779F9u;
    x ^= x >> 31;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 29;
    return static_cast<float>(x % 2000) / 1000.0f;
  }

  FakeModelOptions options_;
  ModelSpec spec_;
  std::vector<int32_t> next_;
};

// The text form of a byte in GPT-2's printable alphabet: printable Latin-1 stands for itself, the
// rest for U+0100 on, in order.
inline std::string PrintableByte(int byte) {
  const auto printable = [](int b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  int code = byte;
  if (!printable(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

inline TokenizerSpec FakeTokenizerSpec(bool add_bos, bool knows_think = false,
                                       bool calls_tools = false) {
  TokenizerSpec spec;
  spec.pre_tokenizer = "gpt2";
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(PrintableByte(byte));
    spec.kinds.push_back(TokenKind::kNormal);
  }
  for (const char* added : {"<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|unused|>"}) {
    spec.tokens.emplace_back(added);
    spec.kinds.push_back(TokenKind::kControl);
  }
  for (const char* tag : {"<think>", "</think>"}) {
    spec.tokens.emplace_back(knows_think ? tag : "");
    spec.kinds.push_back(knows_think ? TokenKind::kUserDefined : TokenKind::kUnused);
  }
  const auto words = [](const char* text) {
    std::string printable;
    for (; *text != '\0'; ++text) printable += PrintableByte(static_cast<unsigned char>(*text));
    return printable;
  };
  const std::pair<std::string, TokenKind> call[] = {
      {"<tool_call>", TokenKind::kUserDefined},
      {words("{\"name\": \"get_weather\", \"arguments\": "), TokenKind::kNormal},
      {words("{\"place\": \"Köln\"}}"), TokenKind::kNormal},
      {"</tool_call>", TokenKind::kUserDefined}};
  for (const auto& [text, kind] : call) {
    spec.tokens.push_back(calls_tools ? text : "");
    spec.kinds.push_back(calls_tools ? kind : TokenKind::kUnused);
  }
  spec.bos = FakeVocabulary::kEndOfText;
  spec.eos = FakeVocabulary::kEnd;
  spec.add_bos = add_bos;
  return spec;
}

// ChatML that leaves the model thinking.
inline constexpr const char* kThinkingChatMl =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ "
    "'<|im_end|>' + '\\n' }}{% endfor %}{{ '<|im_start|>assistant\\n<think>\\n' }}";

// ChatML with tools, calls and results.
inline constexpr const char* kToolChatMl =
    "{% if tools %}{{ '<|im_start|>system\n' + (tools | tojson) + '<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + (message.content or "
    "'') }}"
    "{% for call in message.tool_calls or [] %}{{ '<tool_call>' + ({'name': call.function.name, "
    "'arguments': call.function.arguments} | tojson) + '</tool_call>' }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

// ChatML that takes its time over each message: twenty thousand of them take seconds.
inline constexpr const char* kSlowChatMl =
    "{% for message in messages %}{% for i in range(900) %}{% endfor %}{{ '<|im_start|>' + "
    "message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}"
    "{{ '<|im_start|>assistant\n' }}";

inline LoadedModel MakeFakeModel(const FakeModelOptions& options = {}) {
  LoadedModel loaded;
  loaded.name = "fake";
  loaded.fingerprint = "fa4e";
  loaded.model = std::make_unique<FakeModel>(options);
  if (!options.with_tokenizer) return loaded;
  TokenizerSpec spec = FakeTokenizerSpec(options.add_bos, options.knows_think, options.calls_tools);
  if (options.opens_think) spec.chat_template = kThinkingChatMl;
  if (options.calls_tools) spec.chat_template = kToolChatMl;
  if (!options.chat_template.empty()) spec.chat_template = options.chat_template;
  spec.chat_template_origin = options.chat_template_origin;
  loaded.tokenizer = std::make_unique<Tokenizer>(std::move(spec));
  if (!options.with_template) return loaded;
  loaded.chat_template = MakeChatTemplate(*loaded.tokenizer);
  return loaded;
}

}  // namespace fathom
