// Tests of refusing broken, hostile and foreign GGUF files: one test per kind of damage with its
// whole message, then every truncation and many random mutations of a sound file.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/system_memory.h"
#include "formats/gguf.h"
#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

std::string ParseError(std::string_view text) {
  // A heap block of exactly that size, so that the address sanitizer sees every read beyond it.
  const std::vector<char> copy(text.begin(), text.end());
  return ErrorOf([&] { ParseGguf(AsBytes({copy.data(), copy.size()}), "m.gguf"); });
}
std::string ParseError(const GgufBytes& file) { return ParseError(file.text()); }

// ---- Header ----

TEST(GgufCorrupt, NotGguf) {
  EXPECT_EQ(
      ParseError("PK\x03\x04 and so on"),
      "invalid_file: m.gguf: not a GGUF file: it starts with 'PK\\x03\\x04', expected 'GGUF'");
  EXPECT_EQ(ParseError("GG"),
            "invalid_file: m.gguf: not a GGUF file: it starts with 'GG', expected 'GGUF'");
}

TEST(GgufCorrupt, GitLfsPointerIsRecognised) {
  try {
    ParseGguf(AsBytes("version https://git-lfs.github.com/spec/v1\noid sha256:12\n"), "m.gguf");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "this is a Git LFS pointer; fetch the file itself with git lfs pull");
  }
}

TEST(GgufCorrupt, OtherVersions) {
  EXPECT_EQ(ParseError(GgufBytes(0, 0, 1)),
            "unsupported: m.gguf: GGUF version 1; versions 2 and 3 are read");
  EXPECT_EQ(ParseError(GgufBytes(0, 0, 4)),
            "unsupported: m.gguf: GGUF version 4; versions 2 and 3 are read");
  EXPECT_EQ(ParseError(GgufBytes(0, 0, 0)),
            "unsupported: m.gguf: GGUF version 0; versions 2 and 3 are read");
}

TEST(GgufCorrupt, BigEndian) {
  EXPECT_EQ(ParseError(GgufBytes(0, 0, 0x03000000)),
            "unsupported: m.gguf: a big-endian GGUF file; only little-endian ones are read");
}

TEST(GgufCorrupt, ClaimsMoreTensorsThanFit) {
  EXPECT_EQ(
      ParseError(GgufBytes(uint64_t{1} << 60, 0)),
      "invalid_file: m.gguf: the file header claims 1152921504606846976 tensors of at least 32 "
      "bytes each, but 0 bytes are left");
  EXPECT_EQ(ParseError(GgufBytes(uint64_t{1} << 32, 0).Data(100)),
            "invalid_file: m.gguf: the file header claims 4294967296 tensors of at least 32 bytes "
            "each, but 100 bytes are left");
  EXPECT_EQ(ParseError(GgufBytes(4, 0).Data(127)),
            "invalid_file: m.gguf: the file header claims 4 tensors of at least 32 bytes each, but "
            "127 bytes are left");
}

TEST(GgufCorrupt, ClaimsMoreKeysThanFit) {
  EXPECT_EQ(ParseError(GgufBytes(0, std::numeric_limits<uint64_t>::max())),
            "invalid_file: m.gguf: the file header claims 18446744073709551615 metadata entries of "
            "at least 13 bytes each, but 0 bytes are left");
  EXPECT_EQ(ParseError(GgufBytes(0, 2).Scalar("a", 0, uint8_t{0})),
            "invalid_file: m.gguf: the file header claims 2 metadata entries of at least 13 bytes "
            "each, but 14 bytes are left");
}

// ---- Metadata ----

TEST(GgufCorrupt, KeyTwice) {
  EXPECT_EQ(ParseError(GgufBytes(0, 2).Scalar("a.b", 0, uint8_t{0}).Scalar("a.b", 0, uint8_t{0})),
            "invalid_file: m.gguf: key 'a.b' is there twice");
}

