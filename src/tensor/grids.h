// The tables that quants index, for decoders and kernels. They are part of the file format; nothing
// here knows how an index is stored.
#pragma once

#include <array>
#include <cstdint>

namespace fathom {

// Codebooks (ggml's iq2xxs_grid and the like): each entry holds the magnitudes of eight or four
// consecutive values, one a byte, the first in the lowest byte.
extern const std::array<uint64_t, 256> kGridIQ2_XXS;  // magnitudes 8, 25, 43
extern const std::array<uint64_t, 512> kGridIQ2_XS;   // 8, 25, 43
extern const std::array<uint64_t, 1024> kGridIQ2_S;   // 8, 25, 43
extern const std::array<uint32_t, 256> kGridIQ3_XXS;  // 4, 12, 20, 28, 36, 44, 52, 62
extern const std::array<uint32_t, 512> kGridIQ3_S;    // 1, 3, 5, ... 15
extern const std::array<uint64_t, 2048> kGridIQ1;     // of IQ1_S and IQ1_M: 0, 1, 2, for -1, 0, 1

// The 16 levels of IQ4_NL and IQ4_XS (ggml's kvalues_iq4nl).
inline constexpr std::array<int8_t, 16> kLevelsIQ4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};

// The values of E2M1 (OCP microscaling formats specification 1.0, 5.3.3), doubled, for MXFP4.
inline constexpr std::array<int8_t, 16> kLevelsE2M1 = {0, 1,  2,  3,  4,  6,  8,  12,
                                                       0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace fathom
