#include "train/muon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "train/optimiser_kind.h"

namespace fathom {
namespace {

std::vector<float> RandomMatrix(int64_t count, uint64_t seed, double scale) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(scale * NormalsAt(seed, {static_cast<uint32_t>(i), 0, 0, 0})[0]);
  }
  return values;
}

// Eigenvalues of a symmetric matrix, in order, by Jacobi's rotations.
std::vector<double> Eigenvalues(std::vector<double> a, std::size_t n) {
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double angle = 0.5 * std::atan2(2 * a[p * n + q], a[q * n + q] - a[p * n + p]);
        const double c = std::cos(angle), s = std::sin(angle);
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(a[i * n + i]);
  std::ranges::sort(values);
  return values;
}

// Singular values, in order: roots of the eigenvalues of the smaller of Xᵀ X and X Xᵀ.
std::vector<double> SingularValues(const std::vector<float>& x, int64_t rows, int64_t columns) {
  const bool wide = rows <= columns;
  const int64_t n = std::min(rows, columns), depth = std::max(rows, columns);
  const auto at = [&](int64_t small, int64_t large) {
    const int64_t index = wide ? small * columns + large : large * columns + small;
    return static_cast<double>(x[static_cast<std::size_t>(index)]);
  };
  std::vector<double> gram;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += at(i, k) * at(j, k);
      gram.push_back(sum);
    }
  }
  std::vector<double> values = Eigenvalues(gram, static_cast<std::size_t>(n));
  for (double& value : values) value = std::sqrt(std::max(value, 0.0));
  return values;
}

TEST(Orthogonalise, SingularValuesAreNearOne) {
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{
           {40, 9}, {9, 40}, {24, 24}, {64, 32}, {1, 50}, {50, 1}, {1, 1}, {3, 4}}) {
    for (const double scale : {1e-5, 1.0, 1e4}) {
      std::vector<float> x = RandomMatrix(rows * columns, 7, scale);
      std::vector<float> scratch(static_cast<std::size_t>(OrthogonaliseScratch(rows, columns)));
      Orthogonalise(x.data(), rows, columns, 5, scratch.data());
      const std::vector<double> values = SingularValues(x, rows, columns);
      EXPECT_GT(values.front(), 0.65) << rows << " " << columns << " " << scale;
      EXPECT_LT(values.back(), 1.25) << rows << " " << columns << " " << scale;
    }
  }
}

// The polynomial acts on singular values alone, so that the result follows from its scalar form.
TEST(Orthogonalise, IsThePublishedPolynomialOfTheSingularValues) {
  const std::vector<double> before = {0.9, 0.3, 0.01, 0};  // on a diagonal, signs and order mixed
  const double norm = std::sqrt(0.9 * 0.9 + 0.3 * 0.3 + 0.01 * 0.01);
  std::vector<float> x(4 * 6);
  for (std::size_t i = 0; i < 4; ++i) x[i * 6 + (i + 2)] = static_cast<float>(-before[i]);
  std::vector<float> scratch(static_cast<std::size_t>(OrthogonaliseScratch(4, 6)));
  Orthogonalise(x.data(), 4, 6, 5, scratch.data());
  for (std::size_t i = 0; i < 4; ++i) {
    double s = before[i] / norm;
    for (int k = 0; k < 5; ++k) {
      s = 3.4445 * s - 4.7750 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
    }
    for (std::size_t j = 0; j < 6; ++j) {
      EXPECT_NEAR(x[i * 6 + j], j == i + 2 ? -s : 0, 1e-5) << i << " " << j;
    }
  }
  std::vector<float> zeros(4 * 6);
  Orthogonalise(zeros.data(), 4, 6, 5, scratch.data());
  EXPECT_THAT(zeros, ::testing::Each(0.0F));
}

// By tools/goldens/muon.py.
struct MuonGolden {
  Json json;
  std::vector<ParameterShape> shapes;

