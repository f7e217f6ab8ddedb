#include "recipe/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "recipe/eta.h"
#include "recipe/sparkline.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TrainingLogTest : public ::testing::Test {
 protected:
  TrainingLogTest() { fs::create_directories(folder_); }
  ~TrainingLogTest() override { fs::remove_all(folder_); }

  std::string Text() const {
    std::ifstream stream(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void Put(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  ErrorCode CodeOfReading() const {
    try {
      ReadTrainingLog(path_);
    } catch (const Error& error) {
      message_ = error.message();
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return ErrorCode::kInternal;
  }

  const fs::path folder_ = fs::temp_directory_path() / ("fathom_log_" + std::to_string(getpid()));
  const fs::path path_ = folder_ / "log.jsonl";
  mutable std::string message_;
};

TEST_F(TrainingLogTest, WhatIsWrittenIsThereAtOnceAndIsReadBack) {
  TrainingLog log(path_, TrainingLog::kNothing);
  EXPECT_EQ(Text(), "");
  log.Append({1, {{"loss", 7.5}, {"learning_rate", 3e-5}}});
  EXPECT_EQ(Text(), "{\"step\":1,\"loss\":7.5,\"learning_rate\":3e-05}\n");
  log.Append({1, {{"held_out_loss", 0.1}}});
  log.Append({2, {{"loss", std::nan("")}, {"reward", -HUGE_VAL}}});
  log.Append({3, {{"loss", 0x1.fffffffffffffp-3}}});

  const std::vector<LogEntry> entries = ReadTrainingLog(path_);
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].step, 1);
  EXPECT_EQ(*entries[0].Find("learning_rate"), 3e-5);
  EXPECT_EQ(entries[0].Find("held_out_loss"), nullptr);
  EXPECT_TRUE(std::isnan(*entries[2].Find("reward")));
  const std::vector<SeriesPoint> losses = SeriesOf(entries, "loss");
  ASSERT_EQ(losses.size(), 3U);
  EXPECT_EQ(losses[0].value, 7.5);
  EXPECT_TRUE(std::isnan(losses[1].value));
  EXPECT_EQ(losses[2].step, 3);
  EXPECT_EQ(losses[2].value, 0x1.fffffffffffffp-3);  // every bit of it
  EXPECT_TRUE(SeriesOf(entries, "other").empty());
  EXPECT_EQ(log.entries().size(), 4U);
}

TEST_F(TrainingLogTest, GoesOnFromACheckpointAsIfNothingHadComeAfterIt) {
  std::string expected;
  {
    TrainingLog log(path_, TrainingLog::kNothing);
    for (int step = 1; step <= 5; ++step) {
      log.Append({step, {{"loss", 1.0 / step}}});
      if (step == 3) log.Append({step, {{"held_out_loss", 2.0}}});
    }
    expected = Text();
  }
  {
    TrainingLog log(path_, 3);
    EXPECT_EQ(log.entries().size(), 4U);
    EXPECT_EQ(log.entries().back().step, 3);
    EXPECT_FALSE(fs::exists(path_.string() + ".part"));
    for (int step = 4; step <= 5; ++step) log.Append({step, {{"loss", 1.0 / step}}});
  }
  EXPECT_EQ(Text(), expected);
  // Nothing to drop: the very same file, not a copy.
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(path_.c_str(), &before), 0);
  { const TrainingLog log(path_, 5); }
  ASSERT_EQ(::stat(path_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(Text(), expected);
  { const TrainingLog log(path_, TrainingLog::kNothing); }
  EXPECT_EQ(Text(), "");
}

TEST_F(TrainingLogTest, ALineThatWasCutAnywhereIsNoLine) {
  const std::string first = "{\"step\":1,\"loss\":2.5}\n", second = "{\"step\":2,\"loss\":1.5}\n";
  for (std::size_t length = 0; length < second.size(); ++length) {
    Put(first + second.substr(0, length));
    ASSERT_EQ(ReadTrainingLog(path_).size(), 1U) << length;
    TrainingLog log(path_, 10);
    EXPECT_EQ(log.entries().size(), 1U);
    log.Append({2, {{"loss", 1.5}}});
    ASSERT_EQ(Text(), first + second) << length;
  }
}

TEST_F(TrainingLogTest, OtherLinesThatDoNotParseAreNamed) {
  const std::string good = "{\"step\":1,\"loss\":2.5}\n";
  for (const char* bad : {"{\"step\":2,\"lo", "", "[]", "3", "{\"loss\":1}", "{\"step\":-1}",
                          "{\"step\":1.5}", "{\"step\":\"1\"}", "{\"step\":2,\"loss\":\"x\"}",
                          "{\"step\":2,\"loss\":[1]}", "\xff", "{\"step\":2}{}"}) {
    Put(good + good + bad + "\n" + good);
    EXPECT_EQ(CodeOfReading(), ErrorCode::kInvalidFile) << bad;
    EXPECT_THAT(message_, HasSubstr("line 3")) << bad;
    EXPECT_THAT(message_, HasSubstr(path_.string()));
    EXPECT_THROW(TrainingLog(path_, 1), Error);
    EXPECT_EQ(Text(), good + good + bad + "\n" + good);  // left as it was
  }
}

TEST_F(TrainingLogTest, AFileThatCannotBeIsAnError) {
  EXPECT_EQ(CodeOfReading(), ErrorCode::kNotFound);
  EXPECT_THROW(TrainingLog(folder_ / "absent" / "log.jsonl", 0), Error);
  EXPECT_THROW(TrainingLog(folder_, 0), Error);
}

TEST_F(TrainingLogTest, AWriteThatFailsLeavesTheLogAsItWas) {
  TrainingLog log(path_, TrainingLog::kNothing);
  log.Append({1, {{"loss", 1.0}}});
  const std::string before = Text();
  // As on a full disk: there is room for a part of the line.
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = before.size() + 10;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(log.Append({2, {{"loss", 2.0}}}), Error);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(Text(), before);
  EXPECT_EQ(log.entries().size(), 1U);
  log.Append({2, {{"loss", 3.0}}});
  EXPECT_EQ(Text(), before + "{\"step\":2,\"loss\":3.0}\n");
}

TEST(RemainingTime, IsTheMedianOfTheLastStepsAndAShareOfTheRest) {
  RemainingTime time;
  EXPECT_LT(time.Seconds(10), 0);
  for (int i = 0; i < 30; ++i) time.AddStep(2.0);
  EXPECT_DOUBLE_EQ(time.Seconds(10), 20.0);
  time.AddStep(3600.0);  // the machine slept
  EXPECT_DOUBLE_EQ(time.Seconds(10), 20.0);
  time.AddBetweenSteps(31.0);  // one second a step
  EXPECT_DOUBLE_EQ(time.Seconds(10), 30.0);
  RemainingTime slower;
  for (int i = 0; i < 100; ++i) slower.AddStep(1.0);
  for (int i = 0; i < 26; ++i) slower.AddStep(3.0);
  EXPECT_DOUBLE_EQ(slower.Seconds(1), 3.0);
}

TEST(DurationText, HasTwoUnits) {
  EXPECT_EQ(DurationText(0.4), "0 s");
  EXPECT_EQ(DurationText(59.4), "59 s");
  EXPECT_EQ(DurationText(59.6), "1 min 00 s");
  EXPECT_EQ(DurationText(200), "3 min 20 s");
  EXPECT_EQ(DurationText(2 * 3600 + 5 * 60 + 59), "2 h 05 min");
  EXPECT_EQ(DurationText(76 * 3600), "3 d 04 h");
  EXPECT_EQ(DurationText(-1), "?");
  EXPECT_EQ(DurationText(std::nan("")), "?");
  EXPECT_EQ(DurationText(HUGE_VAL), "?");
}

TEST(Sparkline, ShowsValuesBetweenTheirExtremes) {
  EXPECT_EQ(Sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}, 20), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline(std::vector<double>{4, 0}, 20), "█▁");
  EXPECT_EQ(Sparkline(std::vector<double>{0, 2, 6, 8, 0, 2}, 3), "▁█▁");
  EXPECT_EQ(Sparkline(std::vector<double>{1, std::nan(""), 2}, 20), "▁ █");
  EXPECT_EQ(Sparkline(std::vector<double>{5, 5, 5}, 20), "▄▄▄");
  EXPECT_EQ(Sparkline(std::vector<double>{std::nan(""), HUGE_VAL}, 20), "  ");
  EXPECT_EQ(Sparkline({}, 20), "");
  EXPECT_EQ(Sparkline(std::vector<double>{1, 2}, 0), "");
}

}  // namespace
}  // namespace fathom
