// Plans of model files: what they count, what they refuse, and that no matrix is read for it.
#include "loader/planning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "base/cold_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

fs::path Golden(const std::string& name) {
  return fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model" / name;
}

PlanningOptions SizesOnly() {
  PlanningOptions options;
  options.kernels = &FindKernels("auto");
  options.measure = false;
  return options;
}

TEST(PlanModelTest, TinyModels) {
  for (const char* name :
       {"llama_gqa.gguf", "qwen2_bf16", "deepseek_v3.kv_b.gguf", "deepseek_v3"}) {
    SCOPED_TRACE(name);
    const PlacementPlan plan = PlanModel(Golden(name), "", SizesOnly());
    EXPECT_EQ(plan.model.name, name);
    EXPECT_EQ(plan.verdict, Verdict::kFits);
    EXPECT_GT(plan.all.parameters, 0);
    EXPECT_EQ(plan.request.context, plan.model.context_length);
    EXPECT_FALSE(plan.measured);
  }
}

TEST(PlanModelTest, Measured) {
  PlanningOptions options = SizesOnly();
  options.measure = true;
  options.threads = 1;
  options.request.users = 3;
  const PlacementPlan plan = PlanModel(Golden("deepseek_v3.split.gguf"), "tiny", options);
  EXPECT_EQ(plan.model.name, "tiny");
  EXPECT_TRUE(plan.measured);
  EXPECT_GT(plan.machine.read_bandwidth, 1e8);
  ASSERT_FALSE(plan.decode.empty());
  EXPECT_GT(plan.decode.front().tokens_per_second(), 0);
  ASSERT_FALSE(plan.prefill.empty());
  EXPECT_GT(plan.prefill.front().tokens_per_second(), 0);
}

