// Each operation's gradients against central differences of its own values; whole models are
// compared with PyTorch in src/train.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "base/random.h"
#include "kernels/train/gemm.h"

namespace fathom::autograd {
namespace {

// Values between -1 and 1 that depend on nothing but `seed`.
std::vector<float> RandomValues(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(2.0 * UniformAt(seed, i) - 1.0);
  }
  return values;
}

struct Input {
  int64_t rows, columns;
};

using Build = std::function<Var(Tape&, const std::vector<Var>&)>;

// The sum of all results times fixed random factors, and the gradients of it, for those inputs.
class Difference {
 public:
  Difference(std::vector<Input> inputs, Build build)
      : inputs_(std::move(inputs)), build_(std::move(build)) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      values_.push_back(RandomValues(inputs_[i].rows * inputs_[i].columns, 10 + i));
      gradients_.emplace_back(values_.back().size(), 0.0F);
    }
  }

  void Check() {
    Run(true);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      for (std::size_t k = 0; k < values_[i].size(); ++k) {
        constexpr float kStep = 1e-2F;
        const float kept = values_[i][k];
        values_[i][k] = kept + kStep;
        const double above = Run(false);
        values_[i][k] = kept - kStep;
        const double below = Run(false);
        values_[i][k] = kept;
        const double expected = (above - below) / (2.0 * kStep);
        EXPECT_NEAR(gradients_[i][k], expected, 3e-3 * std::max(1.0, std::abs(expected)))
            << "input " << i << ", value " << k;
      }
    }
  }

 private:
  double Run(bool backward) {
    Arena arena;
    Tape tape(pool_, arena);
    std::vector<Var> leaves;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      leaves.push_back(
          tape.Leaf(values_[i].data(), gradients_[i].data(), inputs_[i].rows, inputs_[i].columns));
    }
    const Var y = build_(tape, leaves);
    const std::vector<float> factors = RandomValues(y->elements(), 99);
    double sum = 0;
    for (std::size_t i = 0; i < factors.size(); ++i) {
      sum += static_cast<double>(factors[i]) * y->data[i];
    }
    if (backward) tape.Backward(y, factors.data());
    return sum;
  }

  ThreadPool pool_{2};
  std::vector<Input> inputs_;
  Build build_;
  std::vector<std::vector<float>> values_, gradients_;
};

TEST(Ops, LinearAndBias) {
  Difference({{5, 3}, {7, 3}, {1, 7}}, [](Tape& tape, const auto& in) {
    return AddBias(tape, Linear(tape, in[0], in[1]), in[2]);
  }).Check();
}

TEST(Ops, EmbedAddsUpRepeatedRows) {
  static const std::vector<int32_t> kIds = {2, 0, 2, 2, 3};
  Difference({{4, 3}}, [](Tape& tape, const auto& in) { return Embed(tape, in[0], kIds); }).Check();
}

TEST(Ops, AddOfAValueToItself) {
  Difference({{3, 4}}, [](Tape& tape, const auto& in) { return Add(tape, in[0], in[0]); }).Check();
}

TEST(Ops, ColumnsAndJoin) {
  Difference({{3, 5}, {3, 2}}, [](Tape& tape, const auto& in) {
    return Join(tape, Columns(tape, in[0], 1, 3), in[1]);
  }).Check();
}

TEST(Ops, NormalizeOverSeveralBlocksOfRows) {
  Difference({{67, 5}, {1, 5}}, [](Tape& tape, const auto& in) {
    return Normalize(tape, in[0], in[1], 1e-2F);
  }).Check();
}

TEST(Ops, Gate) {
  Difference({{3, 5}, {3, 5}}, [](Tape& tape, const auto& in) {
    return Gate(tape, in[0], in[1]);
  }).Check();
}

TEST(Ops, RotateBothPairings) {
  static const std::vector<float> kAngles = {0.3F, -1.1F, 2.0F, 0.7F, 0.0F, 1.4F};
  std::vector<float> cosines, sines;
  for (const float angle : kAngles) {
    cosines.push_back(std::cos(angle));
    sines.push_back(std::sin(angle));
  }
  for (const RopePairing pairing : {RopePairing::kInterleaved, RopePairing::kHalfSplit}) {
    Difference({{3, 10}}, [&](Tape& tape, const auto& in) {
      return Rotate(tape, in[0], {2, 5, 1, pairing}, 4, cosines.data(), sines.data());
    }).Check();
  }
}

