// Quants are uniform over their levels: all codes occur, and a bit of the generator is a bit of the
// file. Levels of most formats are not symmetric around 0, and a mean of the weights, however
// small, adds up over a row; so either the sign of a block's scale is random, or the offset of the
// block (of formats that have one) moves its mean to 0.
#include "convert/random_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "tensor/grids.h"

namespace fathom {
namespace {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class Generator {
 public:
  explicit Generator(uint64_t state) : state_(state) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  void Fill(std::byte* to, std::size_t size) {
    for (; size >= 8; size -= 8, to += 8) {
      const uint64_t bits = Next();
      std::memcpy(to, &bits, 8);
    }
    if (size == 0) return;
    const uint64_t bits = Next();
    std::memcpy(to, &bits, size);
  }

 private:
  uint64_t state_;
};

// Scales vary by a quarter to both sides, so that blocks differ.
constexpr double kLowestScale = 0.75, kHighestScale = 1.25;
// Root of the mean square of such a factor.
constexpr double kScaleSpread = 1.0103629710818451;  // sqrt(1 + (0.25 / sqrt 3)^2)

double RootMeanSquare(int first, int last) {
  double sum = 0;
  for (int i = first; i <= last; ++i) sum += static_cast<double>(i) * i;
  return std::sqrt(sum / (last - first + 1));
}

void PutHalf(std::byte* to, uint16_t half) { std::memcpy(to, &half, sizeof half); }

// The halves that a block begins or ends with, of which one is drawn per block.
struct Scales {
  std::array<uint16_t, 256> scale;
  std::array<uint16_t, 256> offset;  // scale times a factor

  Scales(double unit, double offset_factor) {
    for (int i = 0; i < 256; ++i) {
      const double factor = kLowestScale + (kHighestScale - kLowestScale) * (i + 0.5) / 256;
      scale[static_cast<std::size_t>(i)] = FloatToHalf(static_cast<float>(unit * factor));
      offset[static_cast<std::size_t>(i)] = FloatToHalf(
          HalfToFloat(scale[static_cast<std::size_t>(i)]) * static_cast<float>(offset_factor));
    }
  }
};

// Where a block has its fields, and what they hold.
struct Layout {
  int bytes = 0;
  int scale_at = 0;
  int offset_at = -1;  // of the second half, if any
  double levels = 0;   // root mean square of level times inner scale
  double offset_factor = 0;
  bool random_sign = false;
  enum class Inner : uint8_t {
    kRandom,
    kEqualNibbles,
    kPackedPairs,
    kSignedBytes
  } inner = Inner::kRandom;
  int inner_at = 0;
};

// Twelve bytes of eight 6-bit scales and eight equal minimums, as Q4_K and Q5_K pack them.
std::array<std::byte, 12> PackPairs(Generator& random, double& mean_square) {
  std::array<int, 8> scales;
  const uint64_t bits = random.Next();
  for (std::size_t i = 0; i < 8; ++i) {
    scales[i] = 16 + static_cast<int>(bits >> (i * 6) & 31);
    mean_square += static_cast<double>(scales[i]) * scales[i] / 8;
  }
  std::array<std::byte, 12> packed;
  for (std::size_t i = 0; i < 4; ++i) {
    const int high = scales[i + 4] >> 4 << 6;
    packed[i] = packed[i + 4] = static_cast<std::byte>(scales[i] | high);
    packed[i + 8] = static_cast<std::byte>((scales[i + 4] & 15) | (scales[i + 4] & 15) << 4);
  }
  return packed;
}

// A scale and as many minimums in one byte.
constexpr std::array<std::byte, 8> kEqualNibbles = {
    std::byte{0x88}, std::byte{0x99}, std::byte{0xaa}, std::byte{0xbb},
    std::byte{0xcc}, std::byte{0xdd}, std::byte{0xee}, std::byte{0xff}};

class QuantBlocks final : public RandomBlocks {
 public:
  QuantBlocks(const Layout& layout, double deviation)
      : layout_(layout), scales_(Unit(deviation), layout.offset_factor) {}

