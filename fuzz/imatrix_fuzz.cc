// Feeds the reader of importance matrices any bytes. They must be refused with fathom::Error, or
// give finite weights of at least 0.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/error.h"
#include "convert/imatrix.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const fathom::ImportanceMatrix matrix =
        fathom::ParseImportanceMatrix(std::as_bytes(std::span(data, size)), "input.dat");
    for (const auto& [name, weights] : matrix) {
      CHECK(!weights.empty());
      for (const float weight : weights) CHECK(std::isfinite(weight) && weight >= 0);
    }
  } catch (const fathom::Error& error) {
    CHECK(!error.message().empty());
  }
  return 0;
}
