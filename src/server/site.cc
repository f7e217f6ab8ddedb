#include "server/site.h"

#include <utility>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/system_memory.h"

namespace fathom {
namespace {

// Nothing the page loads or sends may leave this server, and no other page may frame it.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

enum class Endpoint { kNone, kHealth, kModels, kModel, kChat, kCompletions };

struct Route {
  Endpoint endpoint = Endpoint::kNone;
  std::string_view rest;  // of the path: the model's id, still encoded
};

Route FindRoute(std::string_view path) {
  if (path == "/health") return {Endpoint::kHealth, {}};
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  if (path == "/models") return {Endpoint::kModels, {}};
  if (path == "/chat/completions") return {Endpoint::kChat, {}};
  if (path == "/completions") return {Endpoint::kCompletions, {}};
  constexpr std::string_view kModelPrefix = "/models/";
  if (path.starts_with(kModelPrefix) && path.size() > kModelPrefix.size()) {
    return {Endpoint::kModel, path.substr(kModelPrefix.size())};
  }
  return {};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

ApiError NotFound(const HttpRequest& request) {
  return ApiError(404, "invalid_request_error", "not_found", "",
                  "there is nothing at " + std::string(request.path().substr(0, 256)));
}

ApiError UnknownModel(const std::string& id, const std::string& known) {
  return ApiError(
      404, "invalid_request_error", "model_not_found", "model",
      "the model '" + id.substr(0, 128) + "' does not exist; this server has '" + known + "'");
}

// True when a list like `"a", W/"b", *` names the tag.
bool NamesTag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
  }
  return false;
}

// The media type without parameters must say JSON, or nothing at all: clients are sloppy here.
void CheckContentType(const HttpRequest& request) {
  const std::string_view type = request.Header("content-type");
  if (type.empty()) return;
  if (LowerCase(type).find("json") != std::string::npos) return;
  throw ApiError(415, "invalid_request_error", "unsupported_media_type", "",
                 "the body must be JSON: send 'Content-Type: application/json'");
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Site::Site(ChatService& chat, AccessPolicy access, std::span<const WebAsset> assets)
    : chat_(chat), access_(std::move(access)), started_(UnixSeconds()) {
  for (const WebAsset& asset : assets) {
    std::string etag(1, '"');
    etag.append(Sha256OfText(asset.bytes), 0, 32).append(1, '"');
    assets_.emplace(std::string(asset.path), Asset{&asset, etag});
  }
}

Site::Decision Site::Decide(const HttpRequest& request) const {
  access_.CheckHostAndOrigin(request);
  const Route route = FindRoute(request.path());
  const bool generates =
      route.endpoint == Endpoint::kChat || route.endpoint == Endpoint::kCompletions;
  const std::string allow = generates ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
  if (request.method == "OPTIONS") return {Options(request, allow)};

  const bool reads = request.method == "GET" || request.method == "HEAD";
  const bool posts = request.method == "POST";
  if (route.endpoint == Endpoint::kNone) {
    if (auto file = StaticFile(request); file && reads) return {std::move(file)};
    if (assets_.empty() && request.path() == "/" && reads) {
      HttpResponse response;
      response.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
      response.body = "This program was built without its web page. The API is at /v1.\n";
      return {std::move(response)};
    }
    if (!StaticFile(request)) throw NotFound(request);
  }
  if (generates ? !posts : !reads) {
    HttpResponse response =
        ErrorResponse(ApiError(405, "invalid_request_error", "method_not_allowed", "",
                               "use " + std::string(generates ? "POST" : "GET") + " for " +
                                   std::string(request.path().substr(0, 256))));
    response.headers.emplace_back("Allow", allow);
    return {std::move(response)};
  }
  // Whether the program is up is no secret; what it is and does is.
  if (route.endpoint == Endpoint::kHealth) return {Health(access_.Knows(request))};
  access_.CheckKey(request);
  switch (route.endpoint) {
    case Endpoint::kModels:
      return {JsonResponse(200, {{"object", "list"}, {"data", Json::array({ModelJson()})}})};
    case Endpoint::kModel: {
      const auto id = PercentDecode(route.rest);
      if (!id) throw BadRequest("model", "the model's name in the path is broken");
      return {Model(*id)};
    }
    default:
      CheckContentType(request);
      return {std::nullopt,
              route.endpoint == Endpoint::kChat ? ApiKind::kChat : ApiKind::kCompletion};
  }
}

HttpResponse Site::Health(bool in_full) const {
  if (!in_full) return JsonResponse(200, {{"status", "ok"}});
  const EngineStats stats = chat_.engine().stats();
  return JsonResponse(200, {{"status", "ok"},
                            {"model", chat_.model().name},
                            {"version", FATHOM_VERSION},
                            {"context_length", chat_.engine().context_length()},
                            {"running", stats.running},
                            {"waiting", stats.waiting},
                            {"kernels", chat_.engine().kernels().name},
                            {"threads", chat_.engine().threads()},
                            {"uptime_seconds", UnixSeconds() - started_},
                            {"tokens",
                             {{"prompt", stats.prompt_tokens},
                              {"cached", stats.cached_tokens},
                              {"generated", stats.generated_tokens}}},
                            {"memory",
                             {{"resident_bytes", ResidentMemoryBytes()},
                              {"cache_bytes", stats.cache_bytes},
                              {"cache_pages", stats.pages_total},
                              {"cache_pages_used", stats.pages_used},
                              {"cache_pages_cached", stats.pages_cached}}}});
}

Json Site::ModelJson() const {
  const ModelSpec& spec = chat_.model().model->spec();
  return {{"id", chat_.model().name},
          {"object", "model"},
          {"created", started_},
          {"owned_by", "fathom"},
          {"context_length", chat_.engine().context_length()},
          {"parameters", spec.parameters},
          {"architecture", spec.architecture},
          {"chat", chat_.model().chat_template != nullptr},
          {"sampling",
           {{"temperature", chat_.model().sampling.temperature},
            {"top_p", chat_.model().sampling.top_p}}}};
}

HttpResponse Site::Model(const std::string& id) const {
  if (id != chat_.model().name && id != "default") throw UnknownModel(id, chat_.model().name);
  return JsonResponse(200, ModelJson());
}

std::optional<HttpResponse> Site::StaticFile(const HttpRequest& request) const {
  const std::string_view path = request.path();
  const auto found = assets_.find(path == "/" ? std::string_view("/index.html") : path);
  if (found == assets_.end()) return std::nullopt;
  const auto& [file, etag] = found->second;
  HttpResponse response;
  response.headers = {
      {"Content-Type", std::string(file->content_type)},
      {"ETag", etag},
      {"Cache-Control", file->immutable ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Content-Security-Policy", kContentSecurityPolicy},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (NamesTag(request.Header("if-none-match"), etag)) {
    response.status = 304;
  } else {
    response.static_body = file->bytes;
  }
  return response;
}

HttpResponse Site::Options(const HttpRequest& request, const std::string& allow) const {
  HttpResponse response;
  response.status = 204;
  response.headers = {{"Allow", allow}};
  if (request.Header("access-control-request-method").empty()) return response;
  response.headers.emplace_back("Access-Control-Allow-Methods", allow);
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  // The SDKs send a dozen headers of their own; the origin was checked, so they may.
  std::string wanted(request.Header("access-control-request-headers").substr(0, 1024));
  if (!wanted.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", wanted);
  return response;
}

}  // namespace fathom
