// Downloads against a local server that cuts, lies, stalls and refuses.
#include "loader/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "loader/test_http_server.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Noise(std::size_t bytes, uint64_t key) {
  std::string noise;
  noise.reserve(bytes + 16);
  for (uint32_t i = 0; noise.size() < bytes; ++i) {
    for (const uint32_t word : Philox4x32(key, {i, 0, 0, 0})) {
      for (int shift = 0; shift < 32; shift += 8) {
        noise.push_back(static_cast<char>(word >> shift));
      }
    }
  }
  noise.resize(bytes);
  return noise;
}

std::string DigestOf(const std::string& text) {
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(text.data(), text.size())));
  return hash.HexDigest();
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const fs::path kSmallModel = fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model/llama_gqa.gguf";

class DownloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
      ::unsetenv(name);
    std::string pattern = (fs::temp_directory_path() / "fathom-download-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    options_.retry_seconds = 0.02;
    options_.retries = 3;
    options_.stall_timeout_seconds = 0.5;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A library in folder_ whose one model, "tiny", has these files.
  ModelLibrary LibraryOf(const std::string& files) const {
    return ModelLibrary(
        folder_, Catalog::Parse(R"({"version": 1, "models": [{"name": "tiny", "default": true,
          "title": "T", "license": "MIT", "repository": "o/r", "revision": "main",
          "format": "gguf", "files": )" +
                                    files + "}]}",
                                "test"));
  }
  ErrorCode FailImport(const ModelLibrary& library, const fs::path& source) {
    try {
      ImportModel(library, library.catalog().Default(), source, options_);
    } catch (const Error& error) {
      message_ = error.message();
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return ErrorCode::kInternal;
  }
  // Of one file and commit, as a repository without checksums has them.
  ServedFile Served(const std::string& content, const std::string& etag,
                    const std::string& commit = {}) const {
    ServedFile file;
    file.content = content;
    file.etag = etag;
    file.commit = commit;
    return file;
  }
  // Fetches "a" whole and stops at the cut of "b".
  void FetchHalf(ServedFile a, ServedFile b) {
    server_.Put("/a", std::move(a));
    b.cuts = 1;
    b.cut_after = 1000;
    server_.Put("/b", std::move(b));
    options_.retries = 0;
    options_.parallel = 1;
    EXPECT_EQ(Fail({ItemFor("a"), ItemFor("b")}), ErrorCode::kNetwork);
    EXPECT_TRUE(fs::exists(folder_ / "a"));
    EXPECT_FALSE(fs::exists(folder_ / "b"));
  }
  // Offers `file` as "/a" as soon as HEAD has been answered with what is there now.
  void ChangeAfterHead(const ServedFile& file) {
    const std::size_t before = server_.requests().size();
    options_.cancelled = [this, file, before] {
      const std::vector<SeenRequest> seen = server_.requests();
      if (seen.size() == before + 1 && seen.back().method == "HEAD") server_.Put("/a", file);
      return false;
    };
  }
  int GetsOf(const std::string& path) const {
    int count = 0;
    for (const SeenRequest& request : Gets()) count += request.path == path ? 1 : 0;
    return count;
  }

  DownloadItem ItemFor(const std::string& path, uint64_t bytes = 0, const std::string& sha = {}) {
    return {server_.url() + "/" + path, path, bytes, sha};
  }
  ErrorCode Fail(const std::vector<DownloadItem>& items) {
    try {
      Download(items, folder_, options_);
    } catch (const Error& error) {
      message_ = error.message();
      hint_ = error.hint();
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return ErrorCode::kInternal;
  }
  std::vector<SeenRequest> Gets() const {
    std::vector<SeenRequest> gets;
    for (const SeenRequest& request : server_.requests()) {
      if (request.method == "GET") gets.push_back(request);
    }
    return gets;
  }

  TestHttpServer server_;
  fs::path folder_;
  DownloadOptions options_;
  std::string message_, hint_;
};

TEST_F(DownloadTest, FetchesSeveralFilesAtOnce) {
  std::vector<DownloadItem> items;
  std::vector<std::string> contents;
  for (int i = 0; i < 6; ++i) {
    const std::string path = "sub/file" + std::to_string(i);
    contents.push_back(Noise(200000 + 1000 * i, i));
    ServedFile file;
    file.content = contents.back();
    file.pause_ms = 5;
    server_.Put("/" + path, file);
    items.push_back(ItemFor(path, contents.back().size(), DigestOf(contents.back())));
  }
  DownloadProgress last;
  options_.progress = [&](const DownloadProgress& progress) { last = progress; };
  Download(items, folder_, options_);
  uint64_t total = 0;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(ReadAll(folder_ / items[i].path), contents[i]);
    total += contents[i].size();
  }
  EXPECT_EQ(server_.greatest_parallel(), 4);
  EXPECT_EQ(last.files_done, 6);
  EXPECT_EQ(last.done_bytes, total);
  EXPECT_EQ(last.total_bytes, total);
  int entries = 0;  // no part, no note is left
  for (const auto& entry : fs::directory_iterator(folder_ / "sub")) entries += entry.exists();
  EXPECT_EQ(entries, 6);
}