TEST(PlanModelTest, Errors) {
  const auto code = [](const fs::path& path, int64_t context, int64_t users) {
    PlanningOptions options = SizesOnly();
    options.request.context = context;
    options.request.users = users;
    try {
      PlanModel(path, "", options);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code(Golden("none.gguf"), 0, 1), ErrorCode::kNotFound);
  EXPECT_EQ(code(Golden("llama_gqa.gguf"), 1 << 30, 1), ErrorCode::kContextOverflow);
  EXPECT_EQ(code(Golden("llama_gqa.gguf"), 0, 0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(Golden("llama_gqa.json"), 0, 1), ErrorCode::kInvalidFile);
}

// Copies of golden directories with something changed that `run` refuses.
class RefusedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-plan-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path Copy(const std::string& golden) {
    fs::remove_all(folder_ / golden);
    fs::copy(Golden(golden), folder_ / golden);
    return folder_ / golden;
  }
  static std::string TextOf(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Replace(const fs::path& path, const std::string& from, const std::string& to) {
    std::string text = TextOf(path);
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    std::ofstream(path, std::ios::binary) << text;
  }
  // Takes tensors whose name ends so out of the header and their data out of the file.
  static void Remove(const fs::path& shard, const std::string& suffix) {
    const std::string text = TextOf(shard);
    uint64_t length = 0;
    std::memcpy(&length, text.data(), sizeof length);
    const std::string data = text.substr(sizeof length + length);
    Json header = Json::object();
    std::string kept;
    const Json before = ParseJson(text.substr(sizeof length, length), "header");
    for (const auto& [name, entry] : before.items()) {
      if (name == "__metadata__" || name.ends_with(suffix)) continue;
      const auto begin = entry.at("data_offsets").at(0).get<std::size_t>();
      const auto end = entry.at("data_offsets").at(1).get<std::size_t>();
      header[name] = entry;
      header[name]["data_offsets"] = {kept.size(), kept.size() + end - begin};
      kept += data.substr(begin, end - begin);
    }
    std::string front = DumpJson(header);
    front.resize((front.size() + 7) / 8 * 8, ' ');
    length = front.size();
    std::ofstream file(shard, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << front << kept;
  }
  static std::string ErrorOf(const fs::path& path) {
    try {
      PlanModel(path, "", SizesOnly());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(RefusedTest, WhatCannotRunIsRefusedAsRunRefusesIt) {
  const fs::path scores = Copy("deepseek_v3");
  Replace(scores / "config.json", "\"sigmoid\"", "\"tanh\"");
  EXPECT_THAT(ErrorOf(scores), ::testing::HasSubstr("'scoring_func' is 'tanh'"));
  const fs::path format = Copy("deepseek_fp8");
  Replace(format / "config.json", "\"e4m3\"", "\"e5m2\"");
  EXPECT_THAT(ErrorOf(format), ::testing::HasSubstr("'quantization_config.fmt' is 'e5m2'"));
  for (const char* name : {"q_a_proj.weight", "kv_b_proj.weight", "model.norm.weight"}) {
    const fs::path path = Copy("deepseek_v3");
    Remove(path / "model.safetensors", name);
    EXPECT_THAT(ErrorOf(path),
                ::testing::AllOf(::testing::HasSubstr(name), ::testing::HasSubstr("is missing")));
  }
}

// A directory of a llama of one layer, whose weights are a hole of 96 MB.
class GhostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-plan-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ / "config.json")
        << R"({"model_type": "llama", "hidden_size": 1024, "num_hidden_layers": 1,
               "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 8192,
               "intermediate_size": 4096, "max_position_embeddings": 512,
               "rms_norm_eps": 1e-5, "tie_word_embeddings": true})";
    const std::string layer = "model.layers.0.";
    for (const std::string& name :
         {std::string("model.norm.weight"), layer + "input_layernorm.weight",
          layer + "post_attention_layernorm.weight"}) {
      Add(name, {1024});
    }
    Add("model.embed_tokens.weight", {8192, 1024});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      Add(layer + "self_attn." + name + ".weight", {1024, 1024});
    }
    for (const char* name : {"gate_proj", "up_proj"}) {
      Add(layer + "mlp." + name + ".weight", {4096, 1024});
    }
    Add(layer + "mlp.down_proj.weight", {1024, 4096});
    std::string text = DumpJson(header_);
    const uint64_t length = text.size();
    std::string front(sizeof length, '\0');
    std::memcpy(front.data(), &length, sizeof length);
    std::ofstream(shard(), std::ios::binary) << front << text;
    fs::resize_file(shard(), front.size() + text.size() + offset_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void Add(const std::string& name, const std::vector<int64_t>& shape) {
    uint64_t bytes = 4;
    for (const int64_t size : shape) bytes *= static_cast<uint64_t>(size);
    header_[name] =
        Json{{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset_, offset_ + bytes}}};
    offset_ += bytes;
  }
  fs::path shard() const { return folder_ / "model.safetensors"; }

  fs::path folder_;
  Json header_ = Json::object();
  uint64_t offset_ = 0;
};

TEST_F(GhostTest, NoMatrixIsRead) {
  const PlacementPlan plan = PlanModel(folder_, "", SizesOnly());
  EXPECT_EQ(plan.all.parameters, static_cast<int64_t>(offset_ / 4));
  EXPECT_GT(plan.all.bytes, int64_t{90} << 20);
  // The pages with the header and the norms behind it, and what the kernel reads around them: up to
  // 8 MB on the disks of virtual machines.
  const MappedFile file = MappedFile::Open(shard());
  EXPECT_LE(ResidentBytes(file.bytes()), 16 << 20);
  EXPECT_EQ(ResidentBytes(file.bytes().last(64 << 20)), 0);
}

TEST_F(GhostTest, ItsDiskCannotBeTimed) {
  PlanningOptions options = SizesOnly();
  options.measure = true;
  options.threads = 1;
  const PlacementPlan plan = PlanModel(folder_, "", options);
  EXPECT_NE(plan.machine.disk.why_not, "");
  EXPECT_EQ(plan.load_seconds, 0);
}

}  // namespace
}  // namespace fathom
