// Spreads the codebooks' compact form (grid_codes.h) to a byte per value, when compiled.
#include "tensor/grids.h"

#include <cstddef>

#include "tensor/grid_codes.h"

namespace fathom {
namespace {

// Entry: a byte for each of sizeof(Entry) values. A code has kBits bits for each, the first lowest,
// and each is a number in `magnitudes`.
template <class Entry, int kBits, std::size_t kEntries, std::size_t kLevels>
constexpr std::array<Entry, kEntries> Spread(const uint16_t (&codes)[kEntries],
                                             const uint8_t (&magnitudes)[kLevels]) {
  std::array<Entry, kEntries> grid{};
  for (std::size_t n = 0; n < kEntries; ++n) {
    for (std::size_t i = 0; i < sizeof(Entry); ++i) {
      const unsigned level = codes[n] >> (kBits * i) & ((1U << kBits) - 1U);
      grid[n] |= static_cast<Entry>(magnitudes[level]) << (8 * i);
    }
  }
  return grid;
}

constexpr uint8_t kMagnitudesIQ2[] = {8, 25, 43};
constexpr uint8_t kMagnitudesIQ3_XXS[] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr uint8_t kMagnitudesIQ3_S[] = {1, 3, 5, 7, 9, 11, 13, 15};
constexpr uint8_t kMagnitudesIQ1[] = {0, 1, 2};

}  // namespace

constinit const std::array<uint64_t, 256> kGridIQ2_XXS =
    Spread<uint64_t, 2>(kCodesIQ2_XXS, kMagnitudesIQ2);
constinit const std::array<uint64_t, 512> kGridIQ2_XS =
    Spread<uint64_t, 2>(kCodesIQ2_XS, kMagnitudesIQ2);
constinit const std::array<uint64_t, 1024> kGridIQ2_S =
    Spread<uint64_t, 2>(kCodesIQ2_S, kMagnitudesIQ2);
constinit const std::array<uint32_t, 256> kGridIQ3_XXS =
    Spread<uint32_t, 4>(kCodesIQ3_XXS, kMagnitudesIQ3_XXS);
constinit const std::array<uint32_t, 512> kGridIQ3_S =
    Spread<uint32_t, 4>(kCodesIQ3_S, kMagnitudesIQ3_S);
constinit const std::array<uint64_t, 2048> kGridIQ1 =
    Spread<uint64_t, 2>(kCodesIQ1, kMagnitudesIQ1);

}  // namespace fathom
