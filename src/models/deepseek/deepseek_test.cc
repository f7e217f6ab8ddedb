// DeepSeek-V2 and V3 against transformers (tests/goldens/model, float32): every case in each layout
// of its GGUF file and as a directory, in both forms of attention; and against itself in other
// chunks, threads, company and kernels. Files that must be refused: gguf_errors_test.cc and
// hf_errors_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/testing/golden.h"

namespace fathom {
namespace {

// All but the case of multi-token prediction, which has a test of its own.
std::vector<std::string> Names() {
  std::vector<std::string> names = GoldenNames({"deepseek_"});
  std::erase_if(names, [](const std::string& name) { return name.starts_with("deepseek_mtp"); });
  return names;
}

constexpr LatentForm kForms[] = {LatentForm::kAbsorbed, LatentForm::kNaive};
std::string NameOf(LatentForm form) { return form == LatentForm::kAbsorbed ? "absorbed" : "naive"; }

class DeepseekGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(DeepseekGolden, LogitsMatchTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ExpectLogitsOfTransformers(golden, form);
  }
}

TEST_P(DeepseekGolden, HiddenStatesMatchTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ExpectHiddenStatesOfTransformers(golden, form);
  }
}

// The choice of every token in every layer, with float32's noise on the weights.
TEST_P(DeepseekGolden, RouterChoicesAreTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ModelRunner runner = GoldenRunner(golden, form);
    RecordingTap tap;
    runner.context().tap = &tap;
    runner.Feed(golden.ids);
    std::size_t compared = 0;
    for (const auto& [name, choices] : golden.json.at("router").items()) {
      const std::vector<float>& experts = tap.records.at(name + ".experts");
      const std::vector<float>& weights = tap.records.at(name + ".weights");
      const std::size_t used = experts.size() / golden.ids.size();
      for (std::size_t token = 0; token < golden.ids.size(); ++token) {
        const auto ids = choices.at("experts").at(token).get<std::vector<float>>();
        const auto expected = choices.at("weights").at(token).get<std::vector<double>>();
        ASSERT_EQ(ids.size(), used);
        for (std::size_t i = 0; i < used; ++i) {
          ASSERT_EQ(experts[token * used + i], ids[i]) << name << " token " << token;
          ASSERT_NEAR(weights[token * used + i], expected[i], 1e-4 * expected[i])
              << name << " token " << token;
          ++compared;
        }
      }
    }
    EXPECT_GE(compared, golden.ids.size());
  }
}

TEST_P(DeepseekGolden, GreedyContinuationMatchesTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ExpectGreedyIdsOfTransformers(golden, form);
  }
}

TEST_P(DeepseekGolden, ResultsDoNotDependOnChunksOrThreads) {
  ExpectNoDifferenceOfChunksOrThreads(Golden(GetParam()));
}

TEST_P(DeepseekGolden, FastKernelsStayCloseToTransformers) {
  ExpectFastKernelsStayClose(Golden(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Goldens, DeepseekGolden, ::testing::ValuesIn(Names()), GoldenTestName);

TEST(Deepseek, GoldensAreThere) { EXPECT_EQ(Names().size(), 21u + 9u); }

TEST(Deepseek, SequencesInOneStepDoNotDisturbEachOther) {
  ExpectSequencesDoNotDisturbEachOther(Golden("deepseek_v3.split.gguf"));
  ExpectSequencesDoNotDisturbEachOther(Golden("deepseek_fp8"));
}

// All layouts, the directory too, hold the same values, so they give the same bits.
TEST(Deepseek, LayoutsOfTheFileMakeNoDifference) {
  for (const std::string name : {"deepseek_v3", "deepseek_heads", "deepseek_v2lite"}) {
    std::vector<std::vector<float>> logits;
    for (const std::string layout : {"", ".kv_b.gguf", ".both.gguf", ".split.gguf"}) {
      const Golden golden(name + layout);
      logits.push_back(GoldenRunner(golden, LatentForm::kAbsorbed).Feed(golden.ids));
      EXPECT_EQ(logits.back(), logits.front()) << name << layout;
    }
  }
}

// Some files have the gate's and up's rows of an expert in one tensor.
TEST(Deepseek, ExpertsMayBeFused) {
  const Golden golden("deepseek_v3.split.gguf");
  const std::vector<float> expected = GoldenRunner(golden, LatentForm::kAbsorbed).Feed(golden.ids);
  AlteredFile file("deepseek_v3.split.gguf");
  std::vector<std::vector<std::byte>> fused;
  for (const std::string layer : {"blk.1.", "blk.2."}) {
    NamedTensor& gate = file.Tensor(layer + "ffn_gate_exps.weight");
    const std::string up_name = layer + "ffn_up_exps.weight";
    const TensorView up = file.Tensor(up_name).view;
    const auto bytes = static_cast<std::size_t>(up.bytes() / up.shape[0]);
    std::vector<std::byte>& data = fused.emplace_back();
    for (int64_t expert = 0; expert < up.shape[0]; ++expert) {
      for (const TensorView& part : {gate.view, up}) {
        const std::byte* from = part.data + static_cast<std::size_t>(expert) * bytes;
        data.insert(data.end(), from, from + bytes);
      }
    }
    gate.name = layer + "ffn_gate_up_exps.weight";
    gate.view.shape[1] *= 2;
    gate.view.data = data.data();
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == up_name; });
  }
  const ModelFile altered = file.Open();
  const std::unique_ptr<Model> model = BindModel(altered);
  ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, kGoldenContext);
  EXPECT_EQ(runner.Feed(golden.ids), expected);

  file.Tensor("blk.1.ffn_gate_up_exps.weight").view.shape[1] -= 1;
  EXPECT_THAT(file.BindError(), ::testing::HasSubstr("'blk.1.ffn_gate_up_exps.weight' has shape"));
}

