// Tests of the writer: what it writes reads back the same, and a file appears complete or not at
// all.
#include "formats/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> NamesIn(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(GgufWriter, WritesTheBytesOfTheSpecification) {
  const TestFolder folder;
  GgufWriter writer(folder / "m.gguf");
  writer.AddMetadata("general.architecture", "llama");
  writer.AddMetadata("llama.block_count", uint32_t{2});
  writer.AddMetadata("tokens", std::vector<std::string>{"a", ""});
  writer.AddTensor("x", Format::kF16, std::vector<int64_t>{2, 3});
  writer.AddTensor("y", Format::kF32, std::vector<int64_t>{1});
  const std::string x = "abcdefghijkl";
  // Pieces that end inside a tensor, and one that runs into the next.
  writer.Append(AsBytes(x.substr(0, 5)));
  writer.Append(AsBytes(x.substr(5) + "WX"));
  writer.Append(AsBytes("YZ"));
  writer.Publish();

  GgufBytes expected(2, 3);
  expected.Key("general.architecture", 8).String("llama");
  expected.Scalar("llama.block_count", 4, uint32_t{2});
  expected.Array("tokens", 8, 2).String("a").String("");
  expected.Tensor("x", {3, 2}, 1, 0).Tensor("y", {1}, 0, 32).Pad();
  std::string text = expected.text() + x + std::string(20, '\0') + "WXYZ" + std::string(28, '\0');
  EXPECT_EQ(ReadFile(folder / "m.gguf"), text);
  EXPECT_THAT(NamesIn(folder.path()), testing::ElementsAre("m.gguf"));
}

// What reading must give for a value that was written: its widened form.
template <class Read, class Written>
void ExpectRoundTrip(const Written& written, const Read& read) {
  const TestFolder folder;
  GgufWriter writer(folder / "m.gguf");
  writer.AddMetadata("key", written);
  writer.Publish();
  const ModelFile model = OpenGguf(folder / "m.gguf");
  const MetadataValue* value = model.Find("key");
  ASSERT_NE(value, nullptr);
  ASSERT_TRUE(std::holds_alternative<Read>(*value)) << MetadataTypeName(*value);
  EXPECT_EQ(std::get<Read>(*value), read);
}

TEST(GgufWriter, EveryTypeOfMetadataReadsBack) {
  ExpectRoundTrip<uint64_t>(uint8_t{255}, 255);
  ExpectRoundTrip<int64_t>(int8_t{-128}, -128);
  ExpectRoundTrip<uint64_t>(uint16_t{65535}, 65535);
  ExpectRoundTrip<int64_t>(int16_t{-32768}, -32768);
  ExpectRoundTrip<uint64_t>(uint32_t{4294967295}, 4294967295);
  ExpectRoundTrip<int64_t>(int32_t{-2147483647}, -2147483647);
  ExpectRoundTrip<uint64_t>(~uint64_t{0}, ~uint64_t{0});
  ExpectRoundTrip<int64_t>(int64_t{-1} << 62, int64_t{-1} << 62);
  ExpectRoundTrip<double>(0.25F, 0.25);
  ExpectRoundTrip<double>(1e-300, 1e-300);
  ExpectRoundTrip<bool>(true, true);
  ExpectRoundTrip<std::string>(std::string("a\0b", 3), std::string("a\0b", 3));
  using Integers = std::vector<int64_t>;
  ExpectRoundTrip<Integers>(std::vector<uint8_t>{1, 255}, {1, 255});
  ExpectRoundTrip<Integers>(std::vector<int8_t>{-1}, {-1});
  ExpectRoundTrip<Integers>(std::vector<uint16_t>{65535}, {65535});
  ExpectRoundTrip<Integers>(std::vector<int16_t>{-2}, {-2});
  ExpectRoundTrip<Integers>(std::vector<uint32_t>{4294967295}, {4294967295});
  ExpectRoundTrip<Integers>(std::vector<int32_t>{-3}, {-3});
  ExpectRoundTrip<Integers>(std::vector<uint64_t>{uint64_t{1} << 62}, {int64_t{1} << 62});
  ExpectRoundTrip<Integers>(std::vector<int64_t>{-4}, {-4});
  ExpectRoundTrip<std::vector<double>>(std::vector<float>{0.5F}, {0.5});
  ExpectRoundTrip<std::vector<double>>(std::vector<double>{0.1}, {0.1});
  ExpectRoundTrip<std::vector<bool>>(std::vector<bool>{true, false}, {true, false});
  ExpectRoundTrip<std::vector<std::string>>(std::vector<std::string>{"", "x"}, {"", "x"});
}

