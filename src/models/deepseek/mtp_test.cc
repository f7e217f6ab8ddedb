// The module that predicts one token further, against the golden that was made from the published
// descriptions alone (tests/goldens/model/deepseek_mtp.json): logits, states on the way, choices of
// experts, both sides of the model's last norm, its own cache, and that nothing is paid for it
// before it is bound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/testing/golden.h"
#include "models/testing/mtp_runner.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

struct Case {
  HiddenSide side;
  LatentForm form;
};

std::string VariantOf(HiddenSide side) {
  return side == HiddenSide::kBeforeNorm ? "before_norm" : "after_norm";
}

class DeepseekMtpGolden : public ::testing::TestWithParam<Case> {
 protected:
  DeepseekMtpGolden()
      : golden_("deepseek_mtp"),
        module_(BindMtpModule(*golden_.file, GetParam().side)),
        next_(golden_.ids.begin() + 1, golden_.ids.end()),
        hidden_(golden_.ids.size() * golden_.hidden()) {}

  // The model's states of all ids, computed by the model itself.
  void RunModel() {
    ModelRunner runner = GoldenRunner(golden_, GetParam().form);
    runner.context().hidden_out = hidden_.data();
    main_logits_ = runner.Feed(golden_.ids);
  }
  MtpRunner Runner() const {
    return {*module_, golden_.model->spec(), ReferenceKernels(), CacheType::kF32,
            2,        GetParam().form};
  }
  const Json& Variant() const { return golden_.json.at("variants").at(VariantOf(GetParam().side)); }

  Golden golden_;
  std::unique_ptr<MtpModule> module_;
  std::vector<int32_t> next_;  // the ids that follow the rows
  std::vector<float> hidden_;  // [ids][hidden]
  std::vector<float> main_logits_;
};

TEST_P(DeepseekMtpGolden, LogitsAreThoseOfThePublishedModule) {
  ASSERT_NE(module_, nullptr);
  RunModel();
  MtpRunner runner = Runner();
  const std::vector<float> logits = runner.Feed(next_, hidden_.data());
  const std::size_t n = golden_.vocabulary();
  const Json& variant = Variant();
  const auto logprobs = variant.at("logprobs").get<std::vector<double>>();
  ASSERT_EQ(logprobs.size() + 1, next_.size());
  for (std::size_t row = 0; row < logprobs.size(); ++row) {
    ASSERT_NEAR(Logprob(logits.data() + row * n, n, golden_.ids[row + 2]), logprobs[row], 1e-3);
  }
  const auto best = variant.at("best").get<std::vector<std::ptrdiff_t>>();
  for (std::size_t row = 0; row < best.size(); ++row) {
    const float* found = logits.data() + row * n;
    EXPECT_EQ(std::max_element(found, found + n) - found, best[row]) << "row " << row;
  }
  const auto positions = golden_.json.at("logits_positions").get<std::vector<std::size_t>>();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto expected = variant.at("logits").at(i).get<std::vector<double>>();
    ASSERT_EQ(expected.size(), n);
    for (std::size_t id = 0; id < n; ++id) {
      ASSERT_NEAR(logits[positions[i] * n + id], expected[id], 1e-3) << "row " << positions[i];
    }
  }
}

// The model before it, and the states inside, of which the golden has those before the norm.
TEST_P(DeepseekMtpGolden, StatesOnTheWayAreTheReferences) {
  RunModel();
  const std::size_t n = golden_.vocabulary();
  const auto main = golden_.json.at("main_logprobs").get<std::vector<double>>();
  for (std::size_t i = 0; i < main.size(); ++i) {
    ASSERT_NEAR(Logprob(main_logits_.data() + i * n, n, golden_.ids[i + 1]), main[i], 1e-4);
  }
  const auto positions = golden_.json.at("hidden_positions").get<std::vector<std::size_t>>();
  const auto compare = [&](const std::string& name, const std::vector<float>& found) {
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto expected = golden_.json.at("hidden").at(name).at(i).get<std::vector<double>>();
      EXPECT_LE(RelativeError(found.data() + positions[i] * golden_.hidden(), expected), 1e-4)
          << name << " row " << positions[i];
    }
  };
  compare("main.before_norm", hidden_);
  if (GetParam().side != HiddenSide::kBeforeNorm) return;

  MtpRunner runner = Runner();
  RecordingTap tap;
  std::vector<float> handed_over(next_.size() * golden_.hidden());
  runner.context().tap = &tap;
  runner.context().hidden_out = handed_over.data();
  runner.Feed(next_, hidden_.data());
  compare("mtp.eh_proj", tap.records.at("mtp.joined"));
  compare("mtp.hidden", tap.records.at("mtp.hidden"));
  EXPECT_EQ(handed_over, tap.records.at("mtp.hidden"));
  const Json& experts = golden_.json.at("experts").at("layers.2");
  const std::vector<float>& chosen = tap.records.at("mtp.router.experts");
  ASSERT_EQ(experts.size(), next_.size());
  for (std::size_t row = 0; row < next_.size(); ++row) {
    const auto expected = experts.at(row).get<std::vector<float>>();
    const auto first = chosen.begin() + static_cast<std::ptrdiff_t>(row * expected.size());
    EXPECT_EQ(std::vector<float>(first, first + static_cast<std::ptrdiff_t>(expected.size())),
              expected)
        << "row " << row;
  }
}

