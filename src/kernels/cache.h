// What a paged cache of keys, values or latents looks like in memory, and its elements one at a
// time: for the reference kernels and for whoever checks by them. The fast kernels read whole
// pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fathom {

// Tokens of one cache page. Key tiles and softmax rescaling follow page boundaries, which depend on
// a token's position alone.
inline constexpr int kPageTokens = 32;

// kQ8: signed bytes, round-half-even(x * (127 / max|x|)) over the values that share the float32
// scale max|x| / 127. All zero where max|x| is below kSmallestCached; an infinity or a NaN makes
// the scale NaN, and with it every score or sum the values enter.
enum class CacheType : uint8_t { kF32, kF16, kBF16, kQ8 };
inline constexpr CacheType kCacheTypes[] = {CacheType::kF32, CacheType::kF16, CacheType::kBF16,
                                            CacheType::kQ8};
inline constexpr float kSmallestCached = 1e-30F;

// "f32", "f16", "bf16", "q8", as on the command line.
std::string_view NameOf(CacheType type);
std::optional<CacheType> CacheTypeNamed(std::string_view name);

// Of one element, scales apart.
inline constexpr int64_t CacheElementBytes(CacheType type) {
  return type == CacheType::kF32 ? 4 : type == CacheType::kQ8 ? 1 : 2;
}

// ---- Keys and values of grouped-query attention

// One (layer, kv head) slice of a page holds keys, then values, then for kQ8 the scales of both,
// one a token:
//   keys   [head_dim][kPageTokens]   (transposed: a lane is a token)
//   values [kPageTokens][head_dim]
//   scales [2][kPageTokens]
inline constexpr int64_t CacheSliceBytes(CacheType type, int64_t head_dim) {
  const int64_t scales = type == CacheType::kQ8 ? 2 * kPageTokens * int64_t{sizeof(float)} : 0;
  return 2 * head_dim * kPageTokens * CacheElementBytes(type) + scales;
}
inline constexpr int64_t CacheScalesOffset(int64_t head_dim) { return 2 * head_dim * kPageTokens; }

float CachedKey(CacheType type, const std::byte* slice, int64_t head_dim, int64_t slot, int64_t d);
float CachedValue(CacheType type, const std::byte* slice, int64_t head_dim, int64_t slot,
                  int64_t d);
void StoreKey(CacheType type, std::byte* slice, int64_t head_dim, int64_t slot, const float* x);
void StoreValue(CacheType type, std::byte* slice, int64_t head_dim, int64_t slot, const float* x);

// ---- Latents

// Multi-head latent attention (arXiv 2405.04434, section 2.1) keeps one vector per token and layer:
// the latent that keys and values of all heads are made of, then the rotated key part that all
// heads share. A layer's slice of a page is
//   latents [kPageTokens][width]    width = latent + rotary values
//   scales  [kPageTokens][LatentScales(width)]    for kQ8: one for every kLatentGroup values
inline constexpr int64_t kLatentGroup = 64;
inline constexpr int64_t LatentScales(int64_t width) {
  return (width + kLatentGroup - 1) / kLatentGroup;
}
inline constexpr int64_t LatentScalesOffset(int64_t width) { return width * kPageTokens; }
inline constexpr int64_t LatentSliceBytes(CacheType type, int64_t width) {
  const int64_t scales =
      type == CacheType::kQ8 ? kPageTokens * LatentScales(width) * int64_t{sizeof(float)} : 0;
  return width * kPageTokens * CacheElementBytes(type) + scales;
}

float CachedLatent(CacheType type, const std::byte* slice, int64_t width, int64_t slot, int64_t d);
void StoreLatent(CacheType type, std::byte* slice, int64_t width, int64_t slot, const float* x);

}  // namespace fathom
