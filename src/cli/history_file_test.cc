// Lines of several chats that share a file: none is lost, and the file stays bounded.
#include "cli/history_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HistoryFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-history-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "data/chat_history";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Oldest first.
  std::vector<std::string> Lines() const {
    History* const history = HistoryFile::New();
    HistoryFile(path_).Load(history);
    std::vector<std::string> lines;
    HistEvent event;
    for (int found = ::history(history, &event, H_LAST); found >= 0;
         found = ::history(history, &event, H_PREV)) {
      lines.emplace_back(event.str);
    }
    ::history_end(history);
    return lines;
  }

  fs::path folder_, path_;
};

TEST_F(HistoryFileTest, ChatsBesideEachOtherLoseNothing) {
  HistoryFile first(path_), second(path_);
  first.Add("Gr\u00fc\u00dfe an alle");
  second.Add("two");
  first.Add("three");
  first.Add("three");
  second.Add("four");
  EXPECT_THAT(Lines(), ElementsAre("Gr\u00fc\u00dfe an alle", "two", "three", "four"));
  EXPECT_EQ(std::distance(fs::directory_iterator(path_.parent_path()), {}), 1);
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(HistoryFileTest, TheOldestLinesGo) {
  HistoryFile file(path_);
  file.Add("first");
  std::string many = "_HiStOrY_V2_\n";
  for (int i = 0; i < HistoryFile::kEntries; ++i) many += "line" + std::to_string(i) + "\n";
  std::FILE* const out = std::fopen(path_.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fputs(many.c_str(), out);
  std::fclose(out);
  file.Add("last");
  const std::vector<std::string> lines = Lines();
  ASSERT_EQ(lines.size(), static_cast<std::size_t>(HistoryFile::kEntries));
  EXPECT_EQ(lines.front(), "line1");
  EXPECT_EQ(lines.back(), "last");
}

TEST_F(HistoryFileTest, WhatCouldNotBeWrittenIsWrittenLater) {
  fs::create_directories(path_.parent_path());
  const int folder = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(folder, LOCK_EX), 0);
  {
    HistoryFile file(path_);
    file.Add("one");
    EXPECT_THAT(Lines(), IsEmpty());
    ::close(folder);
  }
  EXPECT_THAT(Lines(), ElementsAre("one"));
}

TEST_F(HistoryFileTest, WithoutAPathNothingIsKept) {
  HistoryFile({}).Add("one");
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace fathom::cli
