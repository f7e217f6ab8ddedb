#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/bytes_json.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/system_memory.h"
#include "base/text.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

// A fresh folder that disappears with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fathom-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

ErrorCode CodeOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error was thrown";
  return ErrorCode::kInternal;
}

TEST(Error, ComposesMessageAndHint) {
  const Error error(ErrorCode::kNotFound, "no model", "run pull");
  EXPECT_STREQ(error.what(), "no model (run pull)");
  EXPECT_EQ(error.message(), "no model");
  EXPECT_EQ(ErrorCodeName(error.code()), "not_found");
}

TEST(Error, MapsSystemErrors) {
  EXPECT_EQ(SystemError(ENOSPC, "write").code(), ErrorCode::kNoSpace);
  EXPECT_EQ(SystemError(EACCES, "open").code(), ErrorCode::kPermission);
  EXPECT_EQ(SystemError(ENOENT, "open").code(), ErrorCode::kNotFound);
  EXPECT_THAT(SystemError(EIO, "cannot read x").message(), HasSubstr("cannot read x"));
}

TEST(Json, ReportsWhereItBreaks) {
  try {
    ParseJson("{\"a\": [1, 2", "the request");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("the request is not valid JSON at byte 12"));
  }
}

TEST(Json, BoundsNesting) {
  EXPECT_NO_THROW(ParseJson(std::string(128, '[') + std::string(128, ']'), "x"));
  EXPECT_EQ(CodeOf([] { ParseJson(std::string(1 << 20, '['), "x"); }), ErrorCode::kInvalidArgument);
  EXPECT_NO_THROW(ParseJson("\"" + std::string(1000, '[') + "\\\"[\"", "x"));
}

// Writes down what it is shown.
class Recorder final : public JsonVisitor {
 public:
  void BeginObject() override { seen += "{"; }
  void Key(std::string key) override { seen += key + ":"; }
  void EndObject() override { seen += "}"; }
  void BeginArray() override { seen += "["; }
  void EndArray() override { seen += "]"; }
  void Scalar(JsonScalar value) override {
    const auto* text = std::get_if<std::string>(&value);
    seen += std::to_string(value.index()) + (text == nullptr ? "" : *text) + " ";
  }
  std::string seen;
};

TEST(Json, VisitShowsEverythingInOrder) {
  Recorder recorder;
  VisitJson(R"({"b":[null,true,-1,1,18446744073709551615,0.5,"x"],"a":{},"a":1})", "x", recorder);
  EXPECT_EQ(recorder.seen, "{b:[0 1 2 2 3 4 5x ]a:{}a:2 }");
}

TEST(Json, VisitFailsAsParsingDoes) {
  for (const char* text : {"", "{", "[1,]", "[NaN]", "[1e999]", "[1]]", "\"\xff\"", "[[[1]]]"}) {
    Recorder recorder;
    const std::string what = "the file";
    EXPECT_EQ(CodeOf([&] { VisitJson(text, what, recorder, 2); }), ErrorCode::kInvalidArgument)
        << text;
  }
}

