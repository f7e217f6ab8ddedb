#include "base/random.h"

#include <cmath>
#include <numbers>
#include <random>

namespace fathom {

std::array<uint32_t, 4> Philox4x32(uint64_t key, std::array<uint32_t, 4> c) {
  // Multipliers and Weyl constants of the published generator.
  constexpr uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kMul0 * c[0], p1 = kMul1 * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

double UniformAt(uint64_t seed, uint64_t position, uint32_t stream) {
  const auto bits = Philox4x32(
      seed, {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), stream, 0});
  const uint64_t wide = (static_cast<uint64_t>(bits[0]) << 32) | bits[1];
  return static_cast<double>(wide >> 11) * 0x1.0p-53;
}

std::array<double, 4> NormalsAt(uint64_t key, std::array<uint32_t, 4> counter) {
  const std::array<uint32_t, 4> bits = Philox4x32(key, counter);
  // The middle of a word's share of (0, 1): the logarithm is never that of 0.
  const auto uniform = [](uint32_t word) { return (word + 0.5) * 0x1.0p-32; };
  std::array<double, 4> draws;
  for (std::size_t pair = 0; pair < 4; pair += 2) {
    const double radius = std::sqrt(-2.0 * std::log(uniform(bits[pair])));
    const double angle = 2.0 * std::numbers::pi * uniform(bits[pair + 1]);
    draws[pair] = radius * std::cos(angle);
    draws[pair + 1] = radius * std::sin(angle);
  }
  return draws;
}

uint64_t RandomSeed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace fathom
