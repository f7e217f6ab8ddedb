// The text of models/catalog.json, embedded at build time (src/loader/CMakeLists.txt).
#pragma once

#include <string_view>

namespace fathom {

std::string_view CatalogJson();

}  // namespace fathom
