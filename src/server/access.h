// Who may talk to the server: the address it may bind, the Host and Origin headers it accepts, the
// key. Pure checks over strings.
//
// A page that a victim's browser has open can reach a server on the victim's machine, by a DNS name
// that its owner points to 127.0.0.1 (DNS rebinding) or by a cross-origin request. So the Host must
// be a name of this server, and an Origin, which browsers send and pages cannot forge, must be this
// server's own or one that was allowed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/http_message.h"

namespace fathom {

// "localhost", "::1", "127.0.0.1" and the rest of 127.0.0.0/8.
bool IsLoopback(std::string_view host);
// An IPv4 or IPv6 address in text form, without brackets.
bool IsAddress(std::string_view host);

// "host:port" taken apart; IPv6 without its brackets, lower case. Nullopt when it is malformed.
struct HostPort {
  std::string host;
  std::string port;  // "" when not given
};
std::optional<HostPort> ParseHost(std::string_view text);

class AccessPolicy {
 public:
  // Throws Error(kInvalidArgument) when `bind_host` is not an address, or not a loopback one while
  // there is no key.
  AccessPolicy(std::string bind_host, std::string api_key, std::vector<std::string> allowed_hosts);

  // Throws ApiError: 400 for a missing or malformed Host, 403 for a Host or Origin not accepted.
  // The host of an absolute target is held to the same as the Host.
  void CheckHostAndOrigin(const HttpRequest& request) const;
  // Throws ApiError 401 unless there is no key or the request carries it ("Authorization: Bearer
  // KEY"). Takes the same time for every wrong key of one length.
  void CheckKey(const HttpRequest& request) const;
  bool has_key() const { return !api_key_.empty(); }
  // True when the request may see what needs the key.
  bool Knows(const HttpRequest& request) const;

  // Headers that let an allowed page of another origin read the response; none for others.
  void AddCorsHeaders(const HttpRequest& request, HttpResponse& response) const;

 private:
  bool HostAllowed(const HostPort& host) const;
  bool OriginListed(std::string_view origin) const;

  std::string bind_host_;
  std::string api_key_;
  std::vector<std::string> allowed_;  // lower case: "name", "name:port" or "scheme://name:port"
};

}  // namespace fathom
