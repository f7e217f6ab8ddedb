// What a power cut may not undo: the program's requests to the disk are seen here before the system
// gets them, and each file must be on the disk before its name is, and the name before the model is
// installed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "loader/download.h"
#include "loader/download_record.h"
#include "loader/test_http_server.h"

namespace {

std::mutex calls_mutex;
std::vector<std::string> calls;  // "sync PATH" and "rename PATH PATH"

void Note(const std::string& call) {
  const std::lock_guard lock(calls_mutex);
  calls.push_back(call);
}

}  // namespace

// Instead of the C library's.
extern "C" int fsync(int file) {
  char path[4096];
  const ssize_t size =
      ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path, sizeof path);
  Note("sync " + std::string(path, static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
  return static_cast<int>(::syscall(SYS_fsync, file));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  Note("rename " + std::string(from) + " " + to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace fathom {
namespace {

namespace fs = std::filesystem;

class DownloadSyncTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
      ::unsetenv(name);
    std::string pattern = (fs::temp_directory_path() / "fathom-sync-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    const std::lock_guard lock(calls_mutex);
    calls.clear();
  }
  void TearDown() override { fs::remove_all(folder_); }

  ModelLibrary LibraryOf(const std::string& files) const {
    return ModelLibrary(
        folder_, Catalog::Parse(R"({"version": 1, "models": [{"name": "tiny", "default": true,
          "title": "T", "license": "MIT", "repository": "o/r", "revision": "main",
          "format": "gguf", "files": )" +
                                    files + "}]}",
                                "test"));
  }

  // Each of them came, and after the one before it. Paths are those in the folder.
  void ExpectInOrder(const std::vector<std::string>& wanted) const {
    std::vector<std::string> seen;
    {
      const std::lock_guard lock(calls_mutex);
      seen = calls;
    }
    std::string all;
    for (std::string& call : seen) {
      for (std::size_t at; (at = call.find(folder_.string() + "/")) != std::string::npos;) {
        call.erase(at, folder_.string().size() + 1);
      }
      all += "\n" + call;
    }
    auto next = seen.begin();
    for (const std::string& call : wanted) {
      next = std::find(next, seen.end(), call);
      ASSERT_NE(next, seen.end()) << "no '" << call << "' in its place among" << all;
    }
  }

  fs::path folder_;
};

TEST_F(DownloadSyncTest, PulledFilesAreOnTheDiskBeforeTheirNamesAre) {
  TestHttpServer server;
  const std::string content(100000, 'x');
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(content.data(), content.size())));
  server.Put("/o/r/resolve/main/m.gguf", {.content = content});
  server.Put("/o/r/resolve/main/sub/more", {.content = "more"});
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf", "sha256": ")" + hash.HexDigest() +
                                         R"("}, {"path": "sub/more"}])");
  PullModel(library, library.catalog().Default(), server.url(), {});
  const std::string staging = "models/.tiny.partial";
  for (const std::string file : {"/m.gguf", "/sub/more"}) {
    ExpectInOrder({"sync " + staging + file + ".part",
                   "rename " + staging + file + ".part " + staging + file,
                   "sync " + (staging + file).substr(0, (staging + file).rfind('/')),
                   "rename " + staging + " models/tiny", "sync models"});
  }
  ExpectInOrder({"rename " + staging + "/sub/more.part " + staging + "/sub/more",
                 "sync " + staging + "/sub", "sync " + staging,
                 "rename " + staging + " models/tiny"});
}

TEST_F(DownloadSyncTest, ImportedFilesAreOnTheDiskBeforeTheirNamesAre) {
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf"}])");
  ImportModel(library, library.catalog().Default(),
              fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model/llama_gqa.gguf", {});
  const std::string staging = "models/.tiny.partial";
  ExpectInOrder({"sync " + staging + "/m.gguf", "sync " + staging,
                 "rename " + staging + " models/tiny", "sync models"});
}

TEST_F(DownloadSyncTest, RecordsAreOnTheDiskBeforeTheirNamesAre) {
  DownloadRecord(folder_).Set("a", {"commit", "etag", 1});
  const std::string name = DownloadRecord::kFileName;
  std::vector<std::string> wanted = {"sync " + name + ".new", "rename " + name + ".new " + name};
  ExpectInOrder(wanted);
  const std::lock_guard lock(calls_mutex);
  EXPECT_EQ(calls.back(), "sync " + folder_.string());
}

}  // namespace
}  // namespace fathom