TEST(GgufCorrupt, KeyWithoutName) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Scalar("", 0, uint8_t{0})),
            "invalid_file: m.gguf: metadata entry 1 of 1 has an empty name");
}

TEST(GgufCorrupt, KeyTooLong) {
  EXPECT_EQ(
      ParseError(GgufBytes(0, 1).Scalar(std::string(65536, 'k'), 0, uint8_t{0})),
      "invalid_file: m.gguf: metadata entry 1 of 1 has a name of 65536 bytes, expected at most "
      "65535");
}

TEST(GgufCorrupt, HostileNamesStayOnOneLine) {
  const std::string key = "a\nb\x1b[2J" + std::string(100, 'x');
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Key(key, 13).Put(uint8_t{0})),
            "invalid_file: m.gguf: key 'a\\x0ab\\x1b[2J" + std::string(73, 'x') +
                "...' has the value type 13, expected 0 to 12");
}

TEST(GgufCorrupt, UnknownValueType) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Scalar("a", 4000000000U, uint64_t{0})),
            "invalid_file: m.gguf: key 'a' has the value type 4000000000, expected 0 to 12");
}

TEST(GgufCorrupt, UnknownElementType) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 13, 1).Put(uint64_t{0})),
            "invalid_file: m.gguf: key 'a' has the element type 13, expected 0 to 12");
}

TEST(GgufCorrupt, NestedArray) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 9, 1).Put(uint32_t{4}).Put(uint64_t{0})),
            "unsupported: m.gguf: key 'a' is an array of arrays, which is not read");
}

TEST(GgufCorrupt, BooleanThatIsNeither) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Scalar("a", 7, uint8_t{2})),
            "invalid_file: m.gguf: key 'a' holds the boolean 2, expected 0 or 1");
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 7, 2).Put(uint8_t{1}).Put(uint8_t{255})),
            "invalid_file: m.gguf: key 'a' holds the boolean 255, expected 0 or 1");
}

TEST(GgufCorrupt, ElementBeyondSignedRange) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 10, 1).Put(uint64_t{1} << 63)),
            "invalid_file: m.gguf: key 'a' holds the element 9223372036854775808, expected at most "
            "2^63 - 1");
}

TEST(GgufCorrupt, StringLongerThanTheFile) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Key("a", 8).Put(uint64_t{1} << 60).Data(5)),
            "invalid_file: m.gguf: truncated in the value of key 'a' at byte 45: "
            "1152921504606846976 bytes expected, 5 present");
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Key("a", 8).Put(std::numeric_limits<uint64_t>::max())),
            "invalid_file: m.gguf: truncated in the value of key 'a' at byte 45: "
            "18446744073709551615 bytes expected, 0 present");
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Put(uint64_t{100}).Data(50)),
            "invalid_file: m.gguf: truncated in the name of metadata entry 1 of 1 at byte 32: 100 "
            "bytes expected, 50 present");
}

TEST(GgufCorrupt, ArrayLongerThanTheFile) {
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 8, uint64_t{1} << 60).Data(80)),
            "invalid_file: m.gguf: key 'a' claims 1152921504606846976 strings of at least 8 bytes "
            "each, but 80 bytes are left");
  EXPECT_EQ(
      ParseError(GgufBytes(0, 1).Array("a", 12, 11).Data(80)),
      "invalid_file: m.gguf: key 'a' claims 11 elements of at least 8 bytes each, but 80 bytes "
      "are left");
  EXPECT_EQ(ParseError(GgufBytes(0, 1).Array("a", 7, uint64_t{1} << 63).Data(80)),
            "invalid_file: m.gguf: key 'a' claims 9223372036854775808 elements of at least 1 bytes "
            "each, but 80 bytes are left");
}

