// config.json to metadata, and the index of shards.
#include "formats/hf_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

ModelFile::Metadata Flat(std::string_view text, const std::string& prefix = "") {
  ModelFile::Metadata metadata;
  FlattenJson(text, "config.json", prefix, metadata);
  return metadata;
}

std::string FlatError(std::string_view text) {
  return ErrorOf([&] { Flat(text); });
}

std::string IndexError(std::string_view text) {
  return ErrorOf([&] { ParseShardIndex(text, "i.json"); });
}

TEST(FlattenJson, KeysAreDottedAndKindsKept) {
  const ModelFile::Metadata metadata =
      Flat(R"({"n":3,"minus":-3,"big":18446744073709551615,"x":1.5,"e":1e-05,"b":true,"s":"text",)"
           R"("none":null,"o":{"p":{"q":"deep"},"r":2},"empty":{},"list":[],"after":false,)"
           R"("ints":[128,128],"numbers":[1,0.5],"strings":["a","b"],"flags":[true,false]})");
  EXPECT_THAT(
      metadata,
      ElementsAre(Pair("after", MetadataValue(false)), Pair("b", MetadataValue(true)),
                  Pair("big", MetadataValue(uint64_t{18446744073709551615U})),
                  Pair("e", MetadataValue(1e-05)),
                  Pair("flags", MetadataValue(std::vector<bool>{true, false})),
                  Pair("ints", MetadataValue(std::vector<int64_t>{128, 128})),
                  Pair("minus", MetadataValue(int64_t{-3})), Pair("n", MetadataValue(int64_t{3})),
                  Pair("numbers", MetadataValue(std::vector<double>{1, 0.5})),
                  Pair("o.p.q", MetadataValue(std::string("deep"))),
                  Pair("o.r", MetadataValue(int64_t{2})),
                  Pair("s", MetadataValue(std::string("text"))),
                  Pair("strings", MetadataValue(std::vector<std::string>{"a", "b"})),
                  Pair("x", MetadataValue(1.5))));
}

TEST(FlattenJson, APrefixSeparatesFiles) {
  EXPECT_THAT(Flat(R"({"a":1,"b":{"c":2}})", "generation_config."),
              ElementsAre(Pair("generation_config.a", MetadataValue(int64_t{1})),
                          Pair("generation_config.b.c", MetadataValue(int64_t{2}))));
}

TEST(FlattenJson, BrokenFilesAreRefusedByName) {
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "not valid JSON"},
      {"[]", "the file is not a JSON object"},
      {"1", "the file is not a JSON object"},
      {R"({"a":NaN})", "not valid JSON at byte"},
      {R"({"a":Infinity})", "not valid JSON at byte"},
      {R"({"a":-Infinity})", "not valid JSON at byte"},
      {R"({"a":1e999})", "a number that is too large"},
      {R"({"a":1}})", "not valid JSON"},
      {R"({"a":1,"a":2})", "key 'a' is there twice"},
      {R"({"a":null,"a":2})", "key 'a' is there twice"},
      {R"({"o":{"a":1,"a":1}})", "key 'o.a' is there twice"},
      {R"({"o":{"a":1},"o.a":1})", "key 'o.a' is there twice"},
      {"{\"a\":\"\xff\"}", "not valid JSON"},
      {"{\"" + std::string(300, 'k') + "\":1}", "has 300 bytes"},
      {std::string(100, '[') + std::string(100, ']'), "nests deeper than 32"},
      {[] {
         std::string text;
         for (int i = 0; i < 40; ++i) text += "{\"a\":";
         return text;
       }(),
       "nests deeper than 32"},
      {std::string(kMaxConfigBytes + 1, ' '), "more than a configuration has"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(FlatError(test.text),
                AllOf(HasSubstr("invalid_file: config.json: "), HasSubstr(test.message)))
        << test.text.substr(0, 100);
  }
}

TEST(FlattenJson, ArraysOfSeveralKindsAreUnsupportedByName) {
  for (const char* text :
       {R"({"o":{"a":[1,"x"]}})", R"({"o":{"a":[1,null]}})", R"({"o":{"a":[true,1]}})"}) {
    EXPECT_EQ(FlatError(text),
              "unsupported: config.json: key 'o.a' is an array of values of several kinds, which "
              "is not read");
  }
  EXPECT_THAT(FlatError(R"({"a":[[1]]})"), HasSubstr("key 'a' is an array of arrays"));
  EXPECT_THAT(FlatError(R"({"a":[{"b":1}]})"), HasSubstr("key 'a' is an array of objects"));
}

TEST(ShardIndex, FilesAreNumberedByName) {
  const ShardIndex index = ParseShardIndex(
      R"({"metadata":{"total_size":1,"more":[{"weight_map":{"x":1}}]},)"
      R"("weight_map":{"a":"2.safetensors","b":"1.safetensors","c":"2.safetensors"}})",
      "i.json");
  EXPECT_THAT(index.files, ElementsAre("1.safetensors", "2.safetensors"));
  EXPECT_THAT(index.shard_of, UnorderedElementsAre(Pair("a", 1), Pair("b", 0), Pair("c", 1)));
}

TEST(ShardIndex, NamesOutsideTheDirectoryAreRefused) {
  for (const std::string file : {"../m.safetensors", "/m.safetensors", "sub/m.safetensors",
                                 "..\\\\m.safetensors", "C:\\\\m.safetensors", "..", ".safetensors",
                                 "", "m.bin", "m\\u0000.safetensors", "m.safetensors/"}) {
    EXPECT_THAT(IndexError(R"({"weight_map":{"a":")" + file + "\"}}"),
                AllOf(HasSubstr("invalid_file: i.json: tensor 'a' is in '"),
                      HasSubstr("expected the name of a .safetensors file beside the index")))
        << file;
  }
}

TEST(ShardIndex, BrokenIndexesAreRefusedByName) {
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "not valid JSON"},
      {"[1]", "the file is not a JSON object"},
      {"\"x\"", "the file is not a JSON object"},
      {"{}", "key 'weight_map' is missing"},
      {R"({"metadata":{"weight_map":{"a":"b"}}})", "key 'weight_map' is missing"},
      {R"({"weight_map":1})", "key 'weight_map' is no object"},
      {R"({"weight_map":[{"a":"b"}]})", "key 'weight_map' is no object"},
      {R"({"weight_map":{},"weight_map":{}})", "key 'weight_map' is there twice"},
      {R"({"weight_map":{"a":1}})", "tensor 'a' is no string"},
      {R"({"weight_map":{"a":{}}})", "tensor 'a' is an object"},
      {R"({"weight_map":{"a":["m.safetensors"]}})", "tensor 'a' is an array"},
      {R"({"weight_map":{"a":"m.safetensors","a":"m.safetensors"}})", "tensor 'a' is there twice"},
      {"{\"metadata\":" + std::string(100, '['), "nests deeper than 32"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(IndexError(test.text),
                AllOf(HasSubstr("invalid_file: i.json: "), HasSubstr(test.message)))
        << test.text;
  }
}

}  // namespace
}  // namespace fathom