TEST_F(DownloadTest, GoesOnAfterCutsByRange) {
  ServedFile file;
  file.content = Noise(500000, 1);
  file.cuts = 3;
  file.cut_after = 120000;
  server_.Put("/m", file);
  Download({ItemFor("m", 0, DigestOf(file.content))}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  const std::vector<SeenRequest> gets = Gets();
  ASSERT_EQ(gets.size(), 4u);
  EXPECT_EQ(gets[0].range, "");
  EXPECT_EQ(gets[1].range, "bytes=120000-");
  EXPECT_EQ(gets[1].if_range, "\"v1\"");
  EXPECT_EQ(gets[3].range, "bytes=360000-");
}

TEST_F(DownloadTest, GoesOnInALaterRunAndStartsAgainWhenTheFileChanged) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.cuts = 1;
  file.cut_after = 100000;
  server_.Put("/m", file);
  options_.retries = 0;
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kNetwork);
  EXPECT_THAT(hint_, HasSubstr("go on"));
  EXPECT_EQ(fs::file_size(folder_ / "m.part"), 100000u);

  const std::string other = Noise(250000, 2);
  server_.Change("/m", other, "\"v2\"");
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), other);
  EXPECT_EQ(Gets().back().range, "bytes=100000-");
  EXPECT_EQ(Gets().back().status, 200);
}

TEST_F(DownloadTest, RetriesWithoutNewBytesAreBounded) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.ranges = false;  // starts again each time: the same bytes are no progress
  file.cuts = 1000;
  file.cut_after = 50000;
  server_.Put("/m", file);
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kNetwork);
  EXPECT_THAT(message_, HasSubstr("attempts"));
  EXPECT_LE(Gets().size(), 5u);
}

TEST_F(DownloadTest, ServerThatIgnoresRangesSendsAllAgain) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.ranges = false;
  file.cuts = 1;
  file.cut_after = 100000;
  server_.Put("/m", file);
  Download({ItemFor("m", 300000, DigestOf(file.content))}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
}

TEST_F(DownloadTest, WithoutValidatorOrChecksumNothingIsJoined) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.etag = "";
  file.cuts = 1;
  file.cut_after = 100000;
  server_.Put("/m", file);
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  EXPECT_EQ(Gets().back().range, "");
}

TEST_F(DownloadTest, WeakValidatorIsNotSent) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.etag = "W/\"v1\"";
  file.cuts = 1;
  file.cut_after = 100000;
  server_.Put("/m", file);
  Download({ItemFor("m", 0, DigestOf(file.content))}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  EXPECT_EQ(Gets().back().range, "bytes=100000-");  // the checksum vouches for it
  EXPECT_EQ(Gets().back().if_range, "");
}