TEST(GgufCorrupt, AlignmentThatIsNone) {
  for (const uint32_t alignment : {0U, 1U, 4U, 24U, 33U, 4U << 20}) {
    EXPECT_EQ(ParseError(GgufBytes(0, 1).Scalar("general.alignment", 4, alignment)),
              "invalid_file: m.gguf: key 'general.alignment' is " + std::to_string(alignment) +
                  ", expected a power of two from 8 to 2097152");
  }
  EXPECT_EQ(
      ParseError(GgufBytes(0, 1).Key("general.alignment", 8).String("32")),
      "invalid_file: m.gguf: key 'general.alignment' has the type string, expected an unsigned "
      "integer");
}

TEST(GgufCorrupt, HeaderBeyondItsLimit) {
  // A sparse file: a string that does lie in the file, but leaves the part that a header may take.
  const TestFolder folder;
  const GgufBytes file = GgufBytes(0, 1).Key("a", 8).Put(uint64_t{150} << 20);
  const std::filesystem::path path = folder.Write("m.gguf", file.text());
  std::filesystem::resize_file(path, uint64_t{200} << 20);
  EXPECT_EQ(ErrorOf([&] { OpenGguf(path); }),
            "invalid_file: " + path.string() +
                ": truncated in the value of key 'a' at byte 45: 157286400 bytes expected, "
                "134217683 present of the 134217728 that a header may have");
}

// ---- Tensors ----

// A file with that one tensor and 64 bytes of data.
GgufBytes OneTensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                    uint64_t offset) {
  return GgufBytes(1, 0).Tensor(name, dimensions, type, offset).Pad().Data(64);
}

TEST(GgufCorrupt, TensorTwice) {
  const TestFolder folder;
  GgufBytes file(2, 0);
  file.Tensor("a.weight", {4}, 0, 0).Tensor("a.weight", {4}, 0, 32).Pad().Data(64);
  const std::filesystem::path path = folder.Write("m.gguf", file.text());
  EXPECT_EQ(ErrorOf([&] { OpenGguf(path); }),
            "invalid_file: " + path.string() + ": tensor 'a.weight' is there twice");
}

TEST(GgufCorrupt, TensorWithoutName) {
  EXPECT_EQ(ParseError(OneTensor("", {4}, 0, 0)),
            "invalid_file: m.gguf: tensor 1 of 1 has an empty name");
}

TEST(GgufCorrupt, TensorRank) {
  EXPECT_EQ(ParseError(OneTensor("a", {}, 0, 0).Data(64)),
            "invalid_file: m.gguf: tensor 'a' has 0 dimensions, expected 1 to 4");
  EXPECT_EQ(ParseError(OneTensor("a", {1, 1, 1, 1, 1}, 0, 0)),
            "invalid_file: m.gguf: tensor 'a' has 5 dimensions, expected 1 to 4");
}

TEST(GgufCorrupt, TensorDimensionOfZero) {
  EXPECT_EQ(ParseError(OneTensor("a", {4, 0}, 0, 0)),
            "invalid_file: m.gguf: tensor 'a' has a dimension of 0");
}

TEST(GgufCorrupt, TensorWhoseSizeOverflows) {
  const uint64_t half = uint64_t{1} << 32;
  EXPECT_EQ(ParseError(OneTensor("a", {half, half}, 0, 0)),
            "invalid_file: m.gguf: tensor 'a' has more than 2^61 values");
  EXPECT_EQ(ParseError(OneTensor("a", {std::numeric_limits<uint64_t>::max()}, 8, 0)),
            "invalid_file: m.gguf: tensor 'a' has more than 2^61 values");
  EXPECT_EQ(ParseError(OneTensor("a", {65536, 65536, 65536, 65536}, 8, 0)),
            "invalid_file: m.gguf: tensor 'a' has more than 2^61 values");
}