TEST(GgufWriter, TensorsOfEveryFormatReadBackAtAnyAlignment) {
  for (const uint32_t alignment : {8U, 32U, 256U}) {
    const TestFolder folder;
    GgufWriter writer(folder / "m.gguf", alignment);
    std::vector<std::string> contents;
    for (int i = 0; i < kFormatCount; ++i) {
      const FormatRow& row = RowOf(static_cast<Format>(i));
      if (!row.gguf_type) continue;
      writer.AddTensor(row.name, row.format, std::vector<int64_t>{3, row.block_elements});
      contents.emplace_back(static_cast<std::size_t>(3 * row.block_bytes),
                            static_cast<char>(i + 1));
    }
    for (const std::string& content : contents) writer.Append(AsBytes(content));
    writer.Publish();
    const ModelFile model = OpenGguf(folder / "m.gguf");
    EXPECT_EQ(model.Integer("general.alignment").value_or(32), alignment);
    for (const std::string& content : contents) {
      const FormatRow& row = RowOf(static_cast<Format>(content[0] - 1));
      const TensorView& view = model.RequireTensor(row.name, {3, row.block_elements});
      EXPECT_EQ(view.format, row.format);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.data), content.size()), content);
      EXPECT_EQ(static_cast<std::size_t>(view.bytes()), content.size());
    }
  }
}

TEST(GgufWriter, LargeTensorsPassThrough) {
  const TestFolder folder;
  GgufWriter writer(folder / "m.gguf");
  constexpr int64_t kValues = 1 << 20;
  writer.AddTensor("x", Format::kF32, std::vector<int64_t>{kValues});
  std::string content(4 * kValues, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 >> 3);
  writer.Append(AsBytes(std::string_view(content).substr(0, 1000)));
  writer.Append(AsBytes(std::string_view(content).substr(1000, 3000000)));
  writer.Append(AsBytes(std::string_view(content).substr(3001000)));
  writer.Publish();
  const ModelFile model = OpenGguf(folder / "m.gguf");
  const TensorView& view = model.RequireTensor("x", {kValues});
  EXPECT_TRUE(std::string_view(reinterpret_cast<const char*>(view.data), content.size()) ==
              content);
}

TEST(GgufWriter, AnAbandonedFileLeavesNothing) {
  const TestFolder folder;
  folder.Write("m.gguf", "older");
  {
    GgufWriter writer(folder / "m.gguf");
    writer.AddTensor("x", Format::kF32, std::vector<int64_t>{1});
    writer.Append(AsBytes("abc"));
    EXPECT_EQ(NamesIn(folder.path()).size(), 2U);
    EXPECT_EQ(ReadFile(folder / "m.gguf"), "older");
  }
  EXPECT_THAT(NamesIn(folder.path()), testing::ElementsAre("m.gguf"));
  EXPECT_EQ(ReadFile(folder / "m.gguf"), "older");
}

TEST(GgufWriter, PublishReplacesAnOlderFile) {
  const TestFolder folder;
  folder.Write("m.gguf", "older");
  GgufWriter writer(folder / "m.gguf");
  writer.Publish();
  EXPECT_EQ(ReadFile(folder / "m.gguf"), GgufBytes(0, 0).Pad().text());
}