TEST_F(DownloadTest, AnotherRangeThanAskedForIsRefused) {
  ServedFile file;
  file.content = Noise(300000, 1);
  file.cuts = 1;
  file.cut_after = 100000;
  file.wrong_range = true;
  server_.Put("/m", file);
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("another range"));
  EXPECT_FALSE(fs::exists(folder_ / "m.part"));
}

TEST_F(DownloadTest, WrongChecksumRemovesThePart) {
  ServedFile file;
  file.content = Noise(100000, 1);
  server_.Put("/m", file);
  EXPECT_EQ(Fail({ItemFor("m", 0, std::string(64, 'a'))}), ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("wrong checksum of m"));
  EXPECT_THAT(message_, HasSubstr("the part was removed"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DownloadTest, ChecksumAndSizeComeFromTheRedirect) {
  ServedFile file;
  file.content = Noise(100000, 1);
  server_.Put("/blob", file);
  ServedFile link;
  link.redirect = "/blob";
  link.linked_sha256 = DigestOf(file.content);
  link.linked_size = 100000;
  server_.Put("/m", link);
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);

  fs::remove(folder_ / "m");
  link.linked_sha256 = std::string(64, '0');
  server_.Put("/m", link);
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("wrong checksum"));
  // What the catalogue knows outweighs the server, before anything is fetched.
  const std::size_t before = Gets().size();
  EXPECT_EQ(Fail({ItemFor("m", 0, DigestOf(file.content))}), ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("another file than the catalogue knows"));
  EXPECT_EQ(Fail({ItemFor("m", 99, "")}), ErrorCode::kIo);
  EXPECT_EQ(Gets().size(), before);
}

TEST_F(DownloadTest, ServerWithoutHeadWorks) {
  ServedFile file;
  file.content = Noise(100000, 1);
  file.head_status = 405;
  server_.Put("/m", file);
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
}

TEST_F(DownloadTest, SignedAddressThatRefusesHeadWorks) {
  ServedFile blob;
  blob.content = Noise(100000, 1);
  blob.head_status = 403;
  server_.Put("/blob", blob);
  ServedFile link;
  link.redirect = "/blob";
  server_.Put("/plain", link);
  link.linked_size = 100000;
  link.linked_sha256 = DigestOf(blob.content);
  server_.Put("/linked", link);
  Download({ItemFor("plain"), ItemFor("linked")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "plain"), blob.content);
  EXPECT_EQ(ReadAll(folder_ / "linked"), blob.content);
}

TEST_F(DownloadTest, EmptyFileIsAFile) {
  server_.Put("/m", ServedFile{});
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_TRUE(fs::exists(folder_ / "m"));
  EXPECT_EQ(fs::file_size(folder_ / "m"), 0u);
}

TEST_F(DownloadTest, MissingAndForbiddenFiles) {
  EXPECT_EQ(Fail({ItemFor("none")}), ErrorCode::kNotFound);
  EXPECT_THAT(message_, HasSubstr("404"));
  for (const int status : {401, 403}) {
    ServedFile file;
    file.status = status;
    server_.Put("/m", file);
    EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kPermission);
    EXPECT_THAT(message_, HasSubstr(std::to_string(status)));
    EXPECT_THAT(hint_, HasSubstr("HF_TOKEN"));
  }
}

TEST_F(DownloadTest, BusyServerIsTriedAgain) {
  ServedFile file;
  file.content = Noise(1000, 1);
  file.failures = 2;
  server_.Put("/m", file);
  std::vector<std::string> notes;
  options_.retry_seconds = 0.15;
  options_.progress = [&](const DownloadProgress& progress) {
    if (!progress.note.empty()) notes.push_back(progress.note);
  };
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  ASSERT_FALSE(notes.empty());
  EXPECT_THAT(notes.front(), HasSubstr("503"));
}

