// CHECK ends the process on a broken invariant of our own code (cold paths); DCHECK does so in
// debug builds only (hot paths). Never used for input from outside: that throws fathom::Error.
#pragma once

namespace fathom {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition) noexcept;
}  // namespace fathom

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::fathom::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
