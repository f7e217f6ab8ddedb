// Tests of reading sound GGUF files: every type of metadata, both versions, alignments, shapes, and
// files made by another program.
#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

using testing::ElementsAre;

template <class T>
const T& ValueOf(const GgufIndex& index, std::string_view key) {
  return std::get<T>(index.metadata.find(key)->second);
}

TEST(Gguf, ReadsScalarsOfEveryTypeWidened) {
  GgufBytes file(0, 12);
  file.Scalar("u8", 0, uint8_t{200}).Scalar("i8", 1, int8_t{-100});
  file.Scalar("u16", 2, uint16_t{60000}).Scalar("i16", 3, int16_t{-30000});
  file.Scalar("u32", 4, uint32_t{4000000000}).Scalar("i32", 5, int32_t{-2000000000});
  file.Scalar("f32", 6, 1.5F).Scalar("bool", 7, uint8_t{1});
  file.Key("string", 8).String(std::string_view("a\0b\n", 4));
  file.Scalar("u64", 10, std::numeric_limits<uint64_t>::max());
  file.Scalar("i64", 11, std::numeric_limits<int64_t>::min()).Scalar("f64", 12, -0.1);
  const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
  EXPECT_EQ(index.metadata.size(), 12U);
  EXPECT_EQ(ValueOf<uint64_t>(index, "u8"), 200U);
  EXPECT_EQ(ValueOf<int64_t>(index, "i8"), -100);
  EXPECT_EQ(ValueOf<uint64_t>(index, "u16"), 60000U);
  EXPECT_EQ(ValueOf<int64_t>(index, "i16"), -30000);
  EXPECT_EQ(ValueOf<uint64_t>(index, "u32"), 4000000000U);
  EXPECT_EQ(ValueOf<int64_t>(index, "i32"), -2000000000);
  EXPECT_EQ(ValueOf<double>(index, "f32"), 1.5);
  EXPECT_EQ(ValueOf<bool>(index, "bool"), true);
  EXPECT_EQ(ValueOf<std::string>(index, "string"), std::string("a\0b\n", 4));
  EXPECT_EQ(ValueOf<uint64_t>(index, "u64"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(ValueOf<int64_t>(index, "i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ValueOf<double>(index, "f64"), -0.1);
}

TEST(Gguf, ReadsArraysOfEveryTypeWidened) {
  GgufBytes file(0, 13);
  file.Array("u8", 0, 2).Put(uint8_t{0}).Put(uint8_t{255});
  file.Array("i8", 1, 2).Put(int8_t{-128}).Put(int8_t{127});
  file.Array("u16", 2, 1).Put(uint16_t{65535});
  file.Array("i16", 3, 1).Put(int16_t{-32768});
  file.Array("u32", 4, 1).Put(uint32_t{4294967295});
  file.Array("i32", 5, 1).Put(int32_t{-2147483647});
  file.Array("f32", 6, 2).Put(0.5F).Put(-2.0F);
  file.Array("bool", 7, 3).Put(uint8_t{1}).Put(uint8_t{0}).Put(uint8_t{1});
  file.Array("string", 8, 3).String("one").String("").String("three");
  file.Array("u64", 10, 1).Put(uint64_t{1} << 62);
  file.Array("i64", 11, 1).Put(int64_t{-5});
  file.Array("f64", 12, 1).Put(1e300);
  file.Array("empty", 8, 0);
  const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "u8"), ElementsAre(0, 255));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "i8"), ElementsAre(-128, 127));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "u16"), ElementsAre(65535));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "i16"), ElementsAre(-32768));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "u32"), ElementsAre(4294967295));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "i32"), ElementsAre(-2147483647));
  EXPECT_THAT(ValueOf<std::vector<double>>(index, "f32"), ElementsAre(0.5, -2.0));
  EXPECT_THAT(ValueOf<std::vector<bool>>(index, "bool"), ElementsAre(true, false, true));
  EXPECT_THAT(ValueOf<std::vector<std::string>>(index, "string"), ElementsAre("one", "", "three"));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "u64"), ElementsAre(int64_t{1} << 62));
  EXPECT_THAT(ValueOf<std::vector<int64_t>>(index, "i64"), ElementsAre(-5));
  EXPECT_THAT(ValueOf<std::vector<double>>(index, "f64"), ElementsAre(1e300));
  EXPECT_TRUE(ValueOf<std::vector<std::string>>(index, "empty").empty());
}

