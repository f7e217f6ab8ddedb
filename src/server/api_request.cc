#include "server/api_request.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/json.h"
#include "server/api_tools.h"
#include "server/json_fields.h"

namespace fathom {
namespace {

constexpr int kMaxTopLogprobs = 20;
constexpr std::size_t kMaxUserIdBytes = 512;

// ---- What is not supported ----------------------------------------------------------------------

// A field of OpenAI's or DeepSeek's API that would change the reply and that Fathom does not have.
// It must not be ignored, unless it says what happens anyway.
struct UnsupportedField {
  const char* name;
  bool (*harmless)(const Json& value);
  const char* harmless_values;  // for the message; empty: any value but an empty one is refused
};

bool IsEmpty(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_structured() && value.empty();
}
bool IsNoChoice(const Json& value) { return value == "none" || value == "auto"; }

constexpr UnsupportedField kBodyFields[] = {
    {"functions", IsEmpty, ""},
    {"function_call", IsNoChoice, "none or auto"},
    {"logit_bias", IsEmpty, ""},
    {"suffix", IsEmpty, ""},
};
constexpr UnsupportedField kCompletionFields[] = {
    {"chat_template_kwargs", IsEmpty, ""},
    {"thinking", IsEmpty, ""},
    {"thinking_budget", IsEmpty, ""},
    {"tools", IsEmpty, ""},
    {"tool_choice", IsNoChoice, "none or auto"},
};
constexpr UnsupportedField kChatFields[] = {
    {"audio", IsEmpty, ""},
    {"echo", IsEmpty, "false"},
    {"modalities", [](const Json& value) { return value == Json::array({"text"}); }, "[\"text\"]"},
    {"prediction", IsEmpty, ""},
    // What DeepSeek and OpenAI take where nothing is said, and no thinking.
    {"reasoning_effort",
     [](const Json& value) { return value == "none" || value == "medium" || value == "high"; },
     "none, medium or high"},
    {"verbosity", [](const Json& value) { return value == "medium"; }, "medium"},
    {"web_search_options", [](const Json&) { return false; }, ""},
};
constexpr UnsupportedField kMessageFields[] = {
    {"audio", IsEmpty, ""},
    {"function_call", IsEmpty, ""},
    {"prefix", IsEmpty, "false"},
};

void RefuseUnsupported(std::span<const UnsupportedField> unsupported, const Fields& fields) {
  for (const UnsupportedField& field : unsupported) {
    const Json* value = fields.Find(field.name);
    if (value == nullptr || field.harmless(*value)) continue;
    const std::string path = fields.PathOf(field.name);
    const std::string values = field.harmless_values;
    throw BadRequest(
        path, "'" + path + "' is not supported" + (values.empty() ? "" : " other than " + values),
        "unsupported");
  }
}

// ---- Messages ----------------------------------------------------------------------------------

Role ReadRole(const Fields& message) {
  const std::string* role = message.String("role");
  const std::string path = message.PathOf("role");
  if (role == nullptr) throw BadRequest(path, "'" + path + "' is missing", "missing_field");
  if (*role == "system" || *role == "developer") return Role::kSystem;
  if (*role == "user") return Role::kUser;
  if (*role == "assistant") return Role::kAssistant;
  if (*role == "tool") return Role::kTool;
  throw BadRequest(path,
                   "'" + path + "' must be system, developer, user, assistant or tool, but is '" +
                       role->substr(0, 64) + "'",
                   "invalid_value");
}

// Parts of type text are joined as they are: the client put the white space it wants into them.
std::string ReadParts(const Json& parts, const std::string& path) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part_path = path + "[" + std::to_string(i) + "]";
    const Json& part = parts[i];
    if (part.is_string()) {
      text += part.get_ref<const std::string&>();
      continue;
    }
    if (!part.is_object()) WrongType(part_path, "an object", part);
    const Fields fields(part, part_path);
    const std::string* type = fields.String("type");
    if (type == nullptr) {
      throw BadRequest(part_path + ".type", "'" + part_path + ".type' is missing", "missing_field");
    }
    if (*type != "text") {
      throw BadRequest(
          part_path + ".type",
          "content of type '" + type->substr(0, 64) + "' is not supported, only text is",
          "unsupported");
    }
    const std::string* part_text = fields.String("text");
    if (part_text == nullptr) {
      throw BadRequest(part_path + ".text", "'" + part_path + ".text' is missing", "missing_field");
    }
    text += *part_text;
  }
  return text;
}