TEST_F(DownloadTest, StalledConnectionIsCutAndResumed) {
  ServedFile file;
  file.content = Noise(200000, 1);
  file.stalls = 1;
  file.cut_after = 50000;
  server_.Put("/m", file);
  Download({ItemFor("m", 0, DigestOf(file.content))}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  EXPECT_EQ(Gets().back().range, "bytes=50000-");
}

TEST_F(DownloadTest, NoServerIsToldAtOnce) {
  server_.Stop();
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kNetwork);
  EXPECT_THAT(message_, HasSubstr("cannot reach http://127.0.0.1:"));
  EXPECT_THAT(hint_, HasSubstr("work without it"));
}

TEST_F(DownloadTest, SpaceIsCheckedBeforeAnythingIsFetched) {
  ServedFile file;
  file.linked_size = int64_t{1} << 60;
  server_.Put("/m", file);
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kNoSpace);
  EXPECT_THAT(message_, HasSubstr("1.2 EB needed"));
  EXPECT_THAT(message_, HasSubstr("free"));
  EXPECT_TRUE(Gets().empty());
}

TEST_F(DownloadTest, FailedWriteIsToldAndKeepsThePart) {
  ServedFile file;
  file.content = Noise(300000, 1);
  server_.Put("/m", file);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{65536, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const ErrorCode code = Fail({ItemFor("m")});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("cannot write"));
  EXPECT_EQ(fs::file_size(folder_ / "m.part"), 65536u);
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
}

TEST_F(DownloadTest, StopsWhenAskedAndGoesOn) {
  ServedFile file;
  file.content = Noise(2000000, 1);
  file.pause_ms = 5;
  server_.Put("/m", file);
  std::atomic<bool> stop{false};
  options_.cancelled = [&] { return stop.load(); };
  options_.progress = [&](const DownloadProgress& progress) {
    if (progress.done_bytes > 100000) stop = true;
  };
  EXPECT_EQ(Fail({ItemFor("m")}), ErrorCode::kCancelled);
  const uint64_t kept = fs::file_size(folder_ / "m.part");
  EXPECT_GT(kept, 100000u);
  EXPECT_LT(kept, 2000000u);
  stop = false;
  options_.progress = {};
  file.pause_ms = 0;
  server_.Put("/m", file);
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), file.content);
  EXPECT_EQ(Gets().back().range, "bytes=" + std::to_string(kept) + "-");
}

TEST_F(DownloadTest, CompleteFilesAndPartsAreNotFetchedAgain) {
  ServedFile file;
  file.content = Noise(100000, 1);
  server_.Put("/a", file);
  server_.Put("/b", file);
  std::ofstream(folder_ / "a", std::ios::binary) << file.content;
  std::ofstream(folder_ / "b.part", std::ios::binary) << file.content;
  const std::string digest = DigestOf(file.content);
  Download({ItemFor("a", 100000, digest), ItemFor("b", 100000, digest)}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "b"), file.content);
  EXPECT_TRUE(Gets().empty());
}

TEST_F(DownloadTest, ALaterRunJoinsNoTwoVersions) {
  const std::string a1 = Noise(5000, 1), a2 = Noise(5000, 2), b2 = Noise(6000, 3);
  FetchHalf(Served(a1, "\"a1\"", "c1"), Served(Noise(6000, 4), "\"b1\"", "c1"));
  server_.Put("/a", Served(a2, "\"a2\"", "c2"));
  server_.Put("/b", Served(b2, "\"b2\"", "c2"));
  std::string notes;
  options_.progress = [&](const DownloadProgress& progress) { notes += progress.note; };
  Download({ItemFor("a"), ItemFor("b")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "a"), a2);  // of the same size: nothing but the server's word tells
  EXPECT_EQ(ReadAll(folder_ / "b"), b2);
  EXPECT_THAT(notes, HasSubstr("fetching again what an earlier run did not fetch from the version "
                               "that is there now (commit c2): a"));
}

