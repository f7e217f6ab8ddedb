#include "recipe/training_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "loader/loader.h"
#include "recipe/task_format.h"
#include "recipe/tokenizer_training.h"
#include "recipe/training_log.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::string_view kConfig = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 320,
  "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
  "q_lora_rank": null, "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
  "v_head_dim": 8, "max_position_embeddings": 1024, "rope_theta": 10000.0,
  "first_k_dense_replace": 1, "intermediate_size": 32, "moe_intermediate_size": 16,
  "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
  "topk_group": 2, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 1.0, "num_nextn_predict_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "initializer_range": 0.05, "tie_word_embeddings": false
})";

constexpr int64_t kSteps = 7;

class TrainingRunTest : public ::testing::Test {
 protected:
  TrainingRunTest() {
    fs::create_directories(folder_);
    Write("config.json", std::string(kConfig));
    const TaskMixture mixture({{"addition", 1, 1}}, Split::kTrain, 1);
    WriteTokenizer(TrainTokenizer(mixture, {.vocabulary = 320, .problems = 200}),
                   folder_ / "tokenizer");
  }
  ~TrainingRunTest() override { fs::remove_all(folder_); }

  void Write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  TrainingRecipe Recipe(const std::string& out) const {
    TrainingRecipe recipe;
    recipe.model = {.config = folder_ / "config.json", .tokenizer = folder_ / "tokenizer"};
    recipe.data.tasks = {{"addition", 1, 1}, {"compare_decimals", 1, 1}};
    recipe.trainer.schedule = {.peak = 3e-3, .warmup_steps = 1, .steps = kSteps};
    recipe.trainer.step_tokens = 150;
    recipe.trainer.batch_tokens = 100;
    recipe.threads = 1;
    recipe.evaluate = {.every = 3, .problems = 3, .replies = 1, .max_tokens = 6};
    recipe.output = {.folder = folder_ / out, .checkpoint_every = 2};
    return recipe;
  }

  static TrainingOutcome Run(const TrainingRecipe& recipe,
                             const TrainingHooks<StepReport>& hooks = {}) {
    return RunTraining(recipe, TrainingKind::kPretrain, hooks);
  }

  // One that ends as a kill would: with the checkpoints that were written by then, and a log that
  // may be ahead of them.
  static void Abandon(const TrainingRecipe& recipe, int64_t steps) {
    TrainingHooks<StepReport> hooks;
    hooks.step = [&](const StepReport& report) {
      if (report.step + 1 == steps) throw Error(ErrorCode::kInternal, "killed");
    };
    EXPECT_THROW(Run(recipe, hooks), Error);
  }

  // The log without what depends on the clock.
  std::vector<std::string> Log(const std::string& out) const {
    std::vector<std::string> lines;
    for (const LogEntry& entry : ReadTrainingLog(folder_ / out / "log.jsonl")) {
      std::string line = std::to_string(entry.step);
      for (const auto& [name, value] : entry.numbers) {
        if (name.find("second") == std::string::npos) line += " " + name + std::to_string(value);
      }
      lines.push_back(line);
    }
    return lines;
  }

