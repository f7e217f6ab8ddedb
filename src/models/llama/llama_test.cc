// The llama architecture and its relatives, from GGUF files and from directories, against
// transformers (tests/goldens/model, float32), and against themselves in other chunks, threads and
// kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/testing/golden.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

constexpr LatentForm kForm = LatentForm::kAbsorbed;  // means nothing to this attention

std::vector<std::string> Names() { return GoldenNames({"llama_", "qwen2_", "hf_llama_"}); }

class LlamaGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(LlamaGolden, LogitsMatchTransformers) {
  ExpectLogitsOfTransformers(Golden(GetParam()), kForm);
}

TEST_P(LlamaGolden, HiddenStatesMatchTransformers) {
  ExpectHiddenStatesOfTransformers(Golden(GetParam()), kForm);
}

TEST_P(LlamaGolden, GreedyContinuationMatchesTransformers) {
  ExpectGreedyIdsOfTransformers(Golden(GetParam()), kForm);
}

TEST_P(LlamaGolden, ResultsDoNotDependOnChunksOrThreads) {
  ExpectNoDifferenceOfChunksOrThreads(Golden(GetParam()));
}

TEST_P(LlamaGolden, FastKernelsStayCloseToTransformers) {
  ExpectFastKernelsStayClose(Golden(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Goldens, LlamaGolden, ::testing::ValuesIn(Names()), GoldenTestName);

TEST(Llama, GoldensAreThere) { EXPECT_GE(Names().size(), 22u); }

TEST(Llama, SequencesInOneStepDoNotDisturbEachOther) {
  ExpectSequencesDoNotDisturbEachOther(Golden("llama_gqa.gguf"));
}

// What a module that predicts further would be given.
TEST(Llama, HandsOverTheHiddenStatesOfEveryRow) {
  const Golden golden("llama_gqa.gguf");
  ModelRunner runner = GoldenRunner(golden, kForm);
  RecordingTap tap;
  std::vector<float> hidden(golden.ids.size() * golden.hidden());
  runner.context().tap = &tap;
  runner.context().hidden_out = hidden.data();
  runner.Feed(golden.ids);
  const int64_t last = golden.model->spec().layers - 1;
  EXPECT_EQ(hidden, tap.records.at("layer." + std::to_string(last) + ".hidden"));
  EXPECT_EQ(BindMtpModule(*golden.file), nullptr);
}

TEST(Llama, SpecCountsParameters) {
  const Golden tied("llama_tied.gguf");
  EXPECT_EQ(tied.model->spec().active_parameters, tied.model->spec().parameters);
  const Golden untied("llama_gqa.gguf");
  EXPECT_LT(untied.model->spec().active_parameters, untied.model->spec().parameters);
  EXPECT_EQ(untied.model->spec().architecture, "llama");
}

// ---- Files that must be refused, made from a good one by changing metadata ----

TEST(LlamaErrors, UnchangedFileBinds) { EXPECT_EQ(AlteredFile("llama_gqa.gguf").BindError(), ""); }

TEST(LlamaErrors, UnknownArchitectureIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["general.architecture"] = std::string("mamba");
  EXPECT_THAT(file.BindError(), HasSubstr("unsupported: "));
  EXPECT_THAT(file.BindError(), HasSubstr("architecture 'mamba' is not supported"));
}

TEST(LlamaErrors, UnknownSemanticKeyIsRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.attention.sliding_window"] = int64_t{512};
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.attention.sliding_window' is not known"));
}

TEST(LlamaErrors, MissingKeyIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata.erase("llama.attention.head_count");
  EXPECT_THAT(file.BindError(), HasSubstr("llama.attention.head_count"));
}

TEST(LlamaErrors, ExpertsAreRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.expert_count"] = int64_t{8};
  EXPECT_THAT(file.BindError(), HasSubstr("8 experts"));
}

TEST(LlamaErrors, HeadCountsMustDivide) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.attention.head_count_kv"] = int64_t{5};
  EXPECT_THAT(file.BindError(), HasSubstr("expected a multiple of"));
}

TEST(LlamaErrors, UnknownRopeScalingIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.rope.scaling.type"] = std::string("longrope");
  EXPECT_THAT(file.BindError(),
              HasSubstr("'llama.rope.scaling.type' is 'longrope', expected none, linear or yarn"));
}

TEST(LlamaErrors, RopeScalingWithoutATypeIsRefused) {
  AlteredFile file("llama_rope_linear.gguf");
  file.metadata.erase("llama.rope.scaling.type");
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.rope.scaling.type' is missing, expected a type, "
                                          "since 'llama.rope.scaling.factor' is given"));
}

TEST(LlamaErrors, RotationsThatMakeNoSenseAreRefused) {
  AlteredFile file("llama_rope_yarn.gguf");
  file.metadata["llama.rope.scaling.yarn_beta_fast"] = 0.5;
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.rope.scaling.yarn_beta_fast' is 0.500000, "
                                          "expected at least 'yarn_beta_slow', 1.000000"));
  file.metadata["llama.rope.freq_base"] = 1.0;
  EXPECT_THAT(file.BindError(),
              HasSubstr("'llama.rope.freq_base' is 1.000000, expected more than 1"));
}

TEST(LlamaErrors, VectorsMustBeFinite) {
  AlteredFile file("llama_gqa.gguf");
  std::vector<float> values(
      static_cast<std::size_t>(file.Tensor("blk.1.ffn_norm.weight").view.elements()));
  values[3] = std::nanf("");
  file.Tensor("blk.1.ffn_norm.weight").view.data = reinterpret_cast<std::byte*>(values.data());
  EXPECT_THAT(file.BindError(),
              HasSubstr("llama_gqa.gguf: tensor 'blk.1.ffn_norm.weight' holds nan, expected"));
}

TEST(LlamaErrors, OutOfRangeNumbersAreRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.block_count"] = int64_t{0};
  EXPECT_THAT(file.BindError(), HasSubstr("expected 1 to"));
  file.metadata["llama.block_count"] = int64_t{1} << 40;
  EXPECT_THAT(file.BindError(), HasSubstr("expected 1 to"));
}

TEST(LlamaErrors, MissingTensorIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.Tensor("blk.1.ffn_up.weight").name = "blk.1.ffn_up.gone";
  EXPECT_THAT(file.BindError(), HasSubstr("'blk.1.ffn_up.gone' is not known"));
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name == "blk.1.ffn_up.gone"; });
  EXPECT_THAT(file.BindError(), HasSubstr("blk.1.ffn_up.weight"));
}

TEST(LlamaErrors, WrongShapeNamesExpectedAndFound) {
  AlteredFile file("llama_gqa.gguf");
  TensorView& view = file.Tensor("blk.0.attn_k.weight").view;
  view.shape[0] /= 2;
  EXPECT_THAT(file.BindError(), HasSubstr("blk.0.attn_k.weight"));
  EXPECT_THAT(file.BindError(), HasSubstr(ShapeText(view)));
}

TEST(LlamaErrors, VocabularyMustAgreeWithTheEmbedding) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.vocab_size"] = int64_t{7};
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.vocab_size' is 7"));
}

}  // namespace
}  // namespace fathom