ChatMessage ReadMessage(const Json& value, const std::string& path) {
  if (!value.is_object()) WrongType(path, "an object", value);
  const Fields fields(value, path);
  ChatMessage message;
  message.role = ReadRole(fields);
  RefuseUnsupported(kMessageFields, fields);
  message.tool_calls = ReadToolCalls(fields);
  if (!message.tool_calls.is_null() && message.role != Role::kAssistant) {
    const std::string calls_path = fields.PathOf("tool_calls");
    throw BadRequest(calls_path, "'" + calls_path + "' belongs to messages of an assistant",
                     "invalid_value");
  }
  if (message.role == Role::kTool) message.tool_call_id = fields.NeedString("tool_call_id");
  const Json* content = fields.Find("content");
  if (content == nullptr) {
    // An assistant may have said nothing; anybody else must say something, if only "".
    if (message.role != Role::kAssistant) Missing(fields.PathOf("content"));
    message.has_content = message.tool_calls.is_null();
    return message;
  }
  if (content->is_string()) {
    message.content = content->get<std::string>();
  } else if (content->is_array()) {
    message.content = ReadParts(*content, fields.PathOf("content"));
  } else {
    WrongType(fields.PathOf("content"), "a string or an array of parts", *content);
  }
  return message;
}

std::vector<ChatMessage> ReadMessages(const Fields& body) {
  const Json* value = body.Find("messages");
  if (value == nullptr) throw BadRequest("messages", "'messages' is missing", "missing_field");
  if (!value->is_array()) WrongType("messages", "an array", *value);
  if (value->empty()) {
    throw BadRequest("messages", "'messages' is empty: a conversation needs at least one message",
                     "invalid_value");
  }
  std::vector<ChatMessage> messages;
  messages.reserve(value->size());
  for (std::size_t i = 0; i < value->size(); ++i) {
    messages.push_back(ReadMessage((*value)[i], "messages[" + std::to_string(i) + "]"));
  }
  MatchToolResults(messages);
  return messages;
}

// ---- Prompts of /v1/completions ----------------------------------------------------------------

using Prompt = std::variant<std::vector<ChatMessage>, std::string, std::vector<TokenId>>;