  std::string Bytes(const fs::path& path) const {
    std::ifstream file(folder_ / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // The message of what is thrown.
  template <class Body>
  static std::string Failure(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    return "nothing was thrown";
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("fathom_training_run_" + std::to_string(getpid()));
};

TEST_F(TrainingRunTest, TrainsEvaluatesAndWritesAModelThatRuns) {
  TrainingHooks<StepReport> hooks;
  TrainingPlan plan;
  std::vector<int64_t> evaluated, saved;
  hooks.begin = [&](const TrainingPlan& p) { plan = p; };
  hooks.measured = [&](int64_t steps, const TaskMeasure& measure) {
    evaluated.push_back(steps);
    EXPECT_GT(measure.predicted.loss, 0);
    EXPECT_GT(measure.predicted.mtp_loss, 0);
    ASSERT_TRUE(measure.replies.has_value());
    EXPECT_EQ(measure.replies->mean.problems, 2);
    ASSERT_TRUE(measure.mtp.has_value());
    EXPECT_GT(measure.mtp->judged, 0);
    EXPECT_LE(measure.mtp->judged, measure.replies->tokens);
  };
  hooks.saved = [&](int64_t steps) { saved.push_back(steps); };
  const TrainingOutcome outcome = Run(Recipe("out"), hooks);
  EXPECT_EQ(outcome.end, TrainingEnd::kFinished);
  EXPECT_EQ(outcome.steps_done, kSteps);
  EXPECT_GT(outcome.seconds, 0);
  EXPECT_EQ(plan.steps, kSteps);
  EXPECT_EQ(plan.steps_done, 0);
  EXPECT_THAT(evaluated, ::testing::ElementsAre(3, 6, 7));
  EXPECT_THAT(saved, ::testing::ElementsAre(2, 4, 6, 7));
  EXPECT_THAT(Bytes("out/curves.svg"), HasSubstr("<svg"));
  EXPECT_THAT(Bytes("out/log.jsonl"), HasSubstr("held_out_mtp_accepted"));
  const LoadedModel model = LoadModel(outcome.model);
  ASSERT_NE(model.chat_template, nullptr);
  EXPECT_EQ(model.tokenizer->size(), 320);
  const TaskFormat format(*model.tokenizer, *model.chat_template);
  EXPECT_EQ(format.stops(), std::vector<int32_t>{1});
  EXPECT_GE(format.end_of_thinking(), 0);
  // Once more: nothing happens.
  const std::string checkpoint = Bytes("out/checkpoint.bin");
  const TrainingOutcome again = Run(Recipe("out"));
  EXPECT_EQ(again.end, TrainingEnd::kWasFinished);
  EXPECT_EQ(again.seconds, outcome.seconds);
  EXPECT_EQ(Bytes("out/checkpoint.bin"), checkpoint);
}

TEST_F(TrainingRunTest, StoppedAnywhereAndGoneOnWithItIsTheSame) {
  Run(Recipe("whole"));
  const std::vector<std::string> expected = Log("whole");
  // Stopped in order, as by Ctrl-C.
  for (const int64_t before : {0, 1, 5}) {
    const std::string out = "stopped" + std::to_string(before);
    TrainingHooks<StepReport> hooks;
    int64_t steps = 0;
    CancelFlag stop = before == 0;
    hooks.step = [&](const StepReport&) { stop = ++steps == before; };
    hooks.stop = &stop;
    const TrainingOutcome stopped = Run(Recipe(out), hooks);
    EXPECT_EQ(stopped.end, TrainingEnd::kStopped);
    EXPECT_EQ(stopped.steps_done, before);
    EXPECT_EQ(Run(Recipe(out)).end, TrainingEnd::kFinished);
    EXPECT_EQ(Log(out), expected);
    EXPECT_EQ(Bytes(out + "/checkpoint.bin"), Bytes("whole/checkpoint.bin"));
    EXPECT_EQ(Bytes(out + "/model/model.safetensors"), Bytes("whole/model/model.safetensors"));
  }
  // Torn away before the first checkpoint, between two, again and again.
  for (const int64_t step : {1, 3, 4, 6, 7}) Abandon(Recipe("torn"), step);
  TrainingRecipe recipe = Recipe("torn");
  recipe.threads = 2;
  recipe.trainer.recompute = true;
  recipe.output.checkpoint_every = 1;
  EXPECT_EQ(Run(recipe).end, TrainingEnd::kFinished);
  EXPECT_EQ(Log("torn"), expected);
  EXPECT_EQ(Bytes("torn/model/model.safetensors"), Bytes("whole/model/model.safetensors"));
}

TEST_F(TrainingRunTest, WhatIsMissingAtTheEndIsWrittenThen) {
  Run(Recipe("out"));
  const std::string model = Bytes("out/model/model.safetensors");
  fs::remove_all(folder_ / "out/model");  // as if killed while it was written
  EXPECT_EQ(Run(Recipe("out")).end, TrainingEnd::kFinished);
  EXPECT_EQ(Bytes("out/model/model.safetensors"), model);
  fs::remove(folder_ / "out/checkpoint.bin");
  EXPECT_THAT(Failure([&] { Run(Recipe("out")); }),
              HasSubstr("already_exists: " + (folder_ / "out/model").string() +
                        " is there, without a checkpoint"));
}

TEST_F(TrainingRunTest, GoesOnWithATrainedModel) {
  Run(Recipe("first"));
  TrainingRecipe recipe = Recipe("second");
  recipe.model = {.start = folder_ / "first/model"};
  recipe.output.type = Format::kBF16;
  RunTraining(recipe, TrainingKind::kSft, {});
  EXPECT_THAT(Bytes("second/model/config.json"), HasSubstr("bfloat16"));
  EXPECT_EQ(Bytes("second/model/tokenizer.json"), Bytes("first/model/tokenizer.json"));
  LoadModel(folder_ / "second/model");
  EXPECT_THAT(Failure([&] { Run(recipe); }), HasSubstr("'kind' is \"pretrain\", the checkpoint's"));
}

TEST_F(TrainingRunTest, ACheckpointOfAnotherTrainingIsRefusedByWhatDiffers) {
  Run(Recipe("out"));
  const auto failure = [&](auto&& change) {
    TrainingRecipe recipe = Recipe("out");
    change(recipe);
    return Failure([&] { Run(recipe); });
  };
  EXPECT_THAT(failure([](TrainingRecipe& r) { r.trainer.schedule.peak = 1e-3; }),
              HasSubstr("another training: 'train.learning_rate' is 0.001, the checkpoint's is "
                        "0.003"));
  EXPECT_THAT(failure([](TrainingRecipe& r) { r.data.tasks.pop_back(); }),
              HasSubstr("'data.families.compare_decimals level 1' is not set, the checkpoint's"));
  Write("config.json", [] {
    std::string text(kConfig);
    return text.replace(text.find("\"hidden_size\": 16"), 17, "\"hidden_size\": 32");
  }());
  EXPECT_THAT(failure([](TrainingRecipe&) {}),
              HasSubstr("'config.hidden_size' is 32, the checkpoint's is 16"));
}

TEST_F(TrainingRunTest, ModelsThatCannotBeTrainedAreRefusedByName) {
  const auto failure = [&](std::string_view from, std::string_view to) {
    std::string text(kConfig);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    Write("config.json", text.replace(at, from.size(), to));
    return Failure([&] { Run(Recipe("out")); });
  };
  EXPECT_THAT(failure("\"deepseek_v3\"", "\"llama\""),
              HasSubstr("'model_type' is 'llama', expected deepseek_v3 or deepseek_v2"));
  EXPECT_THAT(failure("\"vocab_size\": 320", "\"vocab_size\": 319"),
              HasSubstr("the tokenizer has 320 tokens, expected at most the 319"));
  EXPECT_THAT(failure("predict_layers\": 1", "predict_layers\": 2"),
              HasSubstr("'num_nextn_predict_layers' is 2, expected 0 or 1"));
  EXPECT_THAT(failure("embeddings\": false", "embeddings\": true"),
              HasSubstr("'tie_word_embeddings' is true, expected false"));
  EXPECT_THAT(failure("\"initializer_range\": 0.05, ", ""), HasSubstr("initializer_range"));
  EXPECT_THAT(failure("\"hidden_size\"", "\"bos_token_id\": 5, \"hidden_size\""),
              HasSubstr("'bos_token_id' is 5, expected the tokenizer's 0"));
  EXPECT_THAT(failure("\"hidden_size\"", "\"hiden_size\""), HasSubstr("hiden_size"));
  EXPECT_THAT(failure("DeepseekV3ForCausalLM", "LlamaForCausalLM"), HasSubstr("architectures"));
  EXPECT_THAT(failure("\"max_position_embeddings\": 1024", "\"max_position_embeddings\": 16"),
              HasSubstr("tokens, the model's context holds 16"));
  EXPECT_THAT(failure("\"hidden_size\": 16", "\"hidden_size\": 1000000"),
              HasSubstr("million parameters take"));
  EXPECT_FALSE(fs::exists(folder_ / "out/model"));
}

}  // namespace
}  // namespace fathom