TEST_F(DownloadTest, ALaterRunKeepsWhatIsOfTheSameVersion) {
  const struct {
    std::string etag1, commit1, etag2, commit2;
    bool kept;
  } kCases[] = {
      {"\"a1\"", "c1", "\"a1\"", "c2", true},      // something else changed
      {"W/\"a1\"", "c1", "W/\"a1\"", "c1", true},  // the commit says enough
      {"", "c1", "", "c1", true},
      {"\"a1\"", "", "\"a1\"", "", true},
      {"\"a1\"", "", "\"a2\"", "", false},
      {"W/\"a1\"", "c1", "W/\"a1\"", "c2", false},
      {"", "c1", "", "c2", false},
      {"", "", "", "", true},  // the server names no version
      {"\"a1\"", "c1", "", "", true},
      {"", "", "\"a1\"", "c1", false},
  };
  for (const auto& test : kCases) {
    const std::string a = Noise(5000, 1), b = Noise(6000, 2);
    const int before = GetsOf("/a");
    FetchHalf(Served(a, test.etag1, test.commit1), Served(b, "\"b\"", test.commit1));
    server_.Put("/a", Served(a, test.etag2, test.commit2));
    server_.Put("/b", Served(b, "\"b\"", test.commit2));
    Download({ItemFor("a"), ItemFor("b")}, folder_, options_);
    EXPECT_EQ(GetsOf("/a") - before, test.kept ? 1 : 2)
        << test.etag1 << test.commit1 << test.etag2 << test.commit2;
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry.path());
  }
}

TEST_F(DownloadTest, ALaterRunKeepsWhatAServerWithoutHeadDoesNotTellOf) {
  const std::string a = Noise(5000, 1), b = Noise(6000, 2);
  std::string notes;
  options_.progress = [&](const DownloadProgress& progress) { notes += progress.note; };
  for (const int status : {400, 405, 501, 403}) {
    ServedFile file = Served(a, "\"a1\"", "c1");
    file.head_status = status;
    if (status == 403) {  // told only behind a redirect, as signed addresses are
      server_.Put("/blob", file);
      file = {};
      file.redirect = "/blob";
    }
    const std::string content = status == 403 ? "/blob" : "/a";
    FetchHalf(file, Served(b, "\"b\"", "c1"));
    const int before = GetsOf(content);
    notes.clear();
    Download({ItemFor("a"), ItemFor("b")}, folder_, options_);
    EXPECT_EQ(GetsOf(content), before) << status;
    EXPECT_EQ(ReadAll(folder_ / "a"), a) << status;
    EXPECT_EQ(ReadAll(folder_ / "b"), b) << status;
    EXPECT_THAT(notes, Not(HasSubstr("fetching again"))) << status;
    // A file that is not as long as it was when it was recorded is not what was fetched.
    std::ofstream(folder_ / "a", std::ios::binary | std::ios::app) << "x";
    Download({ItemFor("a")}, folder_, options_);
    EXPECT_EQ(GetsOf(content), before + 1) << status;
    EXPECT_EQ(ReadAll(folder_ / "a"), a) << status;
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry.path());
  }
}

TEST_F(DownloadTest, ALaterRunHeedsWhatTheServerTellsWithoutAVersion) {
  const std::string longer = Noise(5001, 3), other = Noise(5000, 4);
  FetchHalf(Served(Noise(5000, 1), ""), Served(Noise(6000, 2), "\"b\""));
  server_.Put("/a", Served(longer, ""));  // the size
  Download({ItemFor("a")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "a"), longer);
  fs::remove(folder_ / "a");

  // The redirect to an address that refuses HEAD.
  ServedFile blob = Served(Noise(5000, 1), "\"blob\"");
  blob.head_status = 403;
  server_.Put("/blob", blob);
  ServedFile link;
  link.redirect = "/blob";
  link.commit = "c1";
  FetchHalf(link, Served(Noise(6000, 2), "\"b\"", "c1"));
  blob.content = other;
  server_.Put("/blob", blob);
  link.commit = "c2";
  server_.Put("/a", link);
  Download({ItemFor("a")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "a"), other);
}

