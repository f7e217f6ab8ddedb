// Gradients and steps of training against PyTorch's (tools/goldens/train_gradients.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/testing/training_golden.h"
#include "train/adamw.h"
#include "train/language_loss.h"

namespace fathom {
namespace {

// One pass and its gradients in the model's parameters; returns the loss.
double Differentiate(TrainingGolden& golden, ThreadPool& pool, autograd::Arena& arena,
                     bool recompute) {
  golden.model->parameters().ClearGradients();
  const autograd::Arena::Mark mark = arena.mark();
  autograd::Tape tape(pool, arena);
  const TrainingPass pass =
      golden.model->Forward(tape, golden.batch, {.balance_factor = 0, .recompute = recompute});
  const LanguageLoss loss =
      LanguageLossOf(tape, pass, golden.batch, {}, PredictedWeightOf(golden.batch, {}),
                     golden.json.at("mtp_factor").get<double>());
  const double value = loss.total->data[0];
  tape.Backward(loss.total);
  arena.Release(mark);
  return value;
}

class Gradients : public ::testing::TestWithParam<std::string> {};

TEST_P(Gradients, AreThoseOfPyTorch) {
  TrainingGolden golden(GetParam());
  ThreadPool pool(2);
  autograd::Arena arena;
  const double loss = Differentiate(golden, pool, arena, true);
  EXPECT_NEAR(loss, golden.json.at("loss").get<double>(), 1e-5);

  const ParameterSet& parameters = golden.model->parameters();
  const Json& tensors = golden.json.at("tensors");
  ASSERT_EQ(tensors.size(), parameters.shapes().size());
  const float* expected = golden.gradients.data();
  for (const Json& tensor : tensors) {
    const auto name = tensor.at("name").get<std::string>();
    const std::span<const float> found = parameters.gradients(parameters.IndexOf(name));
    ASSERT_EQ(found.size(), tensor.at("elements").get<std::size_t>()) << name;
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      error += std::pow(static_cast<double>(found[i]) - expected[i], 2);
      norm += std::pow(expected[i], 2);
    }
    // Exactly zero where no token goes to an expert.
    EXPECT_LE(std::sqrt(error), 1e-4 * std::sqrt(norm)) << name;
    expected += found.size();
  }
  EXPECT_EQ(expected, golden.gradients.data() + golden.gradients.size());
}

TEST_P(Gradients, AreTheSameBitsWithAnyThreadsAndRecomputed) {
  TrainingGolden golden(GetParam());
  autograd::Arena arena;
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    for (const bool recompute : {false, true}) {
      ThreadPool pool(threads);
      Differentiate(golden, pool, arena, recompute);
      const std::span<const float> found = golden.model->parameters().gradients();
      if (first.empty()) first.assign(found.begin(), found.end());
      ASSERT_TRUE(std::ranges::equal(found, first)) << threads << " " << recompute;
    }
  }
}

TEST_P(Gradients, TwentyStepsHaveTheLossesOfPyTorch) {
  TrainingGolden golden(GetParam());
  ThreadPool pool(2);
  autograd::Arena arena;
  const Json& options = golden.json.at("optimiser");
  ParameterSet& parameters = golden.model->parameters();
  AdamW optimiser(parameters, {.beta1 = options.at("betas")[0].get<double>(),
                               .beta2 = options.at("betas")[1].get<double>(),
                               .epsilon = options.at("eps").get<double>(),
                               .weight_decay = options.at("weight_decay").get<double>()});
  const auto expected = golden.json.at("losses").get<std::vector<double>>();
  for (std::size_t step = 0; step < expected.size(); ++step) {
    EXPECT_NEAR(Differentiate(golden, pool, arena, true), expected[step], 1e-3) << step;
    const double norm = GradientNorm(pool, parameters);
    optimiser.Step(pool, parameters, options.at("lr").get<double>(),
                   ClipScale(norm, options.at("clip").get<double>()));
  }
  EXPECT_LT(expected.back(), 0.75 * expected.front());  // something was learnt
}

INSTANTIATE_TEST_SUITE_P(Models, Gradients, ::testing::ValuesIn(TrainingGoldenNames()),
                         GoldenTestName);

}  // namespace
}  // namespace fathom
