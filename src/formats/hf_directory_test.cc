// Model directories: index, shards and configuration together, and every way in which they may
// disagree.
#include "formats/hf_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "formats/gguf_test_support.h"
#include "formats/safetensors_test_support.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Two shards: a and b in the first, c in the second.
class HfDirectory : public testing::Test {
 protected:
  HfDirectory() {
    folder_.Write("config.json", R"({"model_type":"llama","rope_scaling":{"factor":4.0}})");
    folder_.Write("generation_config.json", R"({"eos_token_id":[1,2]})");
    folder_.Write("m-1.safetensors",
                  SafetensorsBytes(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                   std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
    folder_.Write("m-2.safetensors", OneTensorFile("c"));
    WriteIndex(R"("c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors")");
  }
  void WriteIndex(const std::string& map) {
    folder_.Write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  }
  std::string OpenError() const {
    return ErrorOf([&] { OpenHuggingFaceDirectory(folder_.path()); });
  }
  std::string PathOf(std::string_view name) const { return (folder_ / name).string(); }

  TestFolder folder_;
};

TEST_F(HfDirectory, OpensShardsAndConfiguration) {
  EXPECT_TRUE(IsHuggingFaceDirectory(folder_.path()));
  EXPECT_FALSE(IsHuggingFaceDirectory(folder_ / "config.json"));
  const ModelFile file = OpenHuggingFaceDirectory(folder_.path());
  EXPECT_EQ(file.kind(), ModelFileKind::kHuggingFace);
  EXPECT_EQ(file.path(), folder_.path());
  EXPECT_EQ(file.shards().size(), 2u);
  EXPECT_EQ(file.RequireString("model_type"), "llama");
  EXPECT_EQ(file.Number("rope_scaling.factor"), 4.0);
  EXPECT_EQ(*file.Integers("generation_config.eos_token_id"), (std::vector<int64_t>{1, 2}));
  ASSERT_EQ(file.tensors().size(), 3u);
  const NamedTensor* b = file.FindTensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shard, 0);
  float value = 0;
  RowOf(Format::kF32).decode(b->view.data, &value, 1);
  EXPECT_EQ(value, 2.0f);
  EXPECT_EQ(file.FindTensor("c")->shard, 1);
}

TEST_F(HfDirectory, OneFileNeedsNoIndex) {
  fs::remove(folder_ / "model.safetensors.index.json");
  folder_.Write("model.safetensors", OneTensorFile("x"));
  const ModelFile file = OpenHuggingFaceDirectory(folder_.path());
  EXPECT_EQ(file.tensors().size(), 1u);
}

TEST_F(HfDirectory, MessagesNameTheFileOfAKeyOrTensor) {
  const ModelFile file = OpenHuggingFaceDirectory(folder_.path());
  EXPECT_EQ(ErrorOf([&] { file.RequireInteger("hidden_size"); }),
            "invalid_file: " + PathOf("config.json") +
                ": key 'hidden_size' is missing, expected an integer");
  EXPECT_EQ(ErrorOf([&] { file.Boolean("generation_config.eos_token_id"); }),
            "invalid_file: " + PathOf("generation_config.json") +
                ": key 'eos_token_id' is an array of integers, expected a boolean");
  EXPECT_EQ(
      ErrorOf([&] { file.RequireTensor("c", {2}); }),
      "invalid_file: " + PathOf("m-2.safetensors") + ": tensor 'c' has shape [1], expected [2]");
  EXPECT_EQ(
      ErrorOf([&] { file.RequireTensor("d", {2}); }),
      "invalid_file: " + folder_.path().string() + ": tensor 'd' is missing, expected shape [2]");
}

TEST_F(HfDirectory, MissingFilesAreNamed) {
  fs::remove(folder_ / "m-2.safetensors");
  EXPECT_EQ(OpenError(), "not_found: " + PathOf("m-2.safetensors") +
                             " is missing: model.safetensors.index.json has 1 tensors in it");
  fs::remove(folder_ / "model.safetensors.index.json");
  EXPECT_THAT(OpenError(),
              AllOf(HasSubstr("not_found: "),
                    HasSubstr("has neither model.safetensors nor model.safetensors.index.json")));
  fs::remove(folder_ / "config.json");
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("not_found: "), HasSubstr(PathOf("config.json"))));
}