TEST_F(DownloadTest, ACommitThatLeavesTheFileAsItWasChangesNothing) {
  const std::string a = Noise(5000, 1), b = Noise(6000, 2);
  ServedFile first = Served(a, "\"a\"", "c1"), second = Served(b, "\"b\"", "c1");
  first.cuts = 1;
  first.cut_after = 1000;
  second.get_commit = "c2";
  server_.Put("/a", first);
  server_.Put("/b", second);
  options_.parallel = 1;
  options_.retries = 0;
  EXPECT_EQ(Fail({ItemFor("a"), ItemFor("b")}), ErrorCode::kNetwork);
  first.cuts = 0;
  first.get_commit = "c3";
  server_.Put("/a", first);
  Download({ItemFor("a"), ItemFor("b")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "a"), a);
  EXPECT_EQ(ReadAll(folder_ / "b"), b);
  EXPECT_EQ(Gets()[1].range, "bytes=1000-");  // what was there was gone on with
  EXPECT_EQ(Gets()[1].status, 206);

  // The checksum says as much as a strong validator.
  fs::remove(folder_ / "a");
  first = Served(a, "W/\"a\"", "c1");
  first.linked_sha256 = DigestOf(a);
  first.get_commit = "c2";
  server_.Put("/a", first);
  Download({ItemFor("a")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "a"), a);
}

TEST_F(DownloadTest, AFileThatChangesMeanwhileIsToldAndNothingIsLost) {
  const std::string a = Noise(5000, 1), other = Noise(5000, 2);
  const std::string sha = DigestOf(a);
  const struct {
    std::string etag1, sha1, content2, etag2, sha2;
  } kCases[] = {
      {"\"a\"", "", other, "\"a2\"", ""},
      {"\"a\"", "", Noise(5001, 3), "\"a\"", ""},
      {"W/\"a\"", "", a, "W/\"a\"", ""},  // not surely the same
      {"", "", a, "", ""},
      {"\"a\"", sha, other, "\"a\"", DigestOf(other)},
  };
  options_.retries = 0;
  for (const auto& test : kCases) {
    ServedFile before = Served(a, test.etag1, "c1");
    before.linked_sha256 = test.sha1;
    before.cuts = 1;
    before.cut_after = 1000;
    server_.Put("/a", before);
    EXPECT_EQ(Fail({ItemFor("a")}), ErrorCode::kNetwork);
    ServedFile after = Served(test.content2, test.etag2, "c2");
    after.linked_sha256 = test.sha2;
    ChangeAfterHead(after);
    EXPECT_EQ(Fail({ItemFor("a")}), ErrorCode::kIo);
    options_.cancelled = {};
    EXPECT_THAT(message_, HasSubstr("the repository changed while it was fetched"));
    EXPECT_THAT(message_, HasSubstr("a is of commit c2, expected c1"));
    EXPECT_EQ(ReadAll(folder_ / "a.part"), a.substr(0, 1000));
    // Where the catalogue knows the checksum, no commit matters.
    Download({ItemFor("a", 0, DigestOf(test.content2))}, folder_, options_);
    EXPECT_EQ(ReadAll(folder_ / "a"), test.content2);
    fs::remove(folder_ / "a");
  }
}

TEST_F(DownloadTest, FilesOfTwoCommitsAreNotBegun) {
  const std::string a = Noise(5000, 1);
  server_.Put("/a", Served(a, "\"a\"", "c1"));
  server_.Put("/b", Served(a, "\"a\"", "c2"));
  EXPECT_EQ(Fail({ItemFor("a"), ItemFor("b")}), ErrorCode::kIo);
  EXPECT_THAT(message_, HasSubstr("the repository changed while it was fetched"));
  EXPECT_TRUE(Gets().empty());
}