  void Fill(uint64_t state, std::span<std::byte> blocks) const noexcept override {
    Generator random(state);
    const auto size = static_cast<std::size_t>(layout_.bytes);
    for (std::byte* block = blocks.data(); block != blocks.data() + blocks.size(); block += size) {
      random.Fill(block, size);
      const uint64_t bits = random.Next();
      FillInner(block + layout_.inner_at, bits >> 16);
      const std::size_t index = bits & 255;
      const auto sign = static_cast<uint16_t>(layout_.random_sign ? (bits & 256) << 7 : 0);
      PutHalf(block + layout_.scale_at, scales_.scale[index] ^ sign);
      if (layout_.offset_at >= 0) PutHalf(block + layout_.offset_at, scales_.offset[index]);
    }
  }

 private:
  double Unit(double deviation) {
    double inner = 1;
    if (layout_.inner == Layout::Inner::kPackedPairs) {
      Generator random(0);  // the same patterns whatever the seed
      double mean_square = 0;
      for (auto& pattern : patterns_) pattern = PackPairs(random, mean_square);
      inner = std::sqrt(mean_square / static_cast<double>(patterns_.size()));
    } else if (layout_.inner == Layout::Inner::kEqualNibbles) {
      inner = RootMeanSquare(8, 15);
    }
    return deviation / (layout_.levels * inner * kScaleSpread);
  }

  void FillInner(std::byte* inner, uint64_t bits) const {
    switch (layout_.inner) {
      case Layout::Inner::kRandom:
        break;
      case Layout::Inner::kEqualNibbles:  // 16 of them
        for (int i = 0; i < 16; ++i) {
          inner[i] = kEqualNibbles[static_cast<std::size_t>(inner[i]) & 7];
        }
        break;
      case Layout::Inner::kPackedPairs:
        std::memcpy(inner, patterns_[bits & 255].data(), patterns_[0].size());
        break;
      case Layout::Inner::kSignedBytes:  // quantisers never write -128
        for (int i = 0; i < 32; ++i) {
          if (inner[i] == std::byte{0x80}) inner[i] = std::byte{0x81};
        }
        break;
    }
  }

