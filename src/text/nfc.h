// Unicode normalization form C, of Unicode 9.0.0: the version Hugging Face `tokenizers` normalizes
// with. Later characters pass unchanged, as they do there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fathom {

// Appends the normalized form of well-formed UTF-8. Linear in the text, but for the sorting of
// marks that stand in a row. Text without combining marks is copied as it is.
void AppendNfc(std::string_view text, std::string& out);

}  // namespace fathom
