// The safetensors reader: what the package `safetensors` writes is read, and anything that lies
// about the file is refused by name.
#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "formats/gguf_test_support.h"
#include "formats/safetensors_test_support.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

std::string ParseError(std::string_view bytes) {
  return ErrorOf([&] { ParseSafetensors(AsBytes(bytes), "m.safetensors"); });
}

// An error in a header before no data.
std::string HeaderError(std::string_view header, std::string_view data = {}) {
  return ParseError(SafetensorsBytes(header, data));
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  // Space after the header is padding; the order of the header is not that of the data.
  const std::string bytes = SafetensorsBytes(
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"BF16","shape":[1,3],"data_offsets":[8,14]},)"
      R"("a":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"},)"
      R"("d":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[16,18]},)"
      R"("c":{"dtype":"F16","shape":[1,1,1,1],"data_offsets":[14,16]}}   )",
      std::string("\0\0\x80\x3f\0\0\0\x40", 8) + std::string("\x80\x3f\0\x40\x40\x40", 6) +
          std::string("\0\x3c\x38\xc0", 4));
  const std::vector<NamedTensor> tensors = ParseSafetensors(AsBytes(bytes), "m.safetensors");
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[1].name, "b");
  EXPECT_EQ(tensors[2].name, "c");
  EXPECT_EQ(tensors[0].view.format, Format::kF32);
  EXPECT_EQ(ShapeText(tensors[1].view), "[1, 3]");
  EXPECT_EQ(tensors[2].view.rank, 4);
  float values[3];
  RowOf(Format::kF32).decode(tensors[0].view.data, values, 2);
  EXPECT_EQ(values[1], 2.0f);
  RowOf(Format::kBF16).decode(tensors[1].view.data, values, 3);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[2], 3.0f);
  RowOf(Format::kF16).decode(tensors[2].view.data, values, 1);
  EXPECT_EQ(values[0], 1.0f);
  RowOf(Format::kF8_E4M3).decode(tensors[3].view.data, values, 2);
  EXPECT_EQ(values[0], 1.0f);   // 0.0111.000
  EXPECT_EQ(values[1], -2.0f);  // 1.1000.000
  EXPECT_EQ(tensors[1].file_offset,
            static_cast<uint64_t>(tensors[1].view.data - AsBytes(bytes).data()));
}

TEST(Safetensors, AFileWithoutTensorsIsRead) {
  EXPECT_TRUE(ParseSafetensors(AsBytes(SafetensorsBytes("{}")), "m").empty());
}

TEST(Safetensors, EveryCutIsRefused) {
  const std::string whole = OneTensorFile("a", 3);
  ASSERT_EQ(ParseSafetensors(AsBytes(whole), "m").size(), 1u);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(
        ParseError(std::string_view(whole).substr(0, size)),
        ::testing::AllOf(HasSubstr("invalid_file: m.safetensors: "), HasSubstr("truncated")))
        << size;
  }
}

TEST(Safetensors, HeadersThatLieAboutTheirLengthAreRefused) {
  std::string bytes = OneTensorFile("a");
  const auto with_length = [&](uint64_t length) {
    std::memcpy(bytes.data(), &length, sizeof length);
    return ParseError(bytes);
  };
  EXPECT_THAT(with_length(~uint64_t{0}), HasSubstr("18446744073709551615 bytes, expected at most"));
  EXPECT_THAT(with_length(100'000'001), HasSubstr("expected at most 100000000"));
  EXPECT_THAT(with_length(1000), HasSubstr("truncated in the header: 1000 bytes expected"));
  EXPECT_THAT(with_length(0), HasSubstr("its header starts with ''"));
  EXPECT_THAT(with_length(20), HasSubstr("not valid JSON at byte"));
}

TEST(Safetensors, OtherFilesAreRefused) {
  EXPECT_THAT(ParseError("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(ParseError("GGUF and so on"), HasSubstr("not a safetensors file"));
}

TEST(Safetensors, BrokenHeadersAreRefusedByName) {
  const struct {
    const char* header;
    std::size_t data;
    const char* message;
  } kCases[] = {
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4, "not valid JSON"},
      {R"({"a":1})", 0, "tensor 'a' is no object"},
      {R"({"a":[]})", 0, "tensor 'a' is an array, expected an object"},
      {R"({"":{}})", 0, "a tensor has an empty name"},
      {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "tensor 'a' has no 'dtype'"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "tensor 'a' has no 'shape'"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "no two numbers as 'data_offsets'"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}})", 4, "no two numbers"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "more than two numbers"},
      {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "'shape' of a wrong kind"},
      {R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", 4, "'dtype' of a wrong kind"},
      {R"({"a":{"dtype":["F32"],"shape":[1]}})", 4, "has an array in 'dtype'"},
      {R"({"a":{"dtype":{},"shape":[1]}})", 4, "has an object in 'dtype'"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "nests deeper"},
      {R"({"a":{"dtype":"F32","dtype":"F32"}})", 4, "has 'dtype' twice"},
      {R"({"a":{"shape":[1],"shape":[1]}})", 4, "has 'shape' twice"},
      {R"({"a":{"dtype":"F32","strides":[1]}})", 4, "has the field 'strides'"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "not from 0 to 2^63"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "not from 0 to 2^63"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4,
       "not from 0 to 2^63"},
      {R"({"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}})", 4, "too large"},
      {R"({"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}})", 4, "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4,
       "more than 2^61 values"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
       "(F32 [2]) has 8 bytes, but 'data_offsets' are 0 to 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "'data_offsets' are 4 to 0"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 4,
       "truncated: tensor 'a' (F32 [1]) has 4 bytes at offset 4 of the data, of which the file "
       "has 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
       "no tensor has the bytes 0 to 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 9,
       "no tensor has the last 5 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "tensor 'b' shares bytes of the file"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "tensor 'a' is there twice"},
      {R"({"__metadata__":{"a":1}})", 0, "a value of 'a' that is no string"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "has the key 'a' twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "is there twice"},
      {R"({"__metadata__":{"shape":[]}})", 0, "has an array in 'shape'"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(
        HeaderError(test.header, std::string(test.data, '\0')),
        ::testing::AllOf(HasSubstr("invalid_file: m.safetensors: "), HasSubstr(test.message)))
        << test.header;
  }
}

TEST(Safetensors, WhatIsNotReadIsUnsupportedByName) {
  for (const std::string type : {"I64", "U8", "BOOL", "F64", "F8_E5M2", "f32"}) {
    EXPECT_EQ(
        HeaderError(R"({"a":{"dtype":")" + type + R"(","shape":[1],"data_offsets":[0,4]}})"),
        "unsupported: m.safetensors: tensor 'a' has the type '" + type + "', which is not read");
  }
  EXPECT_THAT(HeaderError(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", "\0\0\0\0"),
              HasSubstr("unsupported: m.safetensors: tensor 'a' has no dimensions"));
  EXPECT_THAT(HeaderError(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})"),
              HasSubstr("unsupported: m.safetensors: tensor 'a' has a dimension of 0"));
  EXPECT_THAT(HeaderError(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1],"data_offsets":[0,4]}})"),
              HasSubstr("unsupported: m.safetensors: tensor 'a' has more than 4 dimensions"));
}

TEST(Safetensors, DeepNestingIsRefused) {
  EXPECT_THAT(HeaderError("{\"a\":" + std::string(1 << 20, '[')), HasSubstr("nests deeper than 3"));
  EXPECT_THAT(HeaderError(std::string(1 << 20, '{')), HasSubstr("nests deeper than 3"));
}

}  // namespace
}  // namespace fathom
