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

// Where a block keeps its half-precision scales; the rest of a block may be any bytes.
std::vector<int> HalvesOf(Format format) {
  switch (format) {
    case Format::kQ4_0:
    case Format::kQ5_0:
    case Format::kQ8_0:
      return {0};
    case Format::kQ4_1:
    case Format::kQ5_1:
    case Format::kQ4_K:
    case Format::kQ5_K:
      return {0, 2};
    case Format::kQ6_K:
      return {208};
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
