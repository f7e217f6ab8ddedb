// Monotonic time for measuring, wall time for stamping.
#pragma once

#include <cstdint>

namespace fathom {

double MonotonicSeconds();  // from an arbitrary origin; never goes back
int64_t UnixSeconds();      // seconds since 1970-01-01 UTC

}  // namespace fathom
