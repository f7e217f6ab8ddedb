// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A draw depends only on its key and counter, never on what was drawn before,
// so a sampled reply is the same alone, in company, and after a restart.
#pragma once

#include <array>
#include <cstdint>

namespace fathom {

// The 4x32 random bits at `counter` of the stream `key`.
std::array<uint32_t, 4> Philox4x32(uint64_t key, std::array<uint32_t, 4> counter);

// A uniform double in [0, 1), 53 bits, for draw number `stream` at token `position` under `seed`.
double UniformAt(uint64_t seed, uint64_t position, uint32_t stream = 0);

// 4 independent standard normal draws from the bits there (Box and Muller, "A note on the
// generation of random normal deviates", 1958), two from a pair of words; none is beyond 6.8.
std::array<double, 4> NormalsAt(uint64_t key, std::array<uint32_t, 4> counter);

// 64 bits from the operating system, for a request that names no seed.
uint64_t RandomSeed();

}  // namespace fathom
