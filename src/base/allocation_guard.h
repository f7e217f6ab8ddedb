// Proof that hot paths allocate nothing. Code that promises so runs inside a NoAllocationScope; in
// debug builds (and in tests that define the hook) a heap allocation inside one ends the process.
#pragma once

namespace fathom {

// Marks the calling thread for as long as the object lives. Scopes nest. Costs one thread-local
// increment.
class NoAllocationScope {
 public:
  NoAllocationScope() { ++depth_; }
  ~NoAllocationScope() { --depth_; }
  NoAllocationScope(const NoAllocationScope&) = delete;
  NoAllocationScope& operator=(const NoAllocationScope&) = delete;

  static bool active() { return depth_ > 0; }

 private:
  static thread_local int depth_;
};

}  // namespace fathom
