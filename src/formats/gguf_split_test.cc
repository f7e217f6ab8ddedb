// Tests of split GGUF files: any part opens all of them, and parts that are missing, renamed or of
// another model are refused.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "formats/gguf.h"
#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

// What one part says of itself.
struct Claims {
  uint16_t number = 0;
  uint16_t count = 3;
  int32_t tensors = 4;
  std::string tensor_prefix;
  std::string architecture;  // empty: no such key
};

// A part with `own` tensors of four values each, named PREFIX.0, PREFIX.1, ...
std::string PartText(const Claims& claims, int own) {
  GgufBytes file(static_cast<uint64_t>(own), claims.architecture.empty() ? 3 : 4);
  file.Scalar("split.no", 2, claims.number).Scalar("split.count", 2, claims.count);
  file.Scalar("split.tensors.count", 5, claims.tensors);
  if (!claims.architecture.empty()) {
    file.Key("general.architecture", 8).String(claims.architecture);
  }
  for (int i = 0; i < own; ++i) {
    file.Tensor(claims.tensor_prefix + "." + std::to_string(i), {4}, 0,
                32 * static_cast<uint64_t>(i));
  }
  file.Pad();
  for (int i = 0; i < own; ++i) file.Data(16, static_cast<char>(16 * i)).Pad();
  return file.text();
}

class GgufSplit : public testing::Test {
 protected:
  GgufSplit() {
    folder_.Write("m-00001-of-00003.gguf", PartText({0, 3, 4, "a", "llama"}, 1));
    folder_.Write("m-00002-of-00003.gguf", PartText({1, 3, 4, "b", ""}, 2));
    folder_.Write("m-00003-of-00003.gguf", PartText({2, 3, 4, "c", ""}, 1));
  }
  std::string OpenError(std::string_view name) const {
    return ErrorOf([&] { OpenGguf(folder_ / name); });
  }
  std::string PathOf(std::string_view name) const { return (folder_ / name).string(); }

  TestFolder folder_;
};

TEST_F(GgufSplit, AnyPartOpensAll) {
  for (const char* name :
       {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const ModelFile model = OpenGguf(folder_ / name);
    EXPECT_EQ(model.path(), folder_ / "m-00001-of-00003.gguf");
    ASSERT_EQ(model.shards().size(), 3U);
    EXPECT_EQ(model.RequireString("general.architecture"), "llama");
    EXPECT_EQ(model.Integer("split.no"), 0);
    ASSERT_EQ(model.tensors().size(), 4U);
    const NamedTensor& tensor = *model.FindTensor("b.1");
    EXPECT_EQ(tensor.shard, 1);
    EXPECT_EQ(tensor.view.data, model.shards()[1].bytes().data() + tensor.file_offset);
    EXPECT_EQ(tensor.view.data[3], std::byte{19});
    EXPECT_EQ(model.tensors()[3].name, "c.0");
    EXPECT_EQ(model.tensors()[3].shard, 2);
  }
}

TEST_F(GgufSplit, MissingPartIsNamed) {
  std::filesystem::remove(folder_ / "m-00002-of-00003.gguf");
  const std::string expected =
      "not_found: " + PathOf("m-00002-of-00003.gguf") + " is missing: part 2 of 3";
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"), expected);
  EXPECT_EQ(OpenError("m-00003-of-00003.gguf"), expected);
}

TEST_F(GgufSplit, BrokenPartIsNamed) {
  std::filesystem::resize_file(folder_ / "m-00003-of-00003.gguf", 100);
  EXPECT_TRUE(
      OpenError("m-00001-of-00003.gguf")
          .starts_with("invalid_file: " + PathOf("m-00003-of-00003.gguf") + ": truncated "));
}

TEST_F(GgufSplit, PartOfAnotherSplit) {
  folder_.Write("m-00002-of-00003.gguf", PartText({1, 4, 4, "b", ""}, 2));
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"), "invalid_file: " + PathOf("m-00002-of-00003.gguf") +
                                                    ": key 'split.count' is 4, expected 3");
}