TEST(GgufWriter, AFailedWriteIsAnErrorAndLeavesNothing) {
  // A limit on file sizes stands in for the full disk: write() fails in the same place.
  const TestFolder folder;
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 1 << 16;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string path = (folder / "m.gguf").string();
  const std::string error = ErrorOf([&] {
    GgufWriter writer(path);
    writer.AddTensor("x", Format::kF32, std::vector<int64_t>{1 << 15});
    writer.Append(AsBytes(std::string(1 << 17, 'x')));
    writer.Publish();
  });
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(error, "io: cannot write " + path + ": File too large");
  EXPECT_TRUE(NamesIn(folder.path()).empty());
}

TEST(GgufWriter, RefusesWhatCannotBeRead) {
  const TestFolder folder;
  EXPECT_EQ(ErrorOf([&] { GgufWriter writer(folder / "m.gguf", 24); }),
            "invalid_argument: the alignment is 24, expected a power of two from 8 to 2097152");
  EXPECT_TRUE(ErrorOf([&] {
                GgufWriter writer(folder / "none/m.gguf");
              }).starts_with("not_found: cannot create " + (folder / "none/m.gguf").string()));

  GgufWriter writer(folder / "m.gguf");
  writer.AddMetadata("key", true);
  EXPECT_EQ(ErrorOf([&] { writer.AddMetadata("key", 1.0F); }),
            "invalid_argument: key 'key' is there already");
  EXPECT_EQ(ErrorOf([&] { writer.AddMetadata("", 1.0F); }),
            "invalid_argument: a key has a name of 0 bytes, expected 1 to 65535");
  EXPECT_EQ(ErrorOf([&] { writer.AddMetadata("general.alignment", uint32_t{64}); }),
            "invalid_argument: key 'general.alignment' is not the alignment of the file, 32");

  const auto add = [&](std::string_view name, Format format, std::vector<int64_t> shape) {
    return ErrorOf([&] { writer.AddTensor(name, format, shape); });
  };
  EXPECT_EQ(add("x", Format::kF32, {1}), "no error");
  EXPECT_EQ(add("x", Format::kF32, {1}), "invalid_argument: tensor 'x' is there already");
  EXPECT_EQ(
      add("y", Format::kQ4_0, {2, 48}),
      "invalid_argument: tensor 'y' has rows of 48 values, expected a multiple of 32 for Q4_0");
  EXPECT_EQ(add("y", Format::kF8_E4M3, {32}),
            "invalid_argument: tensor 'y' has the format F8_E4M3, for which GGUF has no type");
  EXPECT_EQ(add("y", Format::kF32, {}),
            "invalid_argument: tensor 'y' has 0 dimensions, expected 1 to 4");
  EXPECT_EQ(add("y", Format::kF32, {1, 1, 1, 1, 1}),
            "invalid_argument: tensor 'y' has 5 dimensions, expected 1 to 4");
  EXPECT_EQ(add("y", Format::kF32, {0}), "invalid_argument: tensor 'y' has a dimension of 0");
  EXPECT_EQ(add("y", Format::kF32, {int64_t{1} << 40, int64_t{1} << 40}),
            "invalid_argument: tensor 'y' has a dimension of 1099511627776");
  // What was refused left no trace.
  writer.Append(AsBytes("abcd"));
  writer.Publish();
  EXPECT_EQ(OpenGguf(folder / "m.gguf").tensors().size(), 1U);
}

TEST(GgufWriterDeathTest, WrongNumberOfTensorBytes) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const TestFolder folder;
  const auto make = [&](std::size_t bytes) {
    GgufWriter writer(folder / "m.gguf");
    writer.AddTensor("x", Format::kF32, std::vector<int64_t>{1});
    writer.Append(AsBytes(std::string(bytes, 'x')));
    writer.Publish();
  };
  make(4);
  EXPECT_DEATH(make(3), "current_ == header_.tensors");
  EXPECT_DEATH(make(5), "current_ < header_.tensors");
}

}  // namespace
}  // namespace fathom
