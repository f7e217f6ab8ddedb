// Jinja source to a Template.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/ast.h"

namespace fathom::jinja {

// Throws Error(kInvalidFile) that names `name`, the line and what was expected; Error(kUnsupported)
// for tags that need other templates (extends, include, import, block).
Template Parse(std::string_view source, const std::string& name);

}  // namespace fathom::jinja
