// Tests of typed metadata access, tensor look-up, and the messages when they fail.
#include "formats/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::Pointee;

class ModelFileTest : public testing::Test {
 protected:
  ModelFileTest() : path_(folder_.Write("m.gguf", "0123456789")), model_(Make()) {}

  ModelFile Make() const {
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(path_));
    ModelFile::Metadata metadata;
    metadata["signed"] = int64_t{-3};
    metadata["unsigned"] = uint64_t{7};
    metadata["huge"] = std::numeric_limits<uint64_t>::max();
    metadata["number"] = 2.5;
    metadata["flag"] = true;
    metadata["text"] = std::string("llama");
    metadata["texts"] = std::vector<std::string>{"a", "b"};
    metadata["integers"] = std::vector<int64_t>{1, 2};
    metadata["numbers"] = std::vector<double>{0.5};
    metadata["flags"] = std::vector<bool>{true};
    std::vector<NamedTensor> tensors(2);
    tensors[0].name = "norm";
    tensors[0].view = {shards[0].bytes().data(), Format::kF16, 1, {2}};
    tensors[1].name = "weight";
    tensors[1].view = {shards[0].bytes().data() + 4, Format::kF16, 2, {1, 2}};
    return ModelFile(std::move(shards), std::move(metadata), std::move(tensors));
  }

  // The error with the common start, "invalid_file: PATH: ", cut off.
  template <class Call>
  std::string Failure(const Call& call) const {
    const std::string error = ErrorOf(call);
    const std::string start = "invalid_file: " + path_.string() + ": ";
    return error.starts_with(start) ? error.substr(start.size()) : "not as expected: " + error;
  }

  TestFolder folder_;
  std::filesystem::path path_;
  ModelFile model_;
};

TEST_F(ModelFileTest, GivesValuesOfTheRightType) {
  EXPECT_EQ(model_.Integer("signed"), -3);
  EXPECT_EQ(model_.Integer("unsigned"), 7);
  EXPECT_EQ(model_.Number("signed"), -3.0);
  EXPECT_EQ(model_.Number("unsigned"), 7.0);
  EXPECT_EQ(model_.Number("number"), 2.5);
  EXPECT_EQ(model_.Boolean("flag"), true);
  EXPECT_THAT(model_.String("text"), Pointee(std::string("llama")));
  EXPECT_THAT(*model_.Strings("texts"), ElementsAre("a", "b"));
  EXPECT_THAT(*model_.Integers("integers"), ElementsAre(1, 2));
  EXPECT_THAT(*model_.Numbers("numbers"), ElementsAre(0.5));
  EXPECT_EQ(model_.RequireInteger("signed"), -3);
  EXPECT_EQ(model_.RequireNumber("number"), 2.5);
  EXPECT_EQ(model_.RequireString("text"), "llama");
  EXPECT_EQ(model_.path(), path_);
  EXPECT_EQ(model_.bytes(), 10U);
}

TEST_F(ModelFileTest, AbsenceIsNoErrorUnlessRequired) {
  EXPECT_EQ(model_.Find("none"), nullptr);
  EXPECT_EQ(model_.Integer("none"), std::nullopt);
  EXPECT_EQ(model_.Number("none"), std::nullopt);
  EXPECT_EQ(model_.Boolean("none"), std::nullopt);
  EXPECT_EQ(model_.String("none"), nullptr);
  EXPECT_EQ(model_.Strings("none"), nullptr);
  EXPECT_EQ(model_.Integers("none"), nullptr);
  EXPECT_EQ(model_.Numbers("none"), nullptr);
  EXPECT_EQ(Failure([&] { model_.RequireInteger("none"); }),
            "key 'none' is missing, expected an integer");
  EXPECT_EQ(Failure([&] { model_.RequireNumber("none"); }),
            "key 'none' is missing, expected a number");
  EXPECT_EQ(Failure([&] { model_.RequireString("none"); }),
            "key 'none' is missing, expected a string");
}

TEST_F(ModelFileTest, AnotherTypeIsNamed) {
  EXPECT_EQ(Failure([&] { model_.Integer("number"); }),
            "key 'number' is a number, expected an integer");
  EXPECT_EQ(Failure([&] { model_.Integer("flag"); }),
            "key 'flag' is a boolean, expected an integer");
  EXPECT_EQ(Failure([&] { model_.Number("text"); }), "key 'text' is a string, expected a number");
  EXPECT_EQ(Failure([&] { model_.Boolean("unsigned"); }),
            "key 'unsigned' is an integer, expected a boolean");
  EXPECT_EQ(Failure([&] { model_.String("texts"); }),
            "key 'texts' is an array of strings, expected a string");
  EXPECT_EQ(Failure([&] { model_.Strings("integers"); }),
            "key 'integers' is an array of integers, expected an array of strings");
  EXPECT_EQ(Failure([&] { model_.Integers("numbers"); }),
            "key 'numbers' is an array of numbers, expected an array of integers");
  EXPECT_EQ(Failure([&] { model_.Numbers("flags"); }),
            "key 'flags' is an array of booleans, expected an array of numbers");
  EXPECT_EQ(Failure([&] { model_.RequireString("signed"); }),
            "key 'signed' is an integer, expected a string");
  EXPECT_EQ(Failure([&] { model_.Integer("huge"); }),
            "key 'huge' is 18446744073709551615, expected at most 2^63 - 1");
}

TEST_F(ModelFileTest, FindsTensorsByNameAndShape) {
  EXPECT_EQ(model_.FindTensor("weight"), &model_.tensors()[1]);
  EXPECT_EQ(model_.FindTensor("none"), nullptr);
  EXPECT_EQ(&model_.RequireTensor("weight", {1, 2}), &model_.tensors()[1].view);
  EXPECT_EQ(Failure([&] {
              model_.RequireTensor("weight", {2, 1});
            }),
            "tensor 'weight' has shape [1, 2], expected [2, 1]");
  EXPECT_EQ(Failure([&] {
              model_.RequireTensor("norm", {1, 2});
            }),
            "tensor 'norm' has shape [2], expected [1, 2]");
  EXPECT_EQ(Failure([&] { model_.RequireTensor("none", {8}); }),
            "tensor 'none' is missing, expected shape [8]");
}

TEST_F(ModelFileTest, StaysWholeWhenMoved) {
  const ModelFile moved = std::move(model_);
  EXPECT_EQ(moved.FindTensor("norm")->view.data, moved.shards()[0].bytes().data());
  EXPECT_EQ(moved.FindTensor("weight"), &moved.tensors()[1]);
}

TEST_F(ModelFileTest, FailNamesTheFile) {
  EXPECT_EQ(Failure([&] { model_.Fail("what is wrong"); }), "what is wrong");
}

TEST(QuotedName, IsPrintableAndShort) {
  EXPECT_EQ(QuotedName("blk.0.attn_q.weight"), "'blk.0.attn_q.weight'");
  EXPECT_EQ(QuotedName(std::string_view("\0\r\xff", 3)), "'\\x00\\x0d\\xff'");
  EXPECT_EQ(QuotedName(std::string(80, 'a')), "'" + std::string(80, 'a') + "'");
  EXPECT_EQ(QuotedName(std::string(81, 'a')), "'" + std::string(80, 'a') + "...'");
}

}  // namespace
}  // namespace fathom