std::vector<TokenId> ReadIds(const Json& value, const std::string& path) {
  std::vector<TokenId> ids;
  ids.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Json& id = value[i];
    const std::string id_path = path + "[" + std::to_string(i) + "]";
    if (!id.is_number_integer()) WrongType(id_path, "a token id", id);
    constexpr int64_t kLast = std::numeric_limits<TokenId>::max();
    // Negative numbers are read as signed, greater ones as unsigned.
    const bool in_range =
        id.is_number_unsigned() ? id.get<uint64_t>() <= static_cast<uint64_t>(kLast) : false;
    if (!in_range) OutOfRange(id_path, 0, static_cast<double>(kLast), id);
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

std::vector<Prompt> ReadPrompts(const Fields& body) {
  const Json* value = body.Find("prompt");
  if (value == nullptr) throw BadRequest("prompt", "'prompt' is missing", "missing_field");
  std::vector<Prompt> prompts;
  if (value->is_string()) {
    prompts.emplace_back(value->get<std::string>());
    return prompts;
  }
  const char* expected = "a string, an array of strings or an array of token ids";
  if (!value->is_array()) WrongType("prompt", expected, *value);
  if (value->empty()) throw BadRequest("prompt", "'prompt' is empty", "invalid_value");
  if ((*value)[0].is_number()) {
    prompts.emplace_back(ReadIds(*value, "prompt"));
    return prompts;
  }
  if (value->size() > static_cast<std::size_t>(kMaxReplies)) {
    throw BadRequest("prompt",
                     "'prompt' may hold at most " + std::to_string(kMaxReplies) +
                         " prompts, but holds " + std::to_string(value->size()),
                     "invalid_value");
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Json& prompt = (*value)[i];
    const std::string path = "prompt[" + std::to_string(i) + "]";
    if (prompt.is_string()) {
      prompts.emplace_back(prompt.get<std::string>());
    } else if (prompt.is_array()) {
      prompts.emplace_back(ReadIds(prompt, path));
    } else {
      WrongType(path, "a string or an array of token ids", prompt);
    }
  }
  return prompts;
}

// ---- Options -----------------------------------------------------------------------------------

std::vector<std::string> ReadStops(const Fields& body) {
  std::vector<std::string> stops;
  const Json* value = body.Find("stop");
  if (value == nullptr) return stops;
  const auto add = [&stops](const Json& stop, const std::string& path) {
    if (!stop.is_string()) WrongType(path, "a string", stop);
    const std::string& text = stop.get_ref<const std::string&>();
    if (text.size() > kMaxStopBytes) {
      throw BadRequest(path,
                       "'" + path + "' may have at most " + std::to_string(kMaxStopBytes) +
                           " bytes, but has " + std::to_string(text.size()),
                       "invalid_value");
    }
    if (!text.empty()) stops.push_back(text);
  };
  if (value->is_string()) {
    add(*value, "stop");
  } else if (value->is_array()) {
    if (value->size() > kMaxStops) {
      throw BadRequest("stop",
                       "'stop' may hold at most " + std::to_string(kMaxStops) +
                           " strings, but holds " + std::to_string(value->size()),
                       "invalid_value");
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
      add((*value)[i], "stop[" + std::to_string(i) + "]");
    }
  } else {
    WrongType("stop", "a string or an array of strings", *value);
  }
  return stops;
}

void ReadSeed(const Fields& body, GenerationOptions& options) {
  const Json* value = body.Find("seed");
  if (value == nullptr) return;
  if (!value->is_number_integer()) WrongType("seed", "an integer", *value);
  options.has_seed = true;
  options.sampling.seed = value->is_number_unsigned()
                              ? value->get<uint64_t>()
                              : static_cast<uint64_t>(value->get<int64_t>());
}

void ReadSampling(const Fields& body, const RecommendedSampling& recommended,
                  SamplingParams& sampling) {
  const auto temperature = body.Number("temperature", 0.0, 2.0);
  const auto top_p = body.Number("top_p", 0.0, 1.0);
  sampling.temperature = static_cast<float>(temperature.value_or(recommended.temperature));
  sampling.top_p = static_cast<float>(top_p.value_or(temperature ? 1.0 : recommended.top_p));
  // -1 is how other servers spell "off".
  const int64_t top_k = body.Integer("top_k", -1, std::numeric_limits<int32_t>::max()).value_or(0);
  sampling.top_k = static_cast<int32_t>(std::max<int64_t>(top_k, 0));
  sampling.min_p = static_cast<float>(body.Number("min_p", 0.0, 1.0).value_or(0.0));
  sampling.repetition_penalty = static_cast<float>(
      body.Number("repetition_penalty", kLeastRepetitionPenalty, kMostRepetitionPenalty)
          .value_or(1.0));
  sampling.frequency_penalty =
      static_cast<float>(body.Number("frequency_penalty", -2.0, 2.0).value_or(0.0));
  sampling.presence_penalty =
      static_cast<float>(body.Number("presence_penalty", -2.0, 2.0).value_or(0.0));
}

void ReadLogprobs(ApiKind kind, const Fields& body, GenerationOptions& options) {
  if (kind == ApiKind::kCompletion) {
    if (const auto count = body.Integer("logprobs", 0, kMaxTopLogprobs)) {
      options.top_logprobs = static_cast<int32_t>(*count);
    }
    return;
  }
  const bool wanted = body.Boolean("logprobs", false);
  const auto top = body.Integer("top_logprobs", 0, kMaxTopLogprobs);
  if (top && *top > 0 && !wanted) {
    throw BadRequest("top_logprobs", "'top_logprobs' needs 'logprobs' to be true", "invalid_value");
  }
  if (wanted) options.top_logprobs = static_cast<int32_t>(top.value_or(0));
}

void RefuseUnsupported(ApiKind kind, const Fields& body) {
  RefuseUnsupported(kBodyFields, body);
  RefuseUnsupported(kind == ApiKind::kChat ? std::span<const UnsupportedField>(kChatFields)
                                           : std::span<const UnsupportedField>(kCompletionFields),
                    body);
  if (const Json* format = body.Find("response_format")) {
    if (!format->is_object()) WrongType("response_format", "an object", *format);
    const std::string* type = Fields(*format, "response_format").String("type");
    if (type == nullptr || *type != "text") {
      throw BadRequest("response_format.type",
                       "'response_format.type' must be 'text': other formats are not supported",
                       "unsupported");
    }
  }
  const int64_t n = body.Integer("n", 1, kMaxChoices).value_or(1);
  if (const auto best_of = body.Integer("best_of", 1, 128); best_of && *best_of != n) {
    throw BadRequest("best_of", "'best_of' is not supported unless it equals 'n'", "unsupported");
  }
}

void CheckModel(const Fields& body, const std::string& name) {
  const std::string* model = body.String("model");
  if (model == nullptr || model->empty() || *model == "default" || *model == name) return;
  throw ApiError(
      404, "invalid_request_error", "model_not_found", "model",
      "the model '" + model->substr(0, 128) + "' does not exist; this server has '" + name + "'");
}

// DeepSeek's switch, then what servers of open models call the same: a variable of the template,
// and a limit.
void ReadThinking(const Fields& body, const ServedModel& model, GenerationOptions& options) {
  const char* param = "thinking";
  if (const std::string* effort = body.String("reasoning_effort"); effort && *effort == "none") {
    options.thinking = false;
  }
  if (const Json* variables = body.Find("chat_template_kwargs")) {
    if (!variables->is_object()) WrongType("chat_template_kwargs", "an object", *variables);
    const Fields fields(*variables, "chat_template_kwargs");
    for (const auto& [name, value] : variables->items()) {
      if (name != "enable_thinking" && name != "thinking") {
        throw BadRequest(fields.PathOf(name),
                         "the template variable '" + name.substr(0, 64) + "' is not supported",
                         "unsupported");
      }
      if (!value.is_null()) options.thinking = fields.Boolean(name.c_str(), false);
      param = "chat_template_kwargs";
    }
  }
  if (const Json* thinking = body.Find("thinking")) {
    if (!thinking->is_object()) WrongType("thinking", "an object", *thinking);
    const std::string* type = Fields(*thinking, "thinking").String("type");
    if (type == nullptr) {
      throw BadRequest("thinking.type", "'thinking.type' is missing", "missing_field");
    }
    if (*type != "enabled" && *type != "disabled" && *type != "adaptive") {
      throw BadRequest("thinking.type",
                       "'thinking.type' must be enabled, disabled or adaptive, but is '" +
                           type->substr(0, 64) + "'",
                       "invalid_value");
    }
    if (*type != "adaptive") options.thinking = *type == "enabled";
    param = "thinking";
  }
  if (options.thinking == true && !model.thinks) {
    throw BadRequest(param, "the model '" + model.name + "' cannot think", "unsupported");
  }
  options.thinking_budget =
      body.Integer("thinking_budget", 0, std::numeric_limits<int32_t>::max()).value_or(-1);
}

// What the model's template would leave out in silence.
void RefuseTools(const ToolUse& use, const std::vector<ChatMessage>& messages,
                 const ServedModel& model) {
  const auto has_call = [](const ChatMessage& message) { return !message.tool_calls.is_null(); };
  const bool calls = std::any_of(messages.begin(), messages.end(), has_call);
  if (use.tools.is_null() && !calls) return;
  throw BadRequest(calls ? "messages" : "tools",
                   "the model '" + model.name +
                       "' cannot call tools: its chat template and vocabulary have no form for "
                       "them that is supported",
                   "unsupported");
}

GenerationOptions ReadOptions(ApiKind kind, const Fields& body, const ServedModel& model) {
  GenerationOptions options;
  ReadSampling(body, model.sampling, options.sampling);
  ReadSeed(body, options);
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  // An echo of the prompt alone may be wanted, for its log-probabilities.
  const int64_t least = kind == ApiKind::kCompletion ? 0 : 1;
  auto max_tokens = body.Integer("max_completion_tokens", least, kMost);
  const auto older_name = body.Integer("max_tokens", least, kMost);
  if (!max_tokens) max_tokens = older_name;
  options.max_tokens =
      max_tokens.value_or(kind == ApiKind::kCompletion ? kDefaultCompletionTokens : -1);
  options.stop = ReadStops(body);
  ReadLogprobs(kind, body, options);
  options.ignore_eos = body.Boolean("ignore_eos", false);
  if (kind == ApiKind::kChat) ReadThinking(body, model, options);
  return options;
}

}  // namespace

