// How attention is split over threads: one rule, for the layers that run it and for whoever
// measures what they will take.
#pragma once

#include <cstdint>

namespace fathom {

// Query rows per task of grouped attention in a prefill: enough to reuse a page of keys from cache,
// few enough to balance threads.
inline constexpr int64_t kGroupedRows = 16;

// Query rows of a task of latent attention, and the most heads of one: what is between two products
// stays in the cache.
inline constexpr int64_t kLatentRows = 32;
inline constexpr int64_t kLatentHeads = 8;

}  // namespace fathom