TEST(Json, KeepsTheOrderOfMembersWhereAsked) {
  const OrderedJson json = ParseOrderedJson("{\"b\": 1, \"a\": {\"z\": [], \"y\": 2}}", "x");
  EXPECT_EQ(json.dump(), "{\"b\":1,\"a\":{\"z\":[],\"y\":2}}");
  EXPECT_EQ(CodeOf([] { ParseOrderedJson("{\"a\": ", "x"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf([] { ParseOrderedJson(std::string(1 << 20, '['), "x"); }),
            ErrorCode::kInvalidArgument);
}

TEST(Json, BoundsTheMembersOfOrderedObjects) {
  // Members are counted object by object.
  const std::string two = "{\"a\": {\"b\": 1, \"c\": 2}}";
  EXPECT_NO_THROW(ParseOrderedJson(two, "x", 128, 2));
  EXPECT_EQ(CodeOf([&] { ParseOrderedJson(two, "x", 128, 1); }), ErrorCode::kInvalidArgument);
}

TEST(Json, DumpReplacesBrokenUtf8) { EXPECT_EQ(DumpJson(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

TEST(Json, BytesAreNumbers) {
  EXPECT_EQ(DumpJson(BytesJson(std::string_view("a\0\xff", 3))), "[97,0,255]");
  EXPECT_EQ(DumpJson(BytesJson("")), "[]");
}

TEST(Text, TrimTakesWhiteSpaceFromTheEndsOnly) {
  EXPECT_EQ(Trim(" \t\r\na b\n "), "a b");
  EXPECT_EQ(Trim("a"), "a");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(Sha256, MatchesPublishedVectors) {
  Sha256 empty;
  EXPECT_EQ(empty.HexDigest(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;  // FIPS 180-4 example
  abc.Update(std::as_bytes(std::span("abc", 3)));
  EXPECT_EQ(abc.HexDigest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Philox, MatchesPublishedVectors) {
  // Known answers distributed with the authors' Random123 library (kat_vectors, philox4x32-10).
  EXPECT_EQ(Philox4x32(0, {0, 0, 0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, NormalDrawsAreThoseOfThePublishedBits) {
  // Box and Muller's formula over the vectors above, computed apart in Python.
  const auto expect = [](const std::array<double, 4>& found, std::array<double, 4> expected) {
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(found[i], expected[i], 1e-14) << i;
  };
  expect(NormalsAt(0, {0, 0, 0, 0}),
         {0.9911376799303855, -0.9246625876655352, -0.6176089594591907, -0.48206858748717946});
  expect(NormalsAt(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
         {-0.5514679005084956, -0.3122491132575561, 0.9654671460605665, 1.1806735951306468});
}

TEST(Philox, UniformDependsOnEveryInputAndOnNothingElse) {
  std::set<double> draws;
  double sum = 0;
  for (uint64_t position = 0; position < 4096; ++position) {
    const double draw = UniformAt(7, position);
    EXPECT_GE(draw, 0.0);
    EXPECT_LT(draw, 1.0);
    EXPECT_EQ(draw, UniformAt(7, position));
    draws.insert(draw);
    sum += draw;
  }
  EXPECT_EQ(draws.size(), 4096u);
  EXPECT_NEAR(sum / 4096, 0.5, 5 * std::sqrt(1.0 / 12 / 4096));
  EXPECT_NE(UniformAt(7, 0), UniformAt(8, 0));
  EXPECT_NE(UniformAt(7, 0, 0), UniformAt(7, 0, 1));
}

TEST(MappedFile, MapsWholeFilesAndRefusesOthers) {
  const TempFolder folder;
  std::ofstream(folder / "data") << "hello";
  const MappedFile file = MappedFile::Open(folder / "data");
  EXPECT_EQ(file.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(file.bytes()[4]), 'o');
  EXPECT_EQ(Sha256OfFile(folder / "data"),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  std::ofstream(folder / "empty").close();
  EXPECT_EQ(CodeOf([&] { MappedFile::Open(folder / "empty"); }), ErrorCode::kInvalidFile);
  EXPECT_EQ(CodeOf([&] { MappedFile::Open(folder.path()); }), ErrorCode::kInvalidFile);
  EXPECT_EQ(CodeOf([&] { MappedFile::Open(folder / "absent"); }), ErrorCode::kNotFound);
  // A named pipe that nobody writes to is not waited for.
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(CodeOf([&] { MappedFile::Open(folder / "pipe"); }), ErrorCode::kInvalidFile);
}

TEST(SystemMemory, IsKnown) {
  EXPECT_GT(AvailableMemoryBytes(), 1 << 20);
  EXPECT_GT(ResidentMemoryBytes(), 1 << 10);
}

}  // namespace
}  // namespace fathom