TEST(GgufCorrupt, TensorFormatThatIsNotRead) {
  EXPECT_EQ(ParseError(OneTensor("blk.0.ffn_up.weight", {256}, 40, 0)),
            "unsupported: m.gguf: tensor 'blk.0.ffn_up.weight' has the format NVFP4 (type 40), "
            "which is not read");
  EXPECT_EQ(ParseError(OneTensor("a", {256}, 4, 0)),
            "unsupported: m.gguf: tensor 'a' has the format Q4_2 (type 4), which is not read");
  EXPECT_EQ(
      ParseError(OneTensor("a", {256}, 1000, 0)),
      "unsupported: m.gguf: tensor 'a' has the format unknown (type 1000), which is not read");
}

TEST(GgufCorrupt, TensorRowsThatAreNotWholeBlocks) {
  EXPECT_EQ(ParseError(OneTensor("a", {48, 2}, 2, 0)),
            "invalid_file: m.gguf: tensor 'a' has rows of 48 values, expected a multiple of 32 for "
            "Q4_0");
  EXPECT_EQ(
      ParseError(OneTensor("a", {128, 2}, 12, 0)),
      "invalid_file: m.gguf: tensor 'a' has rows of 128 values, expected a multiple of 256 for "
      "Q4_K");
}

TEST(GgufCorrupt, TensorOffsetThatIsNotAligned) {
  EXPECT_EQ(ParseError(OneTensor("a", {4}, 0, 16)),
            "invalid_file: m.gguf: tensor 'a' has the offset 16, expected a multiple of 32");
}

TEST(GgufCorrupt, TensorBeyondTheFile) {
  EXPECT_EQ(
      ParseError(OneTensor("a", {17}, 0, 0)),
      "invalid_file: m.gguf: truncated: tensor 'a' (F32 [17]) has 68 bytes at offset 0 of the "
      "data, which starts at byte 64, but the file has 128 bytes");
  EXPECT_EQ(ParseError(OneTensor("a", {1}, 0, 64)),
            "invalid_file: m.gguf: truncated: tensor 'a' (F32 [1]) has 4 bytes at offset 64 of the "
            "data, which starts at byte 64, but the file has 128 bytes");
  EXPECT_EQ(
      ParseError(OneTensor("a", {1}, 0, ~uint64_t{31})),
      "invalid_file: m.gguf: truncated: tensor 'a' (F32 [1]) has 4 bytes at offset "
      "18446744073709551584 of the data, which starts at byte 64, but the file has 128 bytes");
  EXPECT_EQ(ParseError(OneTensor("a", {uint64_t{1} << 60}, 0, 32)),
            "invalid_file: m.gguf: truncated: tensor 'a' (F32 [1152921504606846976]) has "
            "4611686018427387904 bytes at offset 32 of the data, which starts at byte 64, but the "
            "file has 128 bytes");
}

TEST(GgufCorrupt, TensorsThatOverlap) {
  GgufBytes file(2, 0);
  file.Tensor("a", {12}, 0, 0).Tensor("b", {4}, 0, 32).Pad().Data(64);
  EXPECT_EQ(ParseError(file), "invalid_file: m.gguf: tensors 'a' and 'b' share bytes of the file");
}

TEST(GgufCorrupt, NoFile) {
  const TestFolder folder;
  const std::string path = (folder / "m.gguf").string();
  EXPECT_EQ(ErrorOf([&] { OpenGguf(path); }),
            "not_found: cannot open " + path + ": No such file or directory");
  EXPECT_EQ(ErrorOf([&] { OpenGguf(folder.path()); }),
            "invalid_file: " + folder.path().string() + " is not a regular file");
  folder.Write("m.gguf", "");
  EXPECT_EQ(ErrorOf([&] { OpenGguf(path); }), "invalid_file: " + path + " is empty");
}

// ---- Any damage ----