TEST_F(GgufSplit, PartWithAnotherPartsNumber) {
  folder_.Write("m-00002-of-00003.gguf", PartText({2, 3, 4, "b", ""}, 2));
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"), "invalid_file: " + PathOf("m-00002-of-00003.gguf") +
                                                    ": key 'split.no' is 2, expected 1");
}

TEST_F(GgufSplit, PartThatIsNotSplit) {
  folder_.Write("m-00002-of-00003.gguf", GgufBytes(0, 0).text());
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"), "invalid_file: " + PathOf("m-00002-of-00003.gguf") +
                                                    ": key 'split.count' is missing, expected 3");
  EXPECT_EQ(OpenError("m-00002-of-00003.gguf"),
            "invalid_file: " + PathOf("m-00002-of-00003.gguf") +
                ": key 'split.count' is missing, but the name says 3 parts");
}

TEST_F(GgufSplit, TensorCountThatDoesNotAddUp) {
  folder_.Write("m-00002-of-00003.gguf", PartText({1, 3, 4, "b", ""}, 1));
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"), "invalid_file: " + PathOf("m-00001-of-00003.gguf") +
                                                    ": key 'split.tensors.count' is 4, expected 3");
}

TEST_F(GgufSplit, TensorInTwoParts) {
  folder_.Write("m-00003-of-00003.gguf", PartText({2, 3, 4, "a", ""}, 1));
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"),
            "invalid_file: " + PathOf("m-00001-of-00003.gguf") + ": tensor 'a.0' is there twice");
}

TEST_F(GgufSplit, MetadataThatDisagrees) {
  folder_.Write("m-00003-of-00003.gguf", PartText({2, 3, 4, "c", "qwen2"}, 1));
  EXPECT_EQ(OpenError("m-00001-of-00003.gguf"),
            "invalid_file: " + PathOf("m-00003-of-00003.gguf") +
                ": key 'general.architecture' differs from the first part's");
}

TEST_F(GgufSplit, NameWithoutItsPlace) {
  std::filesystem::rename(folder_ / "m-00001-of-00003.gguf", folder_ / "m.gguf");
  EXPECT_EQ(OpenError("m.gguf"),
            "invalid_file: " + PathOf("m.gguf") +
                ": key 'split.count' is 3, but the name of the file does not end in "
                "-00001-of-000NN.gguf");
}

TEST_F(GgufSplit, NameWithAnImpossiblePlace) {
  for (const int place : {0, 4}) {
    const std::string name = "m-0000" + std::to_string(place) + "-of-00003.gguf";
    folder_.Write(name, PartText({3, 3, 4, "d", ""}, 1));
    EXPECT_EQ(OpenError(name), "invalid_file: " + PathOf(name) + ": the name says part " +
                                   std::to_string(place) + " of 3");
  }
}

TEST_F(GgufSplit, SplitKeyOfAnotherType) {
  folder_.Write("s.gguf", GgufBytes(0, 1).Key("split.count", 8).String("3").text());
  EXPECT_EQ(OpenError("s.gguf"), "invalid_file: " + PathOf("s.gguf") +
                                     ": key 'split.count' is not a number from 0 to 2^31 - 1");
}

TEST_F(GgufSplit, MergedFilesAreWhole) {
  // Merging tools leave split.count at 0 in their result; a split into one part is a whole as well.
  folder_.Write("merged.gguf", PartText({0, 0, 4, "a", "llama"}, 4));
  EXPECT_EQ(OpenGguf(folder_ / "merged.gguf").tensors().size(), 4U);
  folder_.Write("one-00001-of-00001.gguf", PartText({0, 1, 4, "a", "llama"}, 4));
  EXPECT_EQ(OpenGguf(folder_ / "one-00001-of-00001.gguf").tensors().size(), 4U);
}

}  // namespace
}  // namespace fathom
