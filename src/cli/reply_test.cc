// Signals while something is followed, and behind it.
#include "cli/reply.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

namespace fathom::cli {
namespace {

// In a process of its own: a hang-up is remembered for ever.
TEST(InterruptScopeTest, SecondHangUpDoesNotCutTheEndShort) {
  const auto hang_up_twice = [] {
    ::signal(SIGHUP, SIG_DFL);
    {
      const InterruptScope interrupts;
      ::raise(SIGHUP);
    }
    ::raise(SIGHUP);
    std::_Exit(TerminationAsked() ? 7 : 8);
  };
  EXPECT_EXIT(hang_up_twice(), ::testing::ExitedWithCode(7), "");
}

TEST(InterruptScopeTest, HangUpEndsTheProgramAgainBehindAScopeWithoutOne) {
  const auto hang_up_behind = [] {
    ::signal(SIGHUP, SIG_DFL);
    { const InterruptScope interrupts; }
    ::raise(SIGHUP);
    std::_Exit(8);
  };
  EXPECT_EXIT(hang_up_behind(), ::testing::KilledBySignal(SIGHUP), "");
}

}  // namespace
}  // namespace fathom::cli