TEST(RetryWaitTest, DoublesUpToTheLongest) {
  EXPECT_EQ(RetryWaitSeconds(1, 1), 1);
  EXPECT_EQ(RetryWaitSeconds(1, 4), 8);
  EXPECT_EQ(RetryWaitSeconds(0.02, 2), 0.04);
  for (int failures = 6; failures <= 101; ++failures) EXPECT_EQ(RetryWaitSeconds(1, failures), 30);
  EXPECT_EQ(RetryWaitSeconds(0, 100), 0);
}

TEST_F(DownloadTest, TokenGoesToTheFirstHostOnly) {
  TestHttpServer other;
  ServedFile file;
  file.content = "hello";
  other.Put("/blob", file);
  ServedFile link;
  link.redirect = other.url() + "/blob";
  server_.Put("/m", link);
  options_.token = "secret";
  Download({ItemFor("m")}, folder_, options_);
  EXPECT_EQ(ReadAll(folder_ / "m"), "hello");
  ASSERT_FALSE(Gets().empty());
  EXPECT_EQ(Gets().back().authorization, "Bearer secret");
  for (const SeenRequest& request : other.requests()) EXPECT_EQ(request.authorization, "");
}

TEST_F(DownloadTest, UnwritableFolderIsTold) {
  std::ofstream(folder_ / "file") << "x";
  server_.Put("/m", ServedFile{});
  try {
    Download({ItemFor("m")}, folder_ / "file" / "sub", options_);
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("cannot make the folder"));
  }
}

TEST_F(DownloadTest, PullPublishesTheFolderAtOnce) {
  const std::string content = Noise(100000, 1);
  ServedFile file;
  file.content = content;
  file.cuts = 1;
  file.cut_after = 30000;
  server_.Put("/o/r/resolve/main/m.gguf", file);
  const ModelLibrary library(
      folder_, Catalog::Parse(R"({"version": 1, "models": [{"name": "tiny", "default": true,
        "title": "T", "license": "MIT", "repository": "o/r", "revision": "main", "format": "gguf",
        "files": [{"path": "m.gguf", "bytes": 100000, "sha256": ")" +
                                  DigestOf(content) + R"("}]}]})",
                              "test"));
  const CatalogEntry& entry = library.catalog().Default();
  options_.retries = 0;
  EXPECT_THROW(PullModel(library, entry, server_.url(), options_), Error);
  EXPECT_TRUE(library.Installed().empty());
  const InstalledModel model = PullModel(library, entry, server_.url(), options_);
  EXPECT_EQ(model.path, folder_ / "models/tiny/m.gguf");
  EXPECT_EQ(ReadAll(model.path), content);
  int entries = 0;
  for (const auto& found : fs::directory_iterator(folder_ / "models/tiny"))
    entries += found.exists();
  EXPECT_EQ(entries, 1);
  EXPECT_FALSE(fs::exists(folder_ / "models/.tiny.partial"));
  try {
    PullModel(library, entry, server_.url(), options_);
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAlreadyExists);
  }
}

TEST_F(DownloadTest, PullLeavesNoRecordInTheModel) {
  server_.Put("/o/r/resolve/main/m.gguf", Served(Noise(1000, 1), "\"v\"", "c1"));
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf"}])");
  PullModel(library, library.catalog().Default(), server_.url(), options_);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "models/tiny"), {}), 1);
}

TEST_F(DownloadTest, ImportChecksTheFile) {
  const std::string content = Noise(1000, 1);
  const ModelLibrary library =
      LibraryOf(R"([{"path": "m.gguf", "bytes": 1000, "sha256": ")" + DigestOf(content) + R"("}])");
  const CatalogEntry& entry = library.catalog().Default();
  std::ofstream(folder_ / "wrong", std::ios::binary) << Noise(1000, 2);
  EXPECT_THROW(ImportModel(library, entry, folder_ / "wrong", options_), Error);
  EXPECT_TRUE(library.Installed().empty());
  std::ofstream(folder_ / "right", std::ios::binary) << content;
  EXPECT_EQ(ReadAll(ImportModel(library, entry, folder_ / "right", options_).path), content);
}

