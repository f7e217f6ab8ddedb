#include "recipe/mtp_acceptance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "models/testing/golden.h"
#include "models/testing/mtp_runner.h"
#include "models/testing/training_golden.h"

namespace fathom {
namespace {

// The same with the model that inference binds, its own kernels and its own module: one sequence
// after the other.
class Inference {
 public:
  // An entry a token: 1 where the second token is accepted.
  std::vector<int> Accepted(const std::vector<int32_t>& ids) {
    std::vector<float> hidden(ids.size() * golden_.hidden());
    ModelRunner model = GoldenRunner(golden_, LatentForm::kAbsorbed);
    model.context().hidden_out = hidden.data();
    const std::vector<float> logits = model.Feed(ids);
    MtpRunner runner(*module_, golden_.model->spec(), ReferenceKernels(), CacheType::kF32, 2,
                     LatentForm::kAbsorbed);
    const std::vector<float> further =
        runner.Feed(std::span(ids).subspan(1), hidden.data());  // row t follows with ids[t + 1]
    std::vector<int> accepted(ids.size());
    for (std::size_t i = 2; i < ids.size(); ++i) {
      accepted[i] = Best(further, i - 2) == Best(logits, i - 1);
    }
    return accepted;
  }
  // What the model says itself behind a prompt, always its most likely token.
  std::vector<int32_t> Greedy(std::vector<int32_t> ids, std::size_t length) {
    ModelRunner model = GoldenRunner(golden_, LatentForm::kAbsorbed);
    std::vector<float> logits = model.Feed(ids);
    while (ids.size() < length) {
      ids.push_back(static_cast<int32_t>(Best(logits, logits.size() / golden_.vocabulary() - 1)));
      logits = model.Feed(std::span(ids).last(1));
    }
    return ids;
  }

 private:
  std::ptrdiff_t Best(const std::vector<float>& logits, std::size_t row) const {
    const float* first = logits.data() + row * golden_.vocabulary();
    return std::max_element(first, first + golden_.vocabulary()) - first;
  }

  Golden golden_{"deepseek_mtp"};
  std::unique_ptr<MtpModule> module_ = BindMtpModule(*golden_.file, HiddenSide::kBeforeNorm);
};

TEST(MtpAcceptance, IsThatOfTheModelThatInferenceBinds) {
  Inference inference;
  const TrainingGolden golden("deepseek_mtp");
  std::vector<JudgedSequence> sequences;
  for (const auto& sequence : golden.json.at("sequences")) {
    sequences.push_back({sequence.get<std::vector<int32_t>>(), 10});
  }
  for (const int32_t first : {1, 7, 30}) {
    sequences.push_back({inference.Greedy({first, 2, 3}, 60), 3});
  }
  sequences.push_back({{5, 6, 7}, 0});  // one token to judge
  MtpAcceptance expected;
  for (const JudgedSequence& sequence : sequences) {
    const std::vector<int> accepted = inference.Accepted(sequence.tokens);
    for (auto i = static_cast<std::size_t>(std::max<int64_t>(sequence.begin, 2));
         i < accepted.size(); ++i) {
      ++expected.judged;
      expected.accepted += accepted[i];
    }
  }
  ASSERT_GT(expected.accepted, 0);
  ASSERT_LT(expected.accepted, expected.judged);
  sequences.push_back({{5, 6}, 0});  // too short
  sequences.push_back({{5, 6, 7}, 3});
  sequences.push_back({});
  ThreadPool pool(2);
  for (const int64_t batch_tokens : {1, 100, 4096}) {
    const MtpAcceptance found = MeasureMtpAcceptance(*golden.model, sequences, pool, batch_tokens);
    EXPECT_EQ(found.judged, expected.judged) << batch_tokens;
    EXPECT_EQ(found.accepted, expected.accepted) << batch_tokens;
  }
}

TEST(MtpAcceptance, CanBeCancelled) {
  const TrainingGolden golden("deepseek_mtp");
  ThreadPool pool(1);
  const JudgedSequence sequence{{5, 6, 7}, 0};
  const CancelFlag cancelled = true;
  try {
    MeasureMtpAcceptance(*golden.model, {&sequence, 1}, pool, 4096, &cancelled);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(MtpAcceptance, OfNothingIsNothing) {
  const TrainingGolden golden("deepseek_mtp");
  ThreadPool pool(1);
  const MtpAcceptance found = MeasureMtpAcceptance(*golden.model, {}, pool);
  EXPECT_EQ(found.judged, 0);
  EXPECT_EQ(found.share(), 0);
  EXPECT_DOUBLE_EQ((MtpAcceptance{8, 6}.share()), 0.75);
}

TEST(MtpAcceptance, WhatCannotBeJudgedIsAnError) {
  ThreadPool pool(1);
  const auto code = [&](const std::string& name, std::vector<int32_t> tokens) {
    const TrainingGolden golden(name);
    const JudgedSequence sequence{std::move(tokens), 0};
    try {
      MeasureMtpAcceptance(*golden.model, {&sequence, 1}, pool);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code("deepseek_v3", {1, 2, 3}), ErrorCode::kUnsupported);
  EXPECT_EQ(code("deepseek_mtp", {1, 96, 3}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("deepseek_mtp", {1, -1, 3}), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace fathom