TEST(Deepseek, CacheHoldsOneLatentPerTokenAndLayer) {
  const Golden golden("deepseek_v3.split.gguf");
  EXPECT_EQ(golden.model->cache_layout(CacheType::kF16).bytes_per_token(), 3 * (16 + 8) * 2);
}

// Counted by hand from the sizes of the case "nogroups": 2 layers, hidden 32, vocabulary 71.
TEST(Deepseek, SpecCountsParameters) {
  const int64_t attention = 32 * 24 + 24 + 24 * 96 + 32 * 24 + 16 + 16 * 4 * 32 + 64 * 32 + 2 * 32;
  const int64_t expert = 3 * 32 * 8;
  const int64_t head = 71 * 32 + 32;
  const int64_t always = 2 * attention + 3 * 32 * 48 + 32 * 8 + 8 + 2 * expert + head;
  for (const std::string layout : {"", ".kv_b.gguf", ".both.gguf", ".split.gguf"}) {
    const Golden golden("deepseek_nogroups" + layout);
    const ModelSpec& spec = golden.model->spec();
    EXPECT_EQ(spec.parameters, always + 8 * expert + 71 * 32) << layout;
    EXPECT_EQ(spec.active_parameters, always + 3 * expert) << layout;
    const ModelSpec described = DescribeModel(*golden.file);
    EXPECT_EQ(described.parameters, spec.parameters) << layout;
    EXPECT_EQ(described.active_parameters, spec.active_parameters) << layout;
    EXPECT_EQ(described.weight_bytes_per_token, spec.weight_bytes_per_token) << layout;
  }
}

// Scales in the file's own place and scales that must be copied, because they do not lie where a
// float can be read, are the same scales.
TEST(Deepseek, ScalesMayLieAnywhereInTheFile) {
  const Golden golden("deepseek_fp8");
  const std::vector<float> expected = GoldenRunner(golden, LatentForm::kAbsorbed).Feed(golden.ids);
  AlteredFile file("deepseek_fp8");
  std::vector<std::vector<std::byte>> moved;
  for (NamedTensor& tensor : file.tensors) {
    if (!tensor.name.ends_with("weight_scale_inv")) continue;
    const auto bytes = static_cast<std::size_t>(tensor.view.bytes());
    moved.emplace_back(bytes + 1);
    std::copy_n(tensor.view.data, bytes, moved.back().data() + 1);
    tensor.view.data = moved.back().data() + 1;
  }
  ASSERT_EQ(moved.size(), 28u);
  const ModelFile altered = file.Open();
  const std::unique_ptr<Model> model = BindModel(altered);
  ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, kGoldenContext);
  EXPECT_EQ(runner.Feed(golden.ids), expected);
}

// A parameter is a weight; its scales are bytes that are read, and nothing else.
TEST(Deepseek, ScalesAreBytesButNoParameters) {
  const Golden golden("deepseek_fp8");
  int64_t elements = 0;
  for (const NamedTensor& tensor : golden.file->tensors()) {
    if (!tensor.name.ends_with("weight_scale_inv")) elements += tensor.view.elements();
  }
  EXPECT_EQ(golden.model->spec().parameters, elements);
  EXPECT_EQ(DescribeModel(*golden.file).parameters, elements);
}

}  // namespace
}  // namespace fathom