TEST(Gguf, ReadsTensorsOfBothVersions) {
  for (const uint32_t version : {2U, 3U}) {
    GgufBytes file(3, 0, version);
    file.Tensor("plain", {3, 2}, 0, 0)
        .Tensor("blocks", {64}, 2, 32)
        .Tensor("cube", {1, 2, 1, 2}, 1, 96);
    file.Pad();
    const std::size_t data = file.size();
    file.Data(24).Pad().Data(36, 100).Pad().Data(8, 7);
    const TestFolder folder;
    const ModelFile model = OpenGguf(folder.Write("m.gguf", file.text()));
    ASSERT_EQ(model.tensors().size(), 3U);
    EXPECT_EQ(model.bytes(), file.size());

    const NamedTensor& plain = model.tensors()[0];
    EXPECT_EQ(plain.name, "plain");
    EXPECT_EQ(ShapeText(plain.view), "[2, 3]");
    EXPECT_EQ(plain.view.format, Format::kF32);
    EXPECT_EQ(plain.file_offset, data);
    EXPECT_EQ(plain.shard, 0);
    EXPECT_EQ(plain.view.data, model.shards()[0].bytes().data() + data);

    const NamedTensor& blocks = model.tensors()[1];
    EXPECT_EQ(ShapeText(blocks.view), "[64]");
    EXPECT_EQ(blocks.view.format, Format::kQ4_0);
    EXPECT_EQ(blocks.view.bytes(), 36);
    EXPECT_EQ(blocks.view.data[0], std::byte{100});
    EXPECT_EQ(blocks.view.data[35], std::byte{135});

    const NamedTensor& cube = model.tensors()[2];
    EXPECT_EQ(ShapeText(cube.view), "[2, 1, 2, 1]");
    EXPECT_EQ(cube.file_offset, data + 96);
    EXPECT_EQ(cube.view.data[7], std::byte{14});
  }
}

TEST(Gguf, HonoursTheAlignmentKey) {
  for (const uint32_t alignment : {8U, 64U, 4096U}) {
    GgufBytes file(2, 1);
    file.Scalar("general.alignment", 4, alignment);
    file.Tensor("a", {1}, 0, 0).Tensor("b", {1}, 0, alignment).Pad(alignment);
    const std::size_t data = file.size();
    file.Data(4).Pad(alignment).Data(4);
    const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
    EXPECT_EQ(index.tensors[0].file_offset, data);
    EXPECT_EQ(index.tensors[1].file_offset, data + alignment);
  }
}

TEST(Gguf, TensorsMayLieInAnyOrderWithGaps) {
  GgufBytes file(2, 0);
  file.Tensor("second", {4}, 0, 64)
      .Tensor("first", {4}, 0, 0)
      .Pad()
      .Data(16)
      .Pad()
      .Pad(64)
      .Data(80);
  const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
  EXPECT_EQ(index.tensors[0].file_offset, index.tensors[1].file_offset + 64);
}

TEST(Gguf, AFileWithoutTensorsNeedsNoData) {
  const GgufBytes file(0, 0);
  const GgufIndex index = ParseGguf(AsBytes(file.text()), "m.gguf");
  EXPECT_TRUE(index.tensors.empty());
  EXPECT_TRUE(index.metadata.empty());
}

// ---- Files that the PyPI package `gguf` wrote (tools/goldens/formats_gguf.py) ----

ModelFile OpenForeign(const std::string& name) {
  return OpenGguf(FATHOM_SOURCE_DIR "/tests/data/fuzz/gguf/" + name);
}