TEST_F(HfDirectory, IndexAndShardsMustAgree) {
  WriteIndex(
      R"("c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors","d":"m-2.safetensors")");
  EXPECT_EQ(OpenError(), "invalid_file: " + PathOf("m-2.safetensors") +
                             ": tensor 'd' is missing, but model.safetensors.index.json has it in "
                             "this file");
  WriteIndex(R"("c":"m-2.safetensors","a":"m-1.safetensors")");
  EXPECT_EQ(OpenError(), "invalid_file: " + PathOf("m-1.safetensors") +
                             ": tensor 'b' is not in model.safetensors.index.json, or in two "
                             "files");
  WriteIndex(R"("c":"m-2.safetensors","a":"m-1.safetensors","b":"m-2.safetensors")");
  EXPECT_EQ(OpenError(), "invalid_file: " + PathOf("m-1.safetensors") +
                             ": tensor 'b' is here, but model.safetensors.index.json has it in "
                             "'m-2.safetensors'");
  WriteIndex(R"("c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors")");
  folder_.Write("m-2.safetensors", OneTensorFile("a"));
  EXPECT_THAT(OpenError(), HasSubstr("m-2.safetensors: tensor 'a' is not in"));
  WriteIndex("");
  EXPECT_THAT(OpenError(), HasSubstr("key 'weight_map' is empty"));
}

TEST_F(HfDirectory, TwoSetsOfWeightsAreRefused) {
  folder_.Write("model.safetensors", OneTensorFile("x"));
  EXPECT_THAT(OpenError(), HasSubstr("has both model.safetensors and model.safetensors.index"));
}

TEST_F(HfDirectory, LinksMayNotLeaveTheDirectory) {
  const TestFolder elsewhere;
  const fs::path secret = elsewhere.Write("c.safetensors", OneTensorFile("c"));
  fs::remove(folder_ / "m-2.safetensors");
  fs::create_symlink(secret, folder_ / "m-2.safetensors");
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("invalid_file: " + PathOf("m-2.safetensors")),
                                 HasSubstr("is outside the directory")));
  fs::remove(folder_ / "m-2.safetensors");
  fs::create_directory(folder_ / "data");
  folder_.Write("data/c", OneTensorFile("c"));
  fs::create_symlink("data/c", folder_ / "m-2.safetensors");
  EXPECT_EQ(OpenError(), "no error");
  fs::remove(folder_ / "data/c");
  EXPECT_THAT(OpenError(), HasSubstr("m-2.safetensors is missing"));
}

TEST_F(HfDirectory, NoFileIsReadFromElsewhere) {
  const TestFolder elsewhere;
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors.index.json",
                           "m-1.safetensors"}) {
    fs::rename(folder_ / name, elsewhere / name);
    fs::create_symlink(elsewhere / name, folder_ / name);
    EXPECT_THAT(OpenError(), AllOf(HasSubstr("invalid_file: " + PathOf(name)),
                                   HasSubstr("is outside the directory")));
    fs::remove(folder_ / name);
    fs::rename(elsewhere / name, folder_ / name);
  }
  EXPECT_EQ(OpenError(), "no error");
}

TEST_F(HfDirectory, NamedPipesAreNotWaitedFor) {
  fs::remove(folder_ / "m-2.safetensors");
  ASSERT_EQ(::mkfifo(PathOf("m-2.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(OpenError(), HasSubstr("m-2.safetensors is not a regular file"));
}

// The download cache of the hub: snapshots/REVISION holds links into blobs.
TEST_F(HfDirectory, SnapshotsOfTheDownloadCacheAreLinksToBlobs) {
  const fs::path blobs = folder_ / "blobs", snapshot = folder_ / "snapshots/abc";
  fs::create_directories(blobs);
  fs::create_directories(snapshot);
  fs::rename(folder_ / "config.json", blobs / "1");
  folder_.Write("blobs/2", OneTensorFile("x"));
  fs::create_symlink("../../blobs/1", snapshot / "config.json");
  fs::create_symlink("../../blobs/2", snapshot / "model.safetensors");
  EXPECT_EQ(OpenHuggingFaceDirectory(snapshot).tensors().size(), 1u);
  fs::remove(snapshot / "model.safetensors");
  fs::create_symlink("../../m-2.safetensors", snapshot / "model.safetensors");
  EXPECT_THAT(ErrorOf([&] { OpenHuggingFaceDirectory(snapshot); }),
              HasSubstr("is outside the directory"));
}

TEST_F(HfDirectory, BrokenPartsAreNamed) {
  fs::resize_file(folder_ / "m-2.safetensors", 20);
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("invalid_file: " + PathOf("m-2.safetensors")),
                                 HasSubstr("truncated")));
  folder_.Write("generation_config.json", R"({"temperature":NaN})");
  EXPECT_THAT(OpenError(), HasSubstr(PathOf("generation_config.json") + ": the file is not valid"));
  folder_.Write("config.json", "{\"a\":1");
  EXPECT_THAT(OpenError(), HasSubstr(PathOf("config.json") + ": the file is not valid JSON"));
}

}  // namespace
}  // namespace fathom