TEST(Ops, LatentKeysAndValues) {
  Difference({{3, 10}, {3, 2}}, [](Tape& tape, const auto& in) {
    return Join(tape, LatentKeys(tape, in[0], in[1], 2, 3), LatentValues(tape, in[0], 2, 3));
  }).Check();
}

TEST(Ops, AttendWithGroupsAndPackedSequences) {
  static const Spans kSpans{{0, 4, 5, 8}};
  Difference({{8, 12}, {8, 6}, {8, 4}}, [](Tape& tape, const auto& in) {
    return Attend(tape, in[0], in[1], in[2], {4, 2, 3, 2, 0.9F}, kSpans);
  }).Check();
}

TEST(Ops, AttendOverSeveralBlocksOfQueries) {
  static const Spans kSpans{{0, 131}};
  Difference({{131, 2}, {131, 2}, {131, 1}}, [](Tape& tape, const auto& in) {
    return Attend(tape, in[0], in[1], in[2], {1, 1, 2, 1, 2.0F}, kSpans);
  }).Check();
}

TEST(Ops, SequencesDoNotSeeEachOther) {
  ThreadPool pool(2);
  Arena arena;
  Tape tape(pool, arena);
  std::vector<float> q = RandomValues(6 * 2, 1), k = RandomValues(6 * 2, 2),
                     v = RandomValues(6 * 2, 3);
  const auto attend = [&](const Spans& spans) {
    const Var y =
        Attend(tape, tape.Leaf(q.data(), nullptr, 6, 2), tape.Leaf(k.data(), nullptr, 6, 2),
               tape.Leaf(v.data(), nullptr, 6, 2), {1, 1, 2, 2, 1.0F}, spans);
    return std::vector<float>(y->data, y->data + y->elements());
  };
  const Spans spans{{0, 2, 6}};
  const std::vector<float> before = attend(spans);
  k[0] = v[1] = 50.0F;  // of the first sequence
  const std::vector<float> after = attend(spans);
  EXPECT_NE(before[1], after[1]);
  for (std::size_t i = 4; i < before.size(); ++i) EXPECT_EQ(before[i], after[i]);
}

std::shared_ptr<Routing> SomeRouting() {
  auto routing = std::make_shared<Routing>();
  routing->used = 2;
  routing->chosen = {0, 2, 1, 2, 0, 1, 2, 4, 1, 4};  // nobody goes to expert 3
  routing->GroupByExpert(5);
  return routing;
}

TEST(Ops, ExpertScoresAndWeights) {
  for (const ExpertScores scores : {ExpertScores::kSoftmax, ExpertScores::kSigmoid}) {
    for (const bool normalize : {false, true}) {
      const ExpertWeighting spec{scores, 5, 2, normalize, 1.7F};
      Difference({{5, 5}}, [&](Tape& tape, const auto& in) {
        return ExpertWeights(tape, ExpertScoresOf(tape, in[0], spec), spec, SomeRouting());
      }).Check();
    }
  }
}

TEST(Ops, Mixture) {
  std::vector<Input> inputs = {{5, 3}, {5, 2}};
  for (int e = 0; e < 5; ++e) inputs.insert(inputs.end(), {{4, 3}, {4, 3}, {3, 4}});
  Difference(inputs, [](Tape& tape, const auto& in) {
    std::vector<ExpertLeaves> experts;
    for (std::size_t e = 2; e < in.size(); e += 3) experts.push_back({in[e], in[e + 1], in[e + 2]});
    return Mixture(tape, in[0], in[1], SomeRouting(), std::move(experts));
  }).Check();
}

TEST(Ops, LogProbabilitiesAndTheirSum) {
  Difference({{3, 6}}, [](Tape& tape, const auto& in) {
    const std::vector<float> weights = {0.5F, 0.0F, -2.0F};
    return WeightedSum(tape, LogProbabilities(tape, in[0], {5, 1, 0}), weights);
  }).Check();
}