ChatRequest ApiRequest::ReplyRequest(std::size_t reply) const {
  const auto per_prompt = static_cast<std::size_t>(choices);
  ChatRequest request = prompts[reply / per_prompt];
  request.options.sampling.seed += reply % per_prompt;
  return request;
}

ApiRequest ParseApiRequest(ApiKind kind, std::string_view text, const ServedModel& model) {
  const Json json = ParseJson(text, "the request body");
  if (!json.is_object()) {
    throw BadRequest("", "the request body must be a JSON object, but is " + TypeOf(json),
                     "invalid_type");
  }
  const Fields body(json);
  CheckModel(body, model.name);
  RefuseUnsupported(kind, body);

  ApiRequest request;
  request.kind = kind;
  request.stream = body.Boolean("stream", false);
  request.choices = static_cast<int>(body.Integer("n", 1, kMaxChoices).value_or(1));
  const Json* seed = body.Find("seed");
  request.negative_seed = seed != nullptr && seed->is_number() && !seed->is_number_unsigned();
  if (const Json* stream_options = body.Find("stream_options")) {
    if (!stream_options->is_object()) WrongType("stream_options", "an object", *stream_options);
    request.include_usage =
        Fields(*stream_options, "stream_options").Boolean("include_usage", false);
  }

  ChatRequest common;
  common.options = ReadOptions(kind, body, model);
  if (const std::string* user = body.String("user_id")) {
    if (user->size() > kMaxUserIdBytes) {
      throw BadRequest("user_id",
                       "'user_id' may have at most " + std::to_string(kMaxUserIdBytes) +
                           " bytes, but has " + std::to_string(user->size()),
                       "invalid_value");
    }
    common.cache_key = *user;
  }

  if (kind == ApiKind::kChat) {
    ToolUse use = ReadToolUse(body, text);
    std::vector<ChatMessage> messages = ReadMessages(body);
    if (!model.calls_tools) RefuseTools(use, messages, model);
    common.options.tool_calls = !use.tools.is_null();
    common.options.one_call = use.one_call;
    common.tools = std::move(use.tools);
    common.prompt = std::move(messages);
    request.prompts.push_back(std::move(common));
    return request;
  }
  request.echo = body.Boolean("echo", false);
  common.options.score_prompt = request.echo && common.options.top_logprobs.has_value();
  if (common.options.max_tokens == 0 && !request.echo) {
    throw BadRequest("max_tokens", "'max_tokens' must be at least 1 unless 'echo' is true",
                     "invalid_value");
  }
  for (Prompt& prompt : ReadPrompts(body)) {
    ChatRequest one = common;
    one.prompt = std::move(prompt);
    request.prompts.push_back(std::move(one));
  }
  if (request.replies() > static_cast<std::size_t>(kMaxReplies)) {
    throw BadRequest("n",
                     "prompts times 'n' may be at most " + std::to_string(kMaxReplies) +
                         ", but is " + std::to_string(request.replies()),
                     "invalid_value");
  }
  return request;
}

}  // namespace fathom
