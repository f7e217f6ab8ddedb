#include "loader/hf_tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "formats/hf_directory.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// Ten times the largest in use (tokenizer_config.json lists added tokens again).
constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;

// The content of a file of the directory, or nothing where there is none.
std::optional<std::string> ReadFile(const fs::path& folder, const char* name, std::size_t most) {
  const fs::path path = folder / name;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  const MappedFile file = OpenInDirectory(folder, path);
  if (file.bytes().size() > most) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": " +
                                             std::to_string(file.bytes().size()) +
                                             " bytes, expected at most " + std::to_string(most));
  }
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

class ConfigJson {
 public:
  ConfigJson(const fs::path& folder, const char* name) : path_(folder / name) {
    const std::optional<std::string> text = ReadFile(folder, name, kMaxConfigBytes);
    if (!text) return;
    try {
      root_ = ParseJson(*text, path_.string() + ": the file");
    } catch (const Error& error) {
      throw Error(ErrorCode::kInvalidFile, error.message());
    }
    if (!root_.is_object()) Fail("the file is not a JSON object");
  }

  [[noreturn]] void Fail(const std::string& message) const {
    throw Error(ErrorCode::kInvalidFile, path_.string() + ": " + message);
  }
  [[noreturn]] void FailUnsupported(const std::string& message) const {
    throw Error(ErrorCode::kUnsupported, path_.string() + ": " + message);
  }

  // Null when the key is absent or null.
  const Json* Find(const char* key) const {
    const auto found = root_.find(key);
    return found == root_.end() || found->is_null() ? nullptr : &*found;
  }
  bool BooleanOr(const char* key, bool absent) const {
    const Json* value = Find(key);
    if (value == nullptr) return absent;
    if (!value->is_boolean()) Fail(std::string("'") + key + "' is no boolean");
    return value->get<bool>();
  }
  // A token is given as its text, or as an object with its text and how it is matched.
  std::optional<std::string> TokenText(const char* key) const {
    const Json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_object() && value->contains("content")) value = &(*value)["content"];
    if (!value->is_string()) Fail(std::string("'") + key + "' is no text of a token");
    return value->get<std::string>();
  }
  // One template, or several with names, of which "default" is for chats without tools.
  std::string ChatTemplate() const {
    const Json* value = Find("chat_template");
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    if (!value->is_array()) Fail("'chat_template' is neither text nor a list");
    for (const Json& entry : *value) {
      if (!entry.is_object() || !entry.contains("name") || !entry.contains("template") ||
          !entry["template"].is_string()) {
        Fail("an entry of 'chat_template' is not {name, template}");
      }
      if (entry["name"] == "default") return entry["template"].get<std::string>();
    }
    return {};
  }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  Json root_ = Json::object();
};

// The ids under a key of the model's own metadata: one, several or none.
std::vector<TokenId> IdsOf(const ModelFile& file, const std::string& key,
                           const TokenizerSpec& spec) {
  const MetadataValue* value = file.Find(key);
  if (value == nullptr) return {};
  std::vector<int64_t> ids;
  if (const auto* list = std::get_if<std::vector<int64_t>>(value)) {
    ids = *list;
  } else {
    ids.push_back(*file.Integer(key));
  }
  for (const int64_t id : ids) {
    if (id < 0 || static_cast<uint64_t>(id) >= spec.tokens.size()) {
      file.FailKey(key, "is " + std::to_string(id) + ", expected less than the " +
                            std::to_string(spec.tokens.size()) + " tokens");
    }
  }
  return {ids.begin(), ids.end()};
}

// What the tokenizer's configuration says, or else the model's.
TokenId NamedToken(const ModelFile& file, const ConfigJson& config, const char* name,
                   const TokenizerSpec& spec) {
  const std::optional<std::string> text = config.TokenText(name);
  if (text) {
    for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.kinds[id] != TokenKind::kUnused && spec.tokens[id] == *text) {
        return static_cast<TokenId>(id);
      }
    }
    config.Fail(std::string("'") + name + "' is " + QuotedName(*text) +
                ", which is no token of tokenizer.json");
  }
  for (const char* prefix : {"generation_config.", ""}) {
    const std::vector<TokenId> ids = IdsOf(file, std::string(prefix) + name + "_id", spec);
    if (!ids.empty()) return ids.front();
  }
  return -1;
}

}  // namespace

std::optional<TokenizerSpec> HfTokenizerSpecOf(const ModelFile& file) {
  const fs::path& folder = file.path();
  const fs::path path = folder / "tokenizer.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  const MappedFile json = OpenInDirectory(folder, path);
  TokenizerSpec spec = ParseTokenizerJson(
      {reinterpret_cast<const char*>(json.bytes().data()), json.bytes().size()}, path.string());

  const ConfigJson config(folder, "tokenizer_config.json");
  // tokenizer.json itself may say what begins a text, with the token.
  if (!spec.add_bos) {
    spec.bos = NamedToken(file, config, "bos_token", spec);
    spec.add_bos = config.BooleanOr("add_bos_token", false);
    if (spec.add_bos && spec.bos < 0) config.Fail("'add_bos_token' is true, but there is no token");
  }
  if (config.BooleanOr("add_eos_token", false)) {
    config.FailUnsupported("'add_eos_token' is true, which is not supported");
  }
  spec.eos = NamedToken(file, config, "eos_token", spec);
  // Trainers put in pad tokens that the vocabulary lacks; nothing is padded here.
  const std::optional<std::string> pad = config.TokenText("pad_token");
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), pad.value_or(""));
  if (pad && found != spec.tokens.end()) {
    spec.pad = static_cast<TokenId>(found - spec.tokens.begin());
  }
  spec.stops = IdsOf(file, "generation_config.eos_token_id", spec);
  // Read where it does not count, too: of another model's tokenizer it may be out of range.
  std::vector<TokenId> of_config = IdsOf(file, "eos_token_id", spec);
  if (spec.stops.empty()) spec.stops = std::move(of_config);

  constexpr const char* kTemplate = "chat_template.jinja";
  if (std::optional<std::string> own = ReadFile(folder, kTemplate, kMaxConfigBytes)) {
    spec.chat_template = *std::move(own);
    spec.chat_template_origin = (folder / kTemplate).string();
  } else {
    spec.chat_template = config.ChatTemplate();
    spec.chat_template_origin = config.path().string() + ": key chat_template";
  }
  return spec;
}

}  // namespace fathom
