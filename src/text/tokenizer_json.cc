// Reads Hugging Face's tokenizer.json into a TokenizerSpec. Every key that changes ids or text is
// used or refused by name; truncation and padding belong to the batches of whoever saved the file
// and are not ours. Not for running tokenizers: that is tokenizer.cc.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace fathom {
namespace {

// Twice the largest file in use; bounds what the JSON tree may take in memory.
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxDepth = 16;
constexpr int64_t kMaxId = (int64_t{1} << 22) - 1;
constexpr std::size_t kMaxQuoted = 200;  // bytes of the file repeated in a message
constexpr int64_t kSpareIds = 1024;      // ids beyond four times the vocabulary are a mistake

std::string Quoted(const Json& value) {
  std::string text = DumpJson(value);
  if (text.size() > kMaxQuoted) {
    std::size_t end = kMaxQuoted;
    while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
    text.resize(end);
    text += "...";
  }
  return text;
}

class Reader {
 public:
  Reader(const Json& root, const std::string& source) : root_(root), source_(source) {}

  TokenizerSpec Read() {
    if (!root_.is_object()) Invalid("the top level is not an object");
    AllowKeys(root_, "the file",
              {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
               "post_processor", "decoder", "model"});
    if (root_.contains("version") && root_["version"] != "1.0") {
      Unsupported("version " + Quoted(root_["version"]));
    }
    const Json& model = Member(root_, "model", "the file");
    ReadModel(model);
    ReadAddedTokens();
    ReadNormalizer(Optional("normalizer"));
    ReadPreTokenizer(Optional("pre_tokenizer"));
    ReadDecoder(Optional("decoder"));
    ReadPostProcessor(Optional("post_processor"));
    return std::move(spec_);
  }

