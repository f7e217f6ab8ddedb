// Everything the server answers without generating: which paths and methods there are, the health
// and model pages, and the embedded web app. Pure: a request's head in, a response out; knows no
// connection.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chat/chat.h"
#include "server/access.h"
#include "server/api_request.h"
#include "server/http_message.h"
#include "server/web_assets.h"

namespace fathom {

class Site {
 public:
  // `chat` and `assets` must outlive the site.
  Site(ChatService& chat, AccessPolicy access, std::span<const WebAsset> assets);

  // What a request's head alone decides: the whole response, or nullopt and `kind` when the body
  // holds a generation to be started. Throws ApiError for who may not and what is not there.
  struct Decision {
    std::optional<HttpResponse> response;
    ApiKind kind = ApiKind::kChat;
  };
  Decision Decide(const HttpRequest& request) const;

  const AccessPolicy& access() const { return access_; }

 private:
  struct Asset {
    const WebAsset* file;
    std::string etag;
  };

  HttpResponse Health(bool in_full) const;
  Json ModelJson() const;
  HttpResponse Model(const std::string& id) const;
  std::optional<HttpResponse> StaticFile(const HttpRequest& request) const;
  HttpResponse Options(const HttpRequest& request, const std::string& allow) const;

  ChatService& chat_;
  AccessPolicy access_;
  std::map<std::string, Asset, std::less<>> assets_;  // by path
  int64_t started_;                                   // Unix seconds
};

// "%2F" to "/"; nullopt for a broken escape.
std::optional<std::string> PercentDecode(std::string_view text);

}  // namespace fathom
