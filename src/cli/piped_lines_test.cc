// Lines through a pipe: whatever bytes they have, and one that has no end.
#include "cli/piped_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <string>
#include <vector>

#include "base/error.h"

namespace fathom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The lines of that input, and "!" and the message behind those before an error.
std::vector<std::string> LinesOf(const std::string& input, std::size_t most) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  ::close(ends[1]);
  InterruptScope interrupts;
  PipedLines lines(ends[0], most);
  std::vector<std::string> found;
  try {
    std::string line;
    while (lines.Read(interrupts, line) == PipedLines::Outcome::kLine) found.push_back(line);
  } catch (const Error& error) {
    found.push_back("!" + error.message());
  }
  ::close(ends[0]);
  return found;
}

TEST(PipedLinesTest, LinesAreAsTheyWereSent) {
  EXPECT_THAT(LinesOf("", 9), ElementsAre());
  EXPECT_THAT(LinesOf("a\n\nb\r\nc", 9), ElementsAre("a", "", "b", "c"));
  EXPECT_THAT(LinesOf(std::string("a\0\xff\n", 4), 9), ElementsAre(std::string("a\0\xff", 3)));
  const std::string longer(5000, 'x');
  EXPECT_THAT(LinesOf(longer + "\n" + longer, 6000), ElementsAre(longer, longer));
}

TEST(PipedLinesTest, ALineHasALimit) {
  const std::string longer(9000, 'x');
  EXPECT_THAT(LinesOf("a\n" + longer, 4000),
              ElementsAre("a", HasSubstr("!standard input has a line of more than 4000 bytes")));
}

// The time grows with the length, not with its square.
TEST(PipedLinesTest, ALineWithoutEndIsRefusedSoon) {
  const int zeros = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(zeros, 0);
  InterruptScope interrupts;
  PipedLines lines(zeros, std::size_t{64} << 20);
  std::string line;
  const std::clock_t start = std::clock();
  EXPECT_THROW(lines.Read(interrupts, line), Error);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5.0);
  ::close(zeros);
}

}  // namespace
}  // namespace fathom::cli