  MuonGolden() {
    std::ifstream stream(std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/train/muon.json");
    json = ParseJson(std::string(std::istreambuf_iterator<char>(stream), {}), "muon.json");
    for (const Json& matrix : json.at("matrices")) {
      shapes.push_back({"m" + std::to_string(shapes.size()) + ".weight", ParameterKind::kMatrix,
                        matrix.at("rows").get<int64_t>(), matrix.at("columns").get<int64_t>()});
    }
  }

  // Parameters after all steps with that many threads; beside the matrices an embedding and a norm.
  std::vector<float> Train(int threads, double gradient_scale) const {
    std::vector<ParameterShape> all = shapes;
    all.push_back({"embedding.weight", ParameterKind::kEmbedding, 5, 3});
    all.push_back({"norm.weight", ParameterKind::kVector, 1, 4});
    ParameterSet parameters(all);
    const auto copy = [](const Json& from, std::span<float> to, double scale) {
      for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = static_cast<float>(from.at(i).get<double>() * scale);
      }
    };
    const Json& options = json.at("options");
    Muon muon(parameters,
              {.momentum = options.at("momentum").get<double>(),
               .weight_decay = options.at("weight_decay").get<double>()},
              {});
    ThreadPool pool(threads);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      copy(json.at("matrices")[i].at("values"), parameters.values(i), 1);
    }
    const std::size_t steps = json.at("matrices")[0].at("gradients").size();
    for (std::size_t step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        copy(json.at("matrices")[i].at("gradients")[step], parameters.gradients(i),
             1 / gradient_scale);
      }
      for (std::size_t i = shapes.size(); i < all.size(); ++i) {
        std::ranges::fill(parameters.gradients(i), 0.5F);
      }
      muon.Step(pool, parameters, options.at("lr").get<double>(), gradient_scale);
    }
    EXPECT_EQ(muon.steps(), static_cast<int64_t>(steps));
    const std::span<const float> values = parameters.values();
    return {values.begin(), values.end()};
  }
};

TEST(Muon, MakesTheStepsOfPyTorch) {
  const MuonGolden golden;
  for (const double scale : {1.0, 0.25}) {
    const std::vector<float> found = golden.Train(2, scale);
    const float* value = found.data();
    for (const Json& matrix : golden.json.at("matrices")) {
      double error = 0, way = 0;
      for (std::size_t i = 0; i < matrix.at("after").size(); ++i, ++value) {
        const double after = matrix.at("after")[i].get<double>();
        error += std::pow(*value - after, 2);
        way += std::pow(matrix.at("values")[i].get<double>() - after, 2);
      }
      EXPECT_LT(std::sqrt(error), 1e-5 * std::sqrt(way));
    }
  }
}

TEST(Muon, EmbeddingsAndVectorsHaveAdamW) {
  const MuonGolden golden;
  const std::vector<float> found = golden.Train(1, 1);
  ParameterSet parameters({{"embedding.weight", ParameterKind::kEmbedding, 5, 3},
                           {"norm.weight", ParameterKind::kVector, 1, 4}});
  AdamW adamw(parameters, {});
  ThreadPool pool(1);
  std::ranges::fill(parameters.gradients(), 0.5F);
  for (int step = 0; step < 4; ++step) adamw.Step(pool, parameters, 0.02, 1);
  const std::size_t count = parameters.values().size();
  EXPECT_TRUE(std::equal(found.end() - static_cast<std::ptrdiff_t>(count), found.end(),
                         parameters.values().begin()));
}

TEST(Muon, HasTheSameBitsWithAnyThreads) {
  const MuonGolden golden;
  const std::vector<float> expected = golden.Train(1, 1);
  EXPECT_EQ(golden.Train(2, 1), expected);
  EXPECT_EQ(golden.Train(3, 1), expected);
}

TEST(Muon, RefusesOptionsWithoutSense) {
  const ParameterSet parameters({{"a.weight", ParameterKind::kMatrix, 2, 2}});
  for (const double momentum : {-0.1, 1.0, std::nan("")}) {
    EXPECT_THROW(Muon(parameters, {.momentum = momentum}, {}), Error);
  }
  EXPECT_THROW(Muon(parameters, {.iterations = 0}, {}), Error);
}

TEST(OptimiserKind, IsKnownByName) {
  EXPECT_EQ(OptimiserKindOf("adamw"), OptimiserKind::kAdamW);
  EXPECT_EQ(OptimiserKindOf("muon"), OptimiserKind::kMuon);
  EXPECT_THROW(OptimiserKindOf("sgd"), Error);
}

// State of each kind has names of its own, as many values as it moves, and no other optimiser's.
TEST(OptimiserKind, SectionsAreNamedApart) {
  const ParameterSet parameters(
      {{"a.weight", ParameterKind::kMatrix, 2, 3}, {"norm.weight", ParameterKind::kVector, 1, 4}});
  const auto sections = [&](OptimiserKind kind) {
    std::vector<std::string> found;
    for (const auto& section : MakeOptimiser(parameters, kind, {}, {})->Sections()) {
      found.push_back(section.name + " " + std::to_string(section.values.size()));
    }
    return found;
  };
  EXPECT_THAT(sections(OptimiserKind::kAdamW),
              ::testing::ElementsAre("first moments 10", "second moments 10"));
  EXPECT_THAT(
      sections(OptimiserKind::kMuon),
      ::testing::ElementsAre("Muon: momenta 6", "Muon: first moments 4", "Muon: second moments 4"));
}

}  // namespace
}  // namespace fathom