TEST(GgufForeign, MetadataOfEveryType) {
  const ModelFile model = OpenForeign("metadata.gguf");
  EXPECT_EQ(model.RequireString("general.architecture"), "llama");
  EXPECT_EQ(model.Integer("test.u8"), 200);
  EXPECT_EQ(model.Integer("test.i8"), -100);
  EXPECT_EQ(model.Integer("test.u16"), 60000);
  EXPECT_EQ(model.Integer("test.i16"), -30000);
  EXPECT_EQ(model.Integer("test.u32"), 4000000000);
  EXPECT_EQ(model.Integer("test.i32"), -2000000000);
  EXPECT_EQ(std::get<uint64_t>(*model.Find("test.u64")), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(model.Integer("test.i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(model.Number("test.f32"), 1.5);
  EXPECT_EQ(model.Number("test.f64"), -0.1);
  EXPECT_EQ(model.Boolean("test.bool"), true);
  EXPECT_EQ(model.RequireString("test.string"), "a\xc3\xa9\xe6\x97\xa5");
  EXPECT_THAT(*model.Integers("test.u8s"), ElementsAre(0, 255));
  EXPECT_THAT(*model.Integers("test.i8s"), ElementsAre(-128, 127));
  EXPECT_THAT(*model.Integers("test.u16s"), ElementsAre(65535));
  EXPECT_THAT(*model.Integers("test.i16s"), ElementsAre(-32768));
  EXPECT_THAT(*model.Integers("test.u32s"), ElementsAre(4294967295));
  EXPECT_THAT(*model.Integers("test.i32s"), ElementsAre(-5, 6));
  EXPECT_THAT(*model.Integers("test.u64s"), ElementsAre(int64_t{1} << 62));
  EXPECT_THAT(*model.Integers("test.i64s"), ElementsAre(-7));
  EXPECT_THAT(*model.Numbers("test.f32s"), ElementsAre(0.5, -2.0));
  EXPECT_THAT(*model.Numbers("test.f64s"), ElementsAre(1e300));
  EXPECT_THAT(*model.Strings("test.strings"), ElementsAre("one", "", "three"));
  EXPECT_THAT(std::get<std::vector<bool>>(*model.Find("test.bools")),
              ElementsAre(true, false, true));
}

TEST(GgufForeign, TensorsOfEveryFormat) {
  for (const char* name : {"tensors.gguf", "version2.gguf"}) {
    const ModelFile model = OpenForeign(name);
    ASSERT_EQ(model.tensors().size(), static_cast<std::size_t>(kFormatCount - 1));
    for (int i = 0; i < kFormatCount; ++i) {
      const FormatRow& row = RowOf(static_cast<Format>(i));
      if (!row.gguf_type) continue;
      const TensorView& view = model.RequireTensor(row.name, {2, row.block_elements});
      EXPECT_EQ(view.format, row.format);
      ASSERT_EQ(view.bytes(), 2 * row.block_bytes);
      for (int64_t j = 0; j < view.bytes(); ++j) {
        ASSERT_EQ(view.data[j], static_cast<std::byte>(i + j)) << row.name << " byte " << j;
      }
    }
  }
}

TEST(GgufForeign, AlignmentAndRanks) {
  const ModelFile model = OpenForeign("alignment.gguf");
  EXPECT_EQ(model.Integer("general.alignment"), 64);
  const TensorView& b = model.RequireTensor("b", {2, 3, 4});
  std::vector<float> values(24);
  RowOf(b.format).decode(b.data, values.data(), 24);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(model.FindTensor("b")->file_offset % 64, 0U);
}

TEST(GgufForeign, SplitFile) {
  const ModelFile model = OpenForeign("split-00002-of-00002.gguf");
  ASSERT_EQ(model.tensors().size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const TensorView& view = model.RequireTensor("blk." + std::to_string(i) + ".weight", {2, 2});
    float values[4];
    RowOf(view.format).decode(view.data, values, 4);
    EXPECT_THAT(values, testing::Each(static_cast<float>(i)));
  }
}

}  // namespace
}  // namespace fathom