// What Balanced adds to the gradient of the scores, against differences of the balance it reports.
TEST(Ops, BalancedAddsTheGradientOfTheBalance) {
  const ExpertWeighting spec{ExpertScores::kSigmoid, 5, 2, true, 1.0F};
  const Spans spans{{0, 3, 5}};
  const double alpha = 0.25;
  ThreadPool pool(1);
  std::vector<float> scores = RandomValues(25, 4), gradient(25, 0.0F);
  for (float& score : scores) score = 0.6F + 0.3F * score;
  const auto balance = [&](float* to) {
    Arena arena;
    Tape tape(pool, arena);
    double result = 0;
    const Var y = Balanced(tape, tape.Leaf(scores.data(), to, 5, 5), spec, SomeRouting(), spans,
                           alpha, &result);
    const std::vector<float> seed(25, 2.0F);
    if (to != nullptr) tape.Backward(y, seed.data());
    return result;
  };
  balance(gradient.data());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float kept = scores[i];
    scores[i] = kept + 1e-3F;
    const double above = balance(nullptr);
    scores[i] = kept - 1e-3F;
    const double below = balance(nullptr);
    scores[i] = kept;
    EXPECT_NEAR(gradient[i], 2.0 + alpha * (above - below) / 2e-3, 1e-4) << i;
  }
}

TEST(Ops, EvenLoadHasABalanceOfOne) {
  const ExpertWeighting spec{ExpertScores::kSigmoid, 4, 2, true, 1.0F};
  const std::vector<float> scores(8, 0.5F);
  const std::vector<int32_t> chosen = {0, 1, 2, 3};
  double frequencies[4], shares[4];
  EXPECT_DOUBLE_EQ(SequenceBalance(spec, scores.data(), chosen.data(), 2, frequencies, shares),
                   1.0);
}

TEST(Tape, RecomputedGivesTheSameBits) {
  ThreadPool pool(2);
  std::vector<float> x = RandomValues(12, 1), w = RandomValues(9, 2);
  const auto run = [&](bool recompute) {
    std::vector<float> dx(12, 0.0F), dw(9, 0.0F);
    Arena arena;
    Tape tape(pool, arena);
    const auto body = [&](Tape& inner, Var in) {
      const Var y = Linear(inner, in, inner.Leaf(w.data(), dw.data(), 3, 3));
      return Add(inner, Gate(inner, y, in), y);
    };
    const Var in = tape.Leaf(x.data(), dx.data(), 4, 3);
    const Var y = recompute ? Recomputed(tape, in, body) : body(tape, in);
    tape.Backward(y);
    dx.insert(dx.end(), dw.begin(), dw.end());
    return dx;
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(Tape, BlocksOfMemoryAreUsedAgain) {
  Arena arena;
  const Arena::Mark mark = arena.mark();
  float* first = arena.Take(1000);
  arena.Take(int64_t{20} << 20);
  const std::size_t reserved = arena.reserved_bytes();
  arena.Release(mark);
  EXPECT_EQ(arena.Take(1000), first);
  arena.Take(int64_t{20} << 20);
  EXPECT_EQ(arena.reserved_bytes(), reserved);
}

TEST(Gemm, AllTransposesAndEmptySizes) {
  const std::vector<float> a = RandomValues(6 * 7, 1), b = RandomValues(7 * 6, 2);
  for (const bool at : {false, true}) {
    for (const bool bt : {false, true}) {
      for (const float beta : {0.0F, 1.0F}) {
        std::vector<float> out(3 * 5, 2.0F);
        const auto element = [](const std::vector<float>& m, bool transposed, int64_t row,
                                int64_t column) {
          return static_cast<double>(
              m[static_cast<std::size_t>(transposed ? column * 6 + row : row * 6 + column)]);
        };
        Gemm(3, 4, 2, 0.5F, {a.data(), 6, at}, {b.data(), 6, bt}, beta, out.data(), 5);
        for (int64_t m = 0; m < 3; ++m) {
          for (int64_t n = 0; n < 4; ++n) {
            double expected = beta * 2.0;
            for (int64_t k = 0; k < 2; ++k) {
              expected += 0.5 * element(a, at, m, k) * element(b, bt, k, n);
            }
            EXPECT_NEAR(out[static_cast<std::size_t>(m * 5 + n)], expected, 1e-6);
          }
          EXPECT_EQ(out[static_cast<std::size_t>(m * 5 + 4)], 2.0F);  // beyond the columns
        }
      }
    }
  }
  float untouched = 3.0F;
  Gemm(0, 1, 1, 1.0F, {a.data(), 6}, {b.data(), 6}, 0.0F, &untouched, 1);
  EXPECT_EQ(untouched, 3.0F);
  Gemm(1, 1, 0, 1.0F, {a.data(), 6}, {b.data(), 6}, 1.0F, &untouched, 1);
  EXPECT_EQ(untouched, 3.0F);
  Gemm(1, 1, 0, 1.0F, {a.data(), 6}, {b.data(), 6}, 0.0F, &untouched, 1);
  EXPECT_EQ(untouched, 0.0F);
}

}  // namespace
}  // namespace fathom::autograd