TEST_F(DownloadTest, ImportOpensAFileThatTheCatalogueDoesNotKnow) {
  const ModelLibrary library = LibraryOf(R"([{"path": "sub/m.gguf"}])");
  std::ofstream(folder_ / "text.gguf") << "hi\n";
  EXPECT_EQ(FailImport(library, folder_ / "text.gguf"), ErrorCode::kInvalidFile);
  EXPECT_THAT(message_, HasSubstr("text.gguf"));
  EXPECT_FALSE(fs::exists(folder_ / "models"));
  const InstalledModel model =
      ImportModel(library, library.catalog().Default(), kSmallModel, options_);
  EXPECT_EQ(ReadAll(model.path), ReadAll(kSmallModel));
}

TEST_F(DownloadTest, ImportOfAModelOfSeveralFilesIsRefused) {
  const ModelLibrary library =
      LibraryOf(R"([{"path": "model.safetensors.index.json"}, {"path": "config.json"}])");
  EXPECT_EQ(FailImport(library, kSmallModel), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message_, HasSubstr("model tiny has 2 files"));
}

TEST_F(DownloadTest, ImportOfWhatIsNoRegularFileIsRefused) {
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf"}])");
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const char* name : {"folder", "pipe"}) {
    EXPECT_EQ(FailImport(library, folder_ / name), ErrorCode::kInvalidFile) << name;
    EXPECT_THAT(message_, HasSubstr(std::string(name) + " is not a regular file"));
  }
  EXPECT_EQ(FailImport(library, folder_ / "none"), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_ / "models"));
}

TEST_F(DownloadTest, ImportStopsWhenAskedAndLeavesNothing) {
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf"}])");
  fs::create_directories(folder_ / "models");
  bool seen = false;  // the folder that is put together, while the file is copied
  options_.cancelled = [&] { return seen = fs::exists(folder_ / "models/.tiny.partial/m.gguf"); };
  EXPECT_EQ(FailImport(library, kSmallModel), ErrorCode::kCancelled);
  EXPECT_TRUE(seen);
  EXPECT_TRUE(fs::is_empty(folder_ / "models"));
  // What an unfinished download left stays.
  fs::create_directories(folder_ / "models/.tiny.partial");
  std::ofstream(folder_ / "models/.tiny.partial/m.gguf.part") << "12";
  EXPECT_EQ(FailImport(library, kSmallModel), ErrorCode::kCancelled);
  EXPECT_TRUE(fs::exists(folder_ / "models/.tiny.partial/m.gguf.part"));
  EXPECT_FALSE(fs::exists(folder_ / "models/.tiny.partial/m.gguf"));
}

TEST_F(DownloadTest, ImportChecksTheSpace) {
  const ModelLibrary library = LibraryOf(R"([{"path": "m.gguf"}])");
  const fs::path large = folder_ / "large.gguf";
  fs::copy_file(kSmallModel, large);
  std::error_code failed;
  // More than there is room for, and nearly all of it a hole.
  const uint64_t size = fs::space(folder_).available + (uint64_t{64} << 30);
  fs::resize_file(large, size, failed);
  if (failed) GTEST_SKIP() << "this file system has no such sparse files";
  options_.cancelled = [] { return true; };  // if it came to copying after all
  EXPECT_EQ(FailImport(library, large), ErrorCode::kNoSpace);
  EXPECT_THAT(message_, HasSubstr(BytesText(size) + " needed"));
  EXPECT_TRUE(fs::is_empty(folder_ / "models"));
}

TEST(BytesTextTest, ThreeDigits) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(999), "999 B");
  EXPECT_EQ(BytesText(1000), "1.0 kB");
  EXPECT_EQ(BytesText(98362432), "98.4 MB");
  EXPECT_EQ(BytesText(688586727753), "689 GB");
}

}  // namespace
}  // namespace fathom
