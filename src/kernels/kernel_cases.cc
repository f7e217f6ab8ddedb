#include "kernels/kernel_cases.h"

#include <cstring>
#include <random>

namespace fathom {
namespace {

// std::mt19937_64's bits are the same everywhere; the standard's distributions are not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Bits() { return engine_(); }
  float Uniform() { return static_cast<float>(engine_() >> 40) * 0x1p-23F - 1.0F; }

 private:
  std::mt19937_64 engine_;
};

// Where a block keeps its half-precision scales; the rest of a block may be any bytes. (IQ1_M and
// MXFP4 have other scales.)
std::vector<int> HalvesOf(Format format) {
  switch (format) {
    case Format::kQ4_0:
    case Format::kQ5_0:
    case Format::kQ8_0:
    case Format::kIQ1_S:
    case Format::kIQ2_XXS:
    case Format::kIQ2_XS:
    case Format::kIQ2_S:
    case Format::kIQ3_XXS:
    case Format::kIQ3_S:
    case Format::kIQ4_NL:
    case Format::kIQ4_XS:
      return {0};
    case Format::kQ4_1:
    case Format::kQ5_1:
    case Format::kQ4_K:
    case Format::kQ5_K:
      return {0, 2};
    case Format::kQ2_K:
      return {80, 82};
    case Format::kQ3_K:
      return {108};
    case Format::kQ6_K:
      return {208};
    case Format::kTQ1_0:
      return {52};
    case Format::kTQ2_0:
      return {64};
    default:
      return {};
  }
}

void FillValues(Format format, std::byte* to, int64_t count, Random& random) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = random.Uniform();
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    if (format == Format::kF32) {
      std::memcpy(to + 4 * i, &value, sizeof(value));
      continue;
    }
    if (format == Format::kF8_E4M3) {
      const uint32_t code = bits >> 8 & 0xff;  // any but the two NaNs
      to[i] = static_cast<std::byte>((code & 0x7f) == 0x7f ? code ^ 1 : code);
      continue;
    }
    const auto narrow =
        format == Format::kF16 ? FloatToHalf(value) : static_cast<uint16_t>(bits >> 16);
    std::memcpy(to + 2 * i, &narrow, sizeof(narrow));
  }
}

void FillBlocks(const FormatRow& row, std::byte* to, int64_t bytes, Random& random) {
  int64_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    const uint64_t bits = random.Bits();
    std::memcpy(to + i, &bits, sizeof(bits));
  }
  for (; i < bytes; ++i) to[i] = static_cast<std::byte>(random.Bits());
  const std::vector<int> halves = HalvesOf(row.format);
  for (int64_t block = 0; block < bytes; block += row.block_bytes) {
    for (const int at : halves) {
      const uint16_t half = FloatToHalf(random.Uniform() * 0.01F);
      std::memcpy(to + block + at, &half, sizeof(half));
    }
    if (row.format == Format::kIQ1_M) {
      // The half lies in the high nibbles of four bytes.
      const uint16_t half = FloatToHalf(random.Uniform() * 0.01F);
      for (int n = 0; n < 4; ++n) {
        std::byte& byte = to[block + 49 + 2 * n];
        byte = (byte & std::byte{15}) | static_cast<std::byte>((half >> (4 * n) & 15) << 4);
      }
    } else if (row.format == Format::kMXFP4) {
      to[block] = static_cast<std::byte>(120 + random.Bits() % 8);  // 2^-8 .. 2^-1
    }
  }
}

}  // namespace

std::vector<float> RandomFloats(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.Uniform();
  return values;
}

RandomWeights::RandomWeights(Format format, int64_t rows, int64_t columns, uint64_t seed,
                             int64_t offset_bytes)
    : row_bytes(BytesOf(format, columns)),
      offset(offset_bytes),
      bytes(static_cast<std::size_t>(rows * row_bytes + offset_bytes)) {
  Random random(seed);
  if (RowOf(format).block_elements == 1) {
    FillValues(format, bytes.data() + offset, rows * columns, random);
  } else {
    FillBlocks(RowOf(format), bytes.data() + offset, rows * row_bytes, random);
  }
}

RandomActivations::RandomActivations(int64_t row_count, int64_t column_count, uint64_t seed)
    : rows(row_count), columns(column_count), floats(RandomFloats(rows * columns, seed)) {
  if (columns % kActivationGroup != 0) return;
  const auto groups = static_cast<std::size_t>(rows * columns / kActivationGroup);
  values.resize(floats.size());
  scales.resize(groups);
  sums.resize(groups);
  ReferenceKernels().quantize(
      {floats.data(), rows, columns, values.data(), scales.data(), sums.data()});
}

Activations RandomActivations::View(int64_t first, int64_t count) const {
  Activations view{.rows = count, .columns = columns, .floats = floats.data() + first * columns};
  if (!values.empty()) {
    const int64_t groups = columns / kActivationGroup;
    view.values = values.data() + first * columns;
    view.scales = scales.data() + first * groups;
    view.sums = sums.data() + first * groups;
  }
  return view;
}

}  // namespace fathom
