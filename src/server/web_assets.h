// The web app's files, embedded into the program at build time (cmake/FathomWeb.cmake).
#pragma once

#include <span>
#include <string_view>

namespace fathom {

struct WebAsset {
  std::string_view path;  // "/index.html"; "/" is served from it
  std::string_view content_type;
  std::string_view bytes;
  bool immutable = false;  // the name carries a content hash: may be cached for ever
};

// All files; empty when the program was built without the web app (FATHOM_WEB=OFF).
std::span<const WebAsset> WebAssets();

}  // namespace fathom
