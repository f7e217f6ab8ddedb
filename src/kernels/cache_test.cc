// What a cache gives back of what is stored in it.
#include "kernels/cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernel_cases.h"

namespace fathom {
namespace {

// The largest error of a stored value: half a unit in the last place of its type.
float ErrorBound(CacheType type, float value, float largest) {
  switch (type) {
    case CacheType::kF32:
      return 0.0F;
    case CacheType::kF16:
      return std::fabs(value) / 2048.0F + 3e-8F;
    case CacheType::kBF16:
      return std::fabs(value) / 256.0F;
    case CacheType::kQ8:
      return largest / 254.0F * 1.0001F;
  }
  return 0.0F;
}

float Largest(const float* x, int64_t n) {
  float largest = 0.0F;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

TEST(CacheTest, NamesAreThoseOfTheCommandLine) {
  for (const CacheType type : kCacheTypes) EXPECT_EQ(CacheTypeNamed(NameOf(type)), type);
  EXPECT_EQ(CacheTypeNamed("f8"), std::nullopt);
}

TEST(CacheTest, GivesBackKeysAndValues) {
  constexpr int64_t kHead = 24;
  for (const CacheType type : kCacheTypes) {
    std::vector<std::byte> slice(static_cast<std::size_t>(CacheSliceBytes(type, kHead)));
    const std::vector<float> x = RandomFloats(2 * kHead * kPageTokens, 5);
    for (int64_t slot = 0; slot < kPageTokens; ++slot) {
      StoreKey(type, slice.data(), kHead, slot, x.data() + 2 * slot * kHead);
      StoreValue(type, slice.data(), kHead, slot, x.data() + (2 * slot + 1) * kHead);
    }
    for (int64_t slot = 0; slot < kPageTokens; ++slot) {
      const float* key = x.data() + 2 * slot * kHead;
      const float* value = key + kHead;
      for (int64_t d = 0; d < kHead; ++d) {
        EXPECT_NEAR(CachedKey(type, slice.data(), kHead, slot, d), key[d],
                    ErrorBound(type, key[d], Largest(key, kHead)))
            << NameOf(type);
        EXPECT_NEAR(CachedValue(type, slice.data(), kHead, slot, d), value[d],
                    ErrorBound(type, value[d], Largest(value, kHead)))
            << NameOf(type);
      }
    }
  }
}

TEST(CacheTest, GivesBackLatents) {
  constexpr int64_t kWidth = 2 * kLatentGroup + 10;
  for (const CacheType type : kCacheTypes) {
    std::vector<std::byte> slice(static_cast<std::size_t>(LatentSliceBytes(type, kWidth)));
    std::vector<float> x = RandomFloats(kWidth * kPageTokens, 6);
    for (int64_t i = 0; i < kPageTokens; ++i) x[static_cast<std::size_t>(i * kWidth)] *= 100.0F;
    for (int64_t slot = 0; slot < kPageTokens; ++slot) {
      StoreLatent(type, slice.data(), kWidth, slot, x.data() + slot * kWidth);
    }
    for (int64_t slot = 0; slot < kPageTokens; ++slot) {
      for (int64_t d = 0; d < kWidth; ++d) {
        const float* row = x.data() + slot * kWidth;
        const int64_t group = d / kLatentGroup * kLatentGroup;
        const float largest = Largest(row + group, std::min(kLatentGroup, kWidth - group));
        EXPECT_NEAR(CachedLatent(type, slice.data(), kWidth, slot, d), row[d],
                    ErrorBound(type, row[d], largest))
            << NameOf(type) << " slot " << slot << " value " << d;
      }
    }
  }
}

TEST(CacheTest, WhatIsNoNumberStaysNone) {
  for (const CacheType type : kCacheTypes) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<std::byte> slice(static_cast<std::size_t>(LatentSliceBytes(type, 8)));
      const float x[8] = {1, 2, 3, bad, 5, 6, 7, 8};
      StoreLatent(type, slice.data(), 8, 3, x);
      EXPECT_FALSE(std::isfinite(CachedLatent(type, slice.data(), 8, 3, 3))) << NameOf(type);
    }
    std::vector<std::byte> slice(static_cast<std::size_t>(LatentSliceBytes(type, 8)));
    const float tiny[8] = {0, 1e-38F, -1e-38F, 1e-45F, 0, 0, 0, 0};
    StoreLatent(type, slice.data(), 8, 3, tiny);
    for (int64_t d = 0; d < 8; ++d) {
      EXPECT_NEAR(CachedLatent(type, slice.data(), 8, 3, d), tiny[d], 2e-38F) << NameOf(type);
    }
  }
}

}  // namespace
}  // namespace fathom