 private:
  [[noreturn]] void Invalid(const std::string& message) const {
    throw Error(ErrorCode::kInvalidFile, source_ + ": " + message);
  }
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, source_ + ": " + what + " is not supported");
  }

  // ---- Access to members ----

  void AllowKeys(const Json& object, const std::string& where,
                 std::initializer_list<const char*> keys) const {
    for (const auto& [key, value] : object.items()) {
      const auto same = [&key = key](const char* allowed) { return key == allowed; };
      if (std::none_of(keys.begin(), keys.end(), same)) {
        Unsupported("the key " + Quoted(key) + " of " + where);
      }
    }
  }

  const Json& Member(const Json& object, const char* key, const std::string& where) const {
    if (!object.is_object()) Invalid(where + " is " + Quoted(object) + ", not an object");
    const auto found = object.find(key);
    if (found == object.end()) Invalid(where + " has no '" + key + "'");
    return *found;
  }

  const Json& Optional(const char* key) const {
    const auto found = root_.find(key);
    return found == root_.end() ? null_ : *found;
  }

  bool Bool(const Json& object, const char* key, const std::string& where) const {
    const Json& value = Member(object, key, where);
    if (!value.is_boolean()) {
      Invalid("'" + std::string(key) + "' of " + where + " is " + Quoted(value) +
              ", not true or false");
    }
    return value.get<bool>();
  }

  const std::string& String(const Json& object, const char* key, const std::string& where) const {
    const Json& value = Member(object, key, where);
    if (!value.is_string()) {
      Invalid("'" + std::string(key) + "' of " + where + " is " + Quoted(value) + ", not a string");
    }
    return value.get_ref<const std::string&>();
  }

  TokenId Id(const Json& value, const std::string& where) const {
    if (!value.is_number_integer() || value < 0 || value > kMaxId) {
      Invalid("the id of " + where + " is " + Quoted(value) + "; expected a number from 0 to " +
              std::to_string(kMaxId));
    }
    return value.get<TokenId>();
  }

  // The steps of a part that may be null, one object, or a Sequence of objects under `list`.
  std::vector<Json> Steps(const Json& part, const char* list, const char* what) const {
    if (part.is_null()) return {};
    if (String(part, "type", what) != "Sequence") return {part};
    const Json& steps = Member(part, list, what);
    if (!steps.is_array()) Invalid(std::string(what) + " is no list: " + Quoted(part));
    for (const Json& step : steps) String(step, "type", what);
    return steps.get<std::vector<Json>>();
  }

  // ---- The parts of the file ----

  void ReadModel(const Json& model) {
    if (model.is_object() && model.contains("type") && model["type"] != "BPE") {
      Unsupported("the model type " + Quoted(model["type"]));
    }
    const Json& vocab = Member(model, "vocab", "the model");
    const Json& merges = Member(model, "merges", "the model");
    AllowKeys(model, "the model",
              {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
               "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
      if (model.contains(key) && !model[key].is_null() && model[key] != "") {
        Unsupported(std::string(key) + " " + Quoted(model[key]));
      }
    }
    if (model.contains("byte_fallback") && Bool(model, "byte_fallback", "the model")) {
      Unsupported("byte_fallback");
    }
    if (model.contains("ignore_merges")) {
      spec_.ignore_merges = Bool(model, "ignore_merges", "the model");
    }
    ReadVocab(vocab);
    ReadMerges(merges);
    // With all bytes in the vocabulary nothing is ever unknown.
    if (model.contains("unk_token") && !model["unk_token"].is_null()) {
      for (int byte = 0; byte < 256; ++byte) {
        if (!vocab.contains(AlphabetFromBytes(std::string(1, static_cast<char>(byte))))) {
          Unsupported("unk_token with a vocabulary that lacks bytes");
        }
      }
    }
  }

  void ReadVocab(const Json& vocab) {
    if (!vocab.is_object()) Invalid("the vocabulary is not an object");
    vocab_size_ = static_cast<int64_t>(vocab.size());
    for (const auto& [text, value] : vocab.items()) {
      Place(Id(value, "the token " + Quoted(text)), text, TokenKind::kNormal);
    }
  }

  // Ids without a token are allowed, but not so many that the table is mostly empty.
  void Place(TokenId id, const std::string& text, TokenKind kind) {
    const auto at = static_cast<std::size_t>(id);
    if (id > 4 * vocab_size_ + kSpareIds) {
      Invalid("the token " + Quoted(text) + " has id " + std::to_string(id) +
              ", far outside a vocabulary of " + std::to_string(vocab_size_));
    }
    if (at >= spec_.tokens.size()) {
      spec_.tokens.resize(at + 1);
      spec_.kinds.resize(at + 1, TokenKind::kUnused);
    }
    if (spec_.kinds[at] != TokenKind::kUnused && spec_.tokens[at] != text) {
      Invalid("the id " + std::to_string(id) + " is given to " + Quoted(spec_.tokens[at]) +
              " and to " + Quoted(text));
    }
    spec_.tokens[at] = text;
    spec_.kinds[at] = kind;
  }

  void ReadMerges(const Json& merges) {
    if (!merges.is_array()) Invalid("the merges are not a list");
    spec_.merges.reserve(merges.size());
    for (const Json& merge : merges) {
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        if (text.starts_with("#version")) continue;
        if (std::count(text.begin(), text.end(), ' ') != 1) {
          Invalid("the merge " + Quoted(merge) + " is not two tokens");
        }
        spec_.merges.push_back(text);
        continue;
      }
      if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() ||
          !merge[1].is_string()) {
        Invalid("the merge " + Quoted(merge) + " is not two tokens");
      }
      const auto& left = merge[0].get_ref<const std::string&>();
      const auto& right = merge[1].get_ref<const std::string&>();
      // The byte alphabet has no space, so such a merge can never apply.
      if (left.find(' ') != left.npos || right.find(' ') != right.npos) continue;
      spec_.merges.push_back(left + ' ' + right);
    }
  }

  void ReadAddedTokens() {
    const Json& added = Optional("added_tokens");
    if (added.is_null()) return;
    if (!added.is_array()) Invalid("'added_tokens' is not a list");
    const Json& vocab = root_["model"]["vocab"];
    int64_t highest = -1;
    std::unordered_set<std::string_view> listed;
    for (const Json& token : added) {
      const std::string where = "the added token " + Quoted(token);
      const std::string& text = String(token, "content", where);
      const TokenId id = Id(Member(token, "id", where), where);
      AllowKeys(token, where,
                {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      if (Bool(token, "single_word", where)) Unsupported("single_word of " + where);
      const AddedTokenRule rule{.strip_left = Bool(token, "lstrip", where),
                                .strip_right = Bool(token, "rstrip", where),
                                .normalized = Bool(token, "normalized", where)};
      const bool special = Bool(token, "special", where);
      if (text.empty()) continue;  // as the reference does
      if (!listed.insert(text).second) Invalid(where + " is listed twice");

      // The reference numbers tokens that the vocabulary lacks itself; a file that means other ids
      // would get other ids there.
      const auto known = vocab.find(text);
      const int64_t expected =
          known != vocab.end() ? known->get<int64_t>() : std::max(vocab_size_, highest + 1);
      if (id != expected) {
        Invalid(where + " should have the id " + std::to_string(expected));
      }
      highest = std::max<int64_t>(highest, id);
      Place(id, text, special ? TokenKind::kControl : TokenKind::kUserDefined);
      if (rule.strip_left || rule.strip_right || rule.normalized) spec_.added_rules[id] = rule;
    }
  }

  void ReadNormalizer(const Json& part) {
    spec_.nfc = false;
    for (const Json& step : Steps(part, "normalizers", "the normalizer")) {
      if (step["type"] != "NFC") Unsupported("the normalizer " + Quoted(step));
      spec_.nfc = true;
    }
  }

  void ReadPreTokenizer(const Json& part) {
    Json steps = Json::array();
    for (Json step : Steps(part, "pretokenizers", "the pre-tokenizer")) {
      if (step["type"] == "ByteLevel") {
        step.erase("trim_offsets");
        if (!step.contains("use_regex")) step["use_regex"] = true;
      }
      steps.push_back(std::move(step));
    }
    for (const PreTokenizer& row : PreTokenizers()) {
      if (steps == Json::parse(row.steps)) {
        spec_.pre_tokenizer = row.name;
        return;
      }
    }
    Unsupported("the pre-tokenizer " + Quoted(part));
  }

  void ReadDecoder(const Json& part) {
    const std::vector<Json> steps = Steps(part, "decoders", "the decoder");
    if (steps.size() != 1 || steps[0]["type"] != "ByteLevel") {
      Unsupported("the decoder " + Quoted(part));
    }
  }

  void ReadPostProcessor(const Json& part) {
    for (const Json& step : Steps(part, "processors", "the post-processor")) {
      if (step["type"] == "ByteLevel") continue;  // moves offsets only
      if (step["type"] != "TemplateProcessing" || spec_.add_bos) {
        Unsupported("the post-processor " + Quoted(step));
      }
      ReadTemplate(step);
    }
  }

  // {"single": [{"SpecialToken": {"id": TEXT}}, {"Sequence": {"id": "A"}}]}: one token before the
  // text.
  void ReadTemplate(const Json& step) {
    const Json& single = Member(step, "single", "the post-processor");
    const auto is_text = [](const Json& piece) {
      return piece.is_object() && piece.contains("Sequence");
    };
    if (single.is_array() && single.size() == 1 && is_text(single[0])) return;
    if (!single.is_array() || single.size() != 2 || !is_text(single[1])) {
      Unsupported("the post-processor template " + Quoted(single));
    }
    const Json& token = Member(single[0], "SpecialToken", "the post-processor template");
    const std::string& text = String(token, "id", "the post-processor template");
    const auto found = std::find(spec_.tokens.begin(), spec_.tokens.end(), text);
    if (found == spec_.tokens.end()) {
      Invalid("the post-processor adds " + Quoted(text) + ", which is no token");
    }
    spec_.bos = static_cast<TokenId>(found - spec_.tokens.begin());
    spec_.add_bos = true;
  }

  const Json& root_;
  const std::string& source_;
  const Json null_;
  TokenizerSpec spec_;
  int64_t vocab_size_ = 0;
};

}  // namespace

TokenizerSpec ParseTokenizerJson(std::string_view json, const std::string& source) {
  if (json.size() > kMaxFileBytes) {
    throw Error(ErrorCode::kInvalidFile, source + ": " + std::to_string(json.size()) +
                                             " bytes are more than a tokenizer file has (at most " +
                                             std::to_string(kMaxFileBytes) + ")");
  }
  Json root;
  try {
    root = ParseJson(json, source, kMaxDepth);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidFile, error.message());
  }
  return Reader(root, source).Read();
}

}  // namespace fathom
