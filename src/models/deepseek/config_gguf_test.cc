// Groups of experts where a GGUF file has no keys for them: the published models that had groups
// before the keys existed, and nobody else.
#include <gtest/gtest.h>

#include "models/deepseek/config.h"
#include "models/testing/altered_file.h"

namespace fathom::deepseek {
namespace {

struct Case {
  const char* about;
  int64_t gating;  // 1: softmax, 2: sigmoid
  int64_t experts;
  int64_t latent;
  int64_t groups;  // what is expected
  int64_t groups_used;
};

TEST(DeepseekGgufConfig, GroupsWithoutKeysAreThoseOfThePublishedModels) {
  const Case kCases[] = {
      {"DeepSeek-V3 and R1", 2, 256, 512, 8, 4},
      {"DeepSeek-V2", 1, 160, 512, 8, 3},
      {"DeepSeek-V2-Lite", 1, 64, 512, 1, 1},
      {"V3's number with softmax", 1, 256, 512, 1, 1},
      {"V2's number with sigmoid", 2, 160, 512, 1, 1},
      {"V3's number with another latent", 2, 256, 256, 1, 1},
  };
  for (const Case& test : kCases) {
    AlteredFile file("deepseek_v3.both.gguf");
    file.metadata["deepseek2.expert_gating_func"] = test.gating;
    file.metadata["deepseek2.expert_count"] = test.experts;
    file.metadata["deepseek2.attention.kv_lora_rank"] = test.latent;
    ASSERT_EQ(file.metadata.erase("deepseek2.expert_group_count"), 1u);
    ASSERT_EQ(file.metadata.erase("deepseek2.expert_group_used_count"), 1u);
    const ModelFile opened = file.Open();
    const RouterSpec router = ParseGguf(opened).router;
    EXPECT_EQ(router.groups, test.groups) << test.about;
    EXPECT_EQ(router.groups_used, test.groups_used) << test.about;
  }
}

TEST(DeepseekGgufConfig, OneKeyOfGroupsNeedsTheOther) {
  for (const char* key : {"deepseek2.expert_group_count", "deepseek2.expert_group_used_count"}) {
    AlteredFile file("deepseek_v3.both.gguf");
    file.metadata.erase(key);
    EXPECT_THAT(file.BindError(), testing::HasSubstr("'" + std::string(key) + "' is missing"));
  }
}

}  // namespace
}  // namespace fathom::deepseek