// Its own cache: the same bits in any chunking, with any number of threads.
TEST_P(DeepseekMtpGolden, ResultsDoNotDependOnChunksOrThreads) {
  RunModel();
  for (const KernelTable* kernels : AvailableKernels()) {
    for (const CacheType type : {CacheType::kF32, CacheType::kF16}) {
      const ModelSpec& spec = golden_.model->spec();
      MtpRunner whole(*module_, spec, *kernels, type, 1, GetParam().form);
      const std::vector<float> expected = whole.Feed(next_, hidden_.data());
      MtpRunner runner(*module_, spec, *kernels, type, 3, GetParam().form);
      for (const std::size_t chunk : {1, 24}) {
        runner.Restart();
        std::vector<float> found;
        for (std::size_t at = 0; at < next_.size(); at += chunk) {
          const std::size_t count = std::min(chunk, next_.size() - at);
          const auto part = runner.Feed(std::span(next_).subspan(at, count),
                                        hidden_.data() + at * golden_.hidden());
          found.insert(found.end(), part.begin(), part.end());
        }
        EXPECT_EQ(found, expected) << kernels->name << ", chunks of " << chunk;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, DeepseekMtpGolden,
                         ::testing::Values(Case{HiddenSide::kBeforeNorm, LatentForm::kAbsorbed},
                                           Case{HiddenSide::kBeforeNorm, LatentForm::kNaive},
                                           Case{HiddenSide::kAfterNorm, LatentForm::kAbsorbed},
                                           Case{HiddenSide::kAfterNorm, LatentForm::kNaive}),
                         [](const ::testing::TestParamInfo<Case>& instance) {
                           const bool naive = instance.param.form == LatentForm::kNaive;
                           return VariantOf(instance.param.side) + (naive ? "_naive" : "_absorbed");
                         });

// The same weights in GGUF, which knows one mscale only: the same bits as from a directory with
// one.
TEST(DeepseekMtp, GgufIsTheSameModule) {
  const Golden golden("deepseek_mtp.kv_b.gguf");
  AlteredFile altered("deepseek_mtp");
  altered.metadata["rope_scaling.mscale"] = altered.metadata.at("rope_scaling.mscale_all_dim");
  const ModelFile directory = altered.Open();
  std::vector<std::vector<float>> hidden, logits;
  for (const ModelFile& file : {std::cref(std::as_const(*golden.file)), std::cref(directory)}) {
    const std::unique_ptr<Model> model = BindModel(file);
    ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, kGoldenContext);
    hidden.emplace_back(golden.ids.size() * golden.hidden());
    runner.context().hidden_out = hidden.back().data();
    runner.Feed(golden.ids);
    const std::unique_ptr<MtpModule> module = BindMtpModule(file);
    ASSERT_NE(module, nullptr);
    MtpRunner mtp(*module, model->spec(), ReferenceKernels(), CacheType::kF32, 2,
                  LatentForm::kAbsorbed);
    logits.push_back(mtp.Feed(std::span(golden.ids).subspan(1), hidden.back().data()));
  }
  EXPECT_EQ(hidden[0], hidden[1]);
  EXPECT_EQ(logits[0], logits[1]);
}

TEST(DeepseekMtp, CacheHoldsOneLatentPerToken) {
  const ModelFile file = OpenGolden("deepseek_mtp");
  EXPECT_EQ(BindMtpModule(file)->cache_layout(CacheType::kF16).bytes_per_token(), (16 + 16) * 2);
  EXPECT_EQ(BindModel(file)->cache_layout(CacheType::kF16).bytes_per_token(), 2 * (16 + 16) * 2);
}

// A model that is bound alone does not look at the module's tensors: there could be nothing.
TEST(DeepseekMtp, CostsNothingUntilItIsBound) {
  for (const char* name : {"deepseek_mtp", "deepseek_mtp.kv_b.gguf"}) {
    AlteredFile file(name);
    for (NamedTensor& tensor : file.tensors) {
      if (tensor.name.starts_with("model.layers.2.") || tensor.name.starts_with("blk.2.")) {
        tensor.view.data = nullptr;
      }
    }
    EXPECT_EQ(file.BindError(), "") << name;
  }
}

TEST(DeepseekMtp, ModelsWithoutOneHaveNone) {
  EXPECT_EQ(BindMtpModule(OpenGolden("deepseek_v3")), nullptr);
  EXPECT_EQ(BindMtpModule(OpenGolden("deepseek_v3.split.gguf")), nullptr);
  // transformers saves no such weights, but keeps the key.
  AlteredFile file("deepseek_mtp");
  std::erase_if(file.tensors, [](const NamedTensor& tensor) {
    return tensor.name.starts_with("model.layers.2.");
  });
  EXPECT_EQ(file.BindError(), "");
  EXPECT_EQ(BindMtpModule(file.Open()), nullptr);
}

// Embedding and head are the model's where the module has no copies: the same numbers.
TEST(DeepseekMtp, CopiesOfEmbeddingAndHeadMayBeLeftOut) {
  const Golden golden("deepseek_mtp");
  AlteredFile file("deepseek_mtp");
  std::erase_if(file.tensors, [](const NamedTensor& tensor) {
    return tensor.name == "model.layers.2.embed_tokens.weight" ||
           tensor.name == "model.layers.2.shared_head.head.weight";
  });
  const ModelFile without = file.Open();
  const std::vector<float> hidden(golden.ids.size() * golden.hidden(), 0.5F);
  std::vector<std::vector<float>> logits;
  for (const ModelFile& each : {std::cref(std::as_const(*golden.file)), std::cref(without)}) {
    const std::unique_ptr<MtpModule> module = BindMtpModule(each);
    MtpRunner runner(*module, golden.model->spec(), ReferenceKernels(), CacheType::kF32, 1,
                     LatentForm::kAbsorbed);
    logits.push_back(runner.Feed(golden.ids, hidden.data()));
  }
  EXPECT_EQ(logits[0], logits[1]);
}

TEST(DeepseekMtpErrors, MissingTensorsAndWrongShapesAreNamed) {
  struct Part {
    std::string name;
    bool tells;  // the module from one of the model's own layers, so that binding needs it too
  };
  const Part kParts[] = {
      {"model.layers.2.eh_proj.weight", true},
      {"model.layers.2.enorm.weight", true},
      {"model.layers.2.hnorm.weight", true},
      {"model.layers.2.shared_head.norm.weight", false},
      {"model.layers.2.self_attn.kv_b_proj.weight", false},
      {"model.layers.2.mlp.gate.weight", false},
  };
  for (const Part& part : kParts) {
    const std::string& name = part.name;
    AlteredFile file("deepseek_mtp");
    TensorView& view = file.Tensor(name).view;
    view.shape[0] /= 2;
    EXPECT_THAT(file.MtpError(), HasSubstr("tensor '" + name + "' has shape"));
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
    EXPECT_THAT(file.MtpError(), HasSubstr("tensor '" + name + "' is missing"));
    EXPECT_EQ(file.BindError(), part.tells ? file.MtpError() : "") << name;
  }
}

TEST(DeepseekMtpErrors, ALayerOfTheModelItselfIsNotTakenForOne) {
  AlteredFile directory("deepseek_v3");
  directory.metadata["num_hidden_layers"] = int64_t{2};
  directory.metadata["num_nextn_predict_layers"] = int64_t{1};
  EXPECT_THAT(directory.BindError(), HasSubstr("'model.layers.2.eh_proj.weight' is missing"));
  AlteredFile gguf("deepseek_v3.split.gguf");
  gguf.metadata["deepseek2.nextn_predict_layers"] = int64_t{1};
  EXPECT_THAT(gguf.BindError(), HasSubstr("'blk.2.nextn.eh_proj.weight' is missing"));
}

TEST(DeepseekMtpErrors, MoreThanOneModuleIsRefused) {
  AlteredFile file("deepseek_mtp");
  file.metadata["num_nextn_predict_layers"] = int64_t{2};
  EXPECT_THAT(file.MtpError(), HasSubstr("2 layers that predict further tokens, expected 1"));
  file.metadata["num_nextn_predict_layers"] = int64_t{0};
  EXPECT_THAT(file.BindError(), HasSubstr("tensor 'model.layers.2."));
}

}  // namespace
}  // namespace fathom