// A small sound file with every kind of value, which ends with its last tensor's last byte.
std::string SoundFile() {
  GgufBytes file(3, 9);
  file.Key("general.architecture", 8).String("llama");
  file.Scalar("general.alignment", 4, uint32_t{32});
  file.Scalar("llama.block_count", 4, uint32_t{1}).Scalar("llama.rope.freq_base", 6, 1e4F);
  file.Scalar("tokenizer.ggml.add_bos_token", 7, uint8_t{0});
  file.Array("tokenizer.ggml.tokens", 8, 3).String("a").String("bc").String("");
  file.Array("tokenizer.ggml.scores", 6, 3).Put(0.0F).Put(-1.0F).Put(2.0F);
  file.Array("flags", 7, 3).Put(uint8_t{1}).Put(uint8_t{0}).Put(uint8_t{1});
  file.Scalar("seed", 10, uint64_t{12345678901234});
  file.Tensor("norm", {5}, 0, 0).Tensor("weight", {64, 2}, 3, 32).Tensor("bias", {3}, 1, 128);
  file.Pad().Data(20).Pad().Data(80).Pad().Data(6);
  return file.text();
}

TEST(GgufCorrupt, EveryTruncationIsRefused) {
  const std::string sound = SoundFile();
  EXPECT_EQ(ParseError(sound), "no error");
  const TestFolder folder;
  const std::filesystem::path path = folder.Write("m.gguf", sound);
  for (std::size_t size = sound.size(); size-- > 0;) {
    const std::string error = ParseError(std::string_view(sound).substr(0, size));
    ASSERT_NE(error, "no error") << size << " bytes";
    ASSERT_TRUE(error.starts_with("invalid_file: m.gguf: ")) << error;
    std::filesystem::resize_file(path, size);
    ASSERT_TRUE(ErrorOf([&] { OpenGguf(path); }).starts_with("invalid_file: ")) << size << " bytes";
  }
}

// Whatever was accepted must be readable to its last byte.
void ReadEverything(const GgufIndex& index) {
  unsigned sum = 0;
  for (const NamedTensor& tensor : index.tensors) {
    for (int64_t i = 0; i < tensor.view.bytes(); ++i) {
      sum += std::to_integer<unsigned>(tensor.view.data[i]);
    }
  }
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

TEST(GgufCorrupt, RandomMutationsAreRefusedOrRead) {
  const std::string sound = SoundFile();
  constexpr uint64_t kSeed = 20240607;
  int accepted = 0;
  constexpr uint32_t kRounds = 30000;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const auto random = Philox4x32(kSeed, {round, 0, 0, 0});
    std::vector<char> text(sound.begin(), sound.end());
    text[random[0] % text.size()] = static_cast<char>(random[1]);
    // Every second round damages the counts, lengths and types near the front once more.
    if (round % 2 == 1) text[random[2] % 512] ^= static_cast<char>(1U << random[3] % 8);
    try {
      const auto bytes = AsBytes({text.data(), text.size()});
      ReadEverything(ParseGguf(bytes, "m.gguf"));
      ++accepted;
    } catch (const Error& error) {
      ASSERT_TRUE(error.message().starts_with("m.gguf: ")) << error.what();
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, static_cast<int>(kRounds));
}

TEST(GgufCorrupt, MemoryStaysWithinASmallMultipleOfTheHeader) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "this sanitizer has memory of its own for all that is touched";
#endif
  // The widest spreads: an empty string takes 8 bytes in the file, a small integer 1.
  constexpr uint64_t kStrings = 1 << 20;
  constexpr uint64_t kIntegers = 8 << 20;
  GgufBytes file(0, 2);
  file.Array("strings", 8, kStrings);
  for (uint64_t i = 0; i < kStrings; ++i) file.Put(uint64_t{0});
  file.Array("integers", 0, kIntegers).Data(kIntegers);
  const int64_t before = ResidentMemoryBytes();
  const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
  const int64_t used = ResidentMemoryBytes() - before;
  EXPECT_EQ(index.metadata.size(), 2U);
  EXPECT_LT(used, 9 * static_cast<int64_t>(file.size()));
}

}  // namespace
}  // namespace fathom
