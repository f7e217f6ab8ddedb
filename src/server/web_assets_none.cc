// The web app's files in a program that was built without it.
#include "server/web_assets.h"

namespace fathom {

std::span<const WebAsset> WebAssets() { return {}; }

}  // namespace fathom
