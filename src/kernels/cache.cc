#include "kernels/cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/format.h"

namespace fathom {
namespace {

constexpr std::string_view kNames[] = {"f32", "f16", "bf16", "q8"};
constexpr float kMostByte = 127.0F;

float Element(CacheType type, const std::byte* values, int64_t index) {
  const std::byte* from = values + index * CacheElementBytes(type);
  if (type == CacheType::kQ8) return static_cast<float>(std::to_integer<int8_t>(*from));
  if (type == CacheType::kF32) {
    float value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, from, sizeof(bits));
  return type == CacheType::kF16 ? HalfToFloat(bits) : BFloat16ToFloat(bits);
}

float Scale(const std::byte* scales, int64_t index) {
  float scale;
  std::memcpy(&scale, scales + index * int64_t{sizeof(scale)}, sizeof(scale));
  return scale;
}

// The scale and its inverse for n values.
struct ByteScale {
  float scale;
  float inverse;

  ByteScale(const float* x, int64_t n) {
    float largest = 0.0F;
    for (int64_t i = 0; i < n; ++i) {
      const float magnitude = std::fabs(x[i]);
      if (!(magnitude <= std::numeric_limits<float>::max())) {
        scale = std::numeric_limits<float>::quiet_NaN();
        inverse = 0.0F;
        return;
      }
      largest = std::max(largest, magnitude);
    }
    const bool zero = largest < kSmallestCached;
    scale = zero ? 0.0F : largest / kMostByte;
    inverse = zero ? 0.0F : kMostByte / largest;
  }

  std::byte Quantize(float x) const {
    if (inverse == 0.0F) return std::byte{0};
    const float rounded = std::nearbyint(x * inverse);
    return static_cast<std::byte>(static_cast<int8_t>(std::clamp(rounded, -kMostByte, kMostByte)));
  }
};

// Elements `stride` apart from `first` on; for kQ8 their common scale goes to scales[scale].
void Store(CacheType type, const float* x, int64_t n, std::byte* values, int64_t first,
           int64_t stride, std::byte* scales, int64_t scale) {
  if (type == CacheType::kQ8) {
    const ByteScale bytes(x, n);
    std::memcpy(scales + scale * int64_t{sizeof(float)}, &bytes.scale, sizeof(float));
    for (int64_t i = 0; i < n; ++i) values[first + i * stride] = bytes.Quantize(x[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    std::byte* to = values + (first + i * stride) * CacheElementBytes(type);
    if (type == CacheType::kF32) {
      std::memcpy(to, x + i, sizeof(float));
    } else {
      const uint16_t bits = type == CacheType::kF16 ? FloatToHalf(x[i]) : FloatToBFloat16(x[i]);
      std::memcpy(to, &bits, sizeof(bits));
    }
  }
}

}  // namespace

std::string_view NameOf(CacheType type) { return kNames[static_cast<std::size_t>(type)]; }

std::optional<CacheType> CacheTypeNamed(std::string_view name) {
  for (const CacheType type : kCacheTypes) {
    if (NameOf(type) == name) return type;
  }
  return std::nullopt;
}

float CachedKey(CacheType type, const std::byte* slice, int64_t head_dim, int64_t slot, int64_t d) {
  const float key = Element(type, slice, d * kPageTokens + slot);
  return type == CacheType::kQ8 ? key * Scale(slice + CacheScalesOffset(head_dim), slot) : key;
}

float CachedValue(CacheType type, const std::byte* slice, int64_t head_dim, int64_t slot,
                  int64_t d) {
  const float value = Element(type, slice, head_dim * kPageTokens + slot * head_dim + d);
  return type == CacheType::kQ8
             ? value * Scale(slice + CacheScalesOffset(head_dim), kPageTokens + slot)
             : value;
}

void StoreKey(CacheType type, std::byte* slice, int64_t head_dim, int64_t slot, const float* x) {
  Store(type, x, head_dim, slice, slot, kPageTokens, slice + CacheScalesOffset(head_dim), slot);
}

void StoreValue(CacheType type, std::byte* slice, int64_t head_dim, int64_t slot, const float* x) {
  Store(type, x, head_dim, slice, head_dim * kPageTokens + slot * head_dim, 1,
        slice + CacheScalesOffset(head_dim), kPageTokens + slot);
}

float CachedLatent(CacheType type, const std::byte* slice, int64_t width, int64_t slot, int64_t d) {
  const float value = Element(type, slice, slot * width + d);
  if (type != CacheType::kQ8) return value;
  return value *
         Scale(slice + LatentScalesOffset(width), slot * LatentScales(width) + d / kLatentGroup);
}

void StoreLatent(CacheType type, std::byte* slice, int64_t width, int64_t slot, const float* x) {
  for (int64_t d = 0; d < width; d += kLatentGroup) {
    Store(type, x + d, std::min(kLatentGroup, width - d), slice, slot * width + d, 1,
          slice + LatentScalesOffset(width), slot * LatentScales(width) + d / kLatentGroup);
  }
}

}  // namespace fathom