  Layout layout_;
  std::array<std::array<std::byte, 12>, 256> patterns_{};
  Scales scales_;
};

// ---- Plain formats: a table of equally probable values of the normal distribution --------------

constexpr std::size_t kQuantiles =
    16384;  // a 14-bit draw each; the outermost are 4 deviations away

// The x below which a normal variable lies with probability `p`, by bisection.
double NormalQuantile(double p) {
  double low = -10, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

const std::vector<double>& Quantiles() {
  static const std::vector<double> table = [] {
    std::vector<double> values(kQuantiles);
    for (std::size_t i = 0; i < kQuantiles / 2; ++i) {
      const double x = NormalQuantile((static_cast<double>(i) + 0.5) / kQuantiles);
      values[i] = x;
      values[kQuantiles - 1 - i] = -x;
    }
    return values;
  }();
  return table;
}

template <class T>
class PlainBlocks final : public RandomBlocks {
 public:
  template <class Encode>
  PlainBlocks(double deviation, double mean, Encode encode) {
    table_.reserve(kQuantiles);
    for (const double x : Quantiles()) {
      table_.push_back(encode(static_cast<float>(mean + deviation * x)));
    }
  }

  void Fill(uint64_t state, std::span<std::byte> blocks) const noexcept override {
    Generator random(state);
    const std::size_t count = blocks.size() / sizeof(T);
    for (std::size_t i = 0; i < count; i += 4) {
      const uint64_t bits = random.Next();
      for (std::size_t k = 0; k < std::min<std::size_t>(4, count - i); ++k) {
        const T value = table_[bits >> (k * 16) & (kQuantiles - 1)];
        std::memcpy(blocks.data() + (i + k) * sizeof(T), &value, sizeof(T));
      }
    }
  }

 private:
  std::vector<T> table_;
};

// The nearest E4M3 value; infinity and NaN do not come here.
uint8_t ToFloat8(float value) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const float magnitude = std::fabs(value);
  // Codes 0 to 126 rise with their values.
  int low = 0, high = 126;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (Float8ToFloat(static_cast<uint8_t>(middle)) <= magnitude ? low : high) = middle;
  }
  const float below = magnitude - Float8ToFloat(static_cast<uint8_t>(low));
  const float above = Float8ToFloat(static_cast<uint8_t>(high)) - magnitude;
  return static_cast<uint8_t>(sign | (below <= above ? low : high));
}

Layout LayoutOf(Format format) {
  using Inner = Layout::Inner;
  const int bytes = RowOf(format).block_bytes;
  const double four = RootMeanSquare(-8, 7);
  const double six_bit_scale = RootMeanSquare(-32, 31);
  double iq4 = 0;
  for (const int8_t level : kLevelsIQ4) iq4 += static_cast<double>(level) * level / 16;
  iq4 = std::sqrt(iq4);
  // Of uniform levels 0 to n around their mean, n / 2.
  const auto centred = [](int n) { return std::sqrt(((n + 1.0) * (n + 1.0) - 1) / 12); };
  switch (format) {
    case Format::kQ4_0:
      return {.bytes = bytes, .levels = four, .random_sign = true};
    case Format::kQ4_1:
      return {.bytes = bytes, .offset_at = 2, .levels = centred(15), .offset_factor = -7.5};
    case Format::kQ5_0:
      return {.bytes = bytes, .levels = RootMeanSquare(-16, 15), .random_sign = true};
    case Format::kQ5_1:
      return {.bytes = bytes, .offset_at = 2, .levels = centred(31), .offset_factor = -15.5};
    case Format::kQ8_0:
      return {.bytes = bytes,
              .levels = RootMeanSquare(-127, 127),
              .random_sign = true,
              .inner = Inner::kSignedBytes,
              .inner_at = 2};
    case Format::kQ2_K:
      return {.bytes = bytes,
              .scale_at = 80,
              .offset_at = 82,
              .levels = centred(3),
              .offset_factor = 1.5,
              .inner = Inner::kEqualNibbles};
    case Format::kQ3_K:
      return {.bytes = bytes,
              .scale_at = 108,
              .levels = RootMeanSquare(-4, 3) * six_bit_scale,
              .random_sign = true};
    case Format::kQ4_K:
      return {.bytes = bytes,
              .offset_at = 2,
              .levels = centred(15),
              .offset_factor = 7.5,
              .inner = Inner::kPackedPairs,
              .inner_at = 4};
    case Format::kQ5_K:
      return {.bytes = bytes,
              .offset_at = 2,
              .levels = centred(31),
              .offset_factor = 15.5,
              .inner = Inner::kPackedPairs,
              .inner_at = 4};
    case Format::kQ6_K:
      return {.bytes = bytes,
              .scale_at = 208,
              .levels = RootMeanSquare(-32, 31) * RootMeanSquare(-128, 127),
              .random_sign = true};
    case Format::kIQ4_NL:
      return {.bytes = bytes, .levels = iq4, .random_sign = true};
    case Format::kIQ4_XS:
      return {.bytes = bytes, .levels = iq4 * six_bit_scale, .random_sign = true};
    default:
      return {};
  }
}

bool IsPlain(Format format) {
  return format == Format::kF32 || format == Format::kF16 || format == Format::kBF16 ||
         format == Format::kF8_E4M3;
}

}  // namespace

bool CanBeRandom(Format format) { return IsPlain(format) || LayoutOf(format).bytes > 0; }

std::unique_ptr<RandomBlocks> MakeRandomBlocks(Format format, double deviation, double mean) {
  switch (format) {
    case Format::kF32:
      return std::make_unique<PlainBlocks<float>>(deviation, mean, [](float x) { return x; });
    case Format::kF16:
      return std::make_unique<PlainBlocks<uint16_t>>(deviation, mean, FloatToHalf);
    case Format::kBF16:
      return std::make_unique<PlainBlocks<uint16_t>>(deviation, mean, FloatToBFloat16);
    case Format::kF8_E4M3:
      return std::make_unique<PlainBlocks<uint8_t>>(deviation, mean, ToFloat8);
    default:
      break;
  }
  const Layout layout = LayoutOf(format);
  if (layout.bytes == 0) {
    throw Error(ErrorCode::kUnsupported,
                "random weights in " + std::string(RowOf(format).name) + " are not made");
  }
  return std::make_unique<QuantBlocks>(layout, deviation);
}

uint64_t RandomState(uint64_t seed, std::string_view name, uint64_t piece) {
  uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, 64 bits
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  const auto bits =
      Philox4x32(seed, {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                        static_cast<uint32_t>(piece), static_cast<uint32_t>(piece >> 32)});
  return static_cast<uint64_t>(bits[0]) << 32 | bits[1];
}

}  // namespace fathom
