// Writes a TokenizerSpec as Hugging Face's tokenizer.json, the counterpart of tokenizer_json.cc.
// The order of keys and the layout are those of the reference, so that a file that was written and
// one that the reference saved are the same bytes.
#include <string>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace fathom {
namespace {

// As ByteLevel stands for decoding: none of its options changes text.
OrderedJson ByteLevelDecoder() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", true},
          {"trim_offsets", true},
          {"use_regex", true}};
}

// Appends a member without looking whether it is there: OrderedJson searches its members one by
// one.
void AppendMember(OrderedJson& object, const std::string& key, OrderedJson value) {
  object.get_ref<OrderedJson::object_t&>().emplace_back(key, std::move(value));
}

OrderedJson AddedTokensJson(const TokenizerSpec& spec) {
  OrderedJson list = OrderedJson::array();
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenKind kind = spec.kinds[id];
    if (kind != TokenKind::kControl && kind != TokenKind::kUserDefined) continue;
    const auto found = spec.added_rules.find(static_cast<TokenId>(id));
    const AddedTokenRule rule = found == spec.added_rules.end() ? AddedTokenRule{} : found->second;
    list.push_back({{"id", id},
                    {"content", spec.tokens[id]},
                    {"single_word", false},
                    {"lstrip", rule.strip_left},
                    {"rstrip", rule.strip_right},
                    {"normalized", rule.normalized},
                    {"special", kind == TokenKind::kControl}});
  }
  return list;
}

OrderedJson PreTokenizerSteps(const PreTokenizer& row) {
  OrderedJson steps = OrderedJson::array();
  const Json known = Json::parse(row.steps);
  for (const Json& step : known) {
    const auto& type = step["type"].get_ref<const std::string&>();
    OrderedJson out = {{"type", type}};
    if (type == "Split") {
      for (const char* key : {"pattern", "behavior", "invert"}) out[key] = step[key];
    } else if (type == "Digits") {
      out["individual_digits"] = step["individual_digits"];
    } else {
      CHECK(type == "ByteLevel");
      out["add_prefix_space"] = step["add_prefix_space"];
      out["trim_offsets"] = true;
      out["use_regex"] = step["use_regex"];
    }
    steps.push_back(std::move(out));
  }
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

// One token before the text, and between two texts nothing.
OrderedJson PostProcessor(const TokenizerSpec& spec) {
  if (!spec.add_bos) return nullptr;
  CHECK(spec.bos >= 0 && static_cast<std::size_t>(spec.bos) < spec.tokens.size());
  const std::string& text = spec.tokens[static_cast<std::size_t>(spec.bos)];
  const OrderedJson first = {{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
  const auto sequence = [](const char* name, int type) {
    return OrderedJson{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  OrderedJson token = {{"id", text},
                       {"ids", OrderedJson::array({spec.bos})},
                       {"tokens", OrderedJson::array({text})}};
  OrderedJson tokens = OrderedJson::object();
  AppendMember(tokens, text, std::move(token));
  return {{"type", "TemplateProcessing"},
          {"single", OrderedJson::array({first, sequence("A", 0)})},
          {"pair", OrderedJson::array({first, sequence("A", 0), sequence("B", 1)})},
          {"special_tokens", std::move(tokens)}};
}

OrderedJson Model(const TokenizerSpec& spec) {
  OrderedJson vocab = OrderedJson::object();
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.kinds[id] != TokenKind::kUnused) AppendMember(vocab, spec.tokens[id], id);
  }
  OrderedJson merges = OrderedJson::array();
  for (const std::string& merge : spec.merges) {
    const std::size_t space = merge.find(' ', 1);
    CHECK(space != std::string::npos);
    merges.push_back(OrderedJson::array({merge.substr(0, space), merge.substr(space + 1)}));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", spec.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

}  // namespace

std::string TokenizerJson(const TokenizerSpec& spec) {
  const PreTokenizer& row = NeedPreTokenizer(spec.pre_tokenizer);
  CHECK(spec.kinds.size() == spec.tokens.size());
  OrderedJson normalizer;
  if (spec.nfc.value_or(row.nfc)) normalizer = {{"type", "NFC"}};
  const OrderedJson file = {{"version", "1.0"},
                            {"truncation", nullptr},
                            {"padding", nullptr},
                            {"added_tokens", AddedTokensJson(spec)},
                            {"normalizer", std::move(normalizer)},
                            {"pre_tokenizer", PreTokenizerSteps(row)},
                            {"post_processor", PostProcessor(spec)},
                            {"decoder", ByteLevelDecoder()},
                            {"model", Model(spec)}};
  return file.dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace fathom
