// For tests: tiny models whose results transformers computed (tests/goldens/model), as files of
// both kinds, and what a model of any architecture must do with them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/testing/altered_file.h"
#include "models/testing/model_runner.h"

namespace fathom {

inline const std::filesystem::path kModelGoldens =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";
inline constexpr int64_t kGoldenContext = 256;

// Files and directories whose name begins with one of the prefixes; "NAME.json" is the reference of
// "NAME", "NAME.gguf" and "NAME.LAYOUT.gguf".
inline std::vector<std::string> GoldenNames(std::initializer_list<std::string_view> prefixes) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kModelGoldens)) {
    const std::string name = entry.path().filename().string();
    const bool ours = std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
      return name.starts_with(prefix);
    });
    if (ours && entry.path().extension() != ".json") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string GoldenTestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

inline Json GoldenJson(const std::string& name) {
  std::ifstream stream(kModelGoldens / (name.substr(0, name.find('.')) + ".json"));
  std::stringstream text;
  text << stream.rdbuf();
  return ParseJson(text.str(), name);
}

struct Golden {
  Json json;
  std::unique_ptr<ModelFile> file;
  std::unique_ptr<Model> model;
  std::vector<int32_t> ids;

  explicit Golden(const std::string& name)
      : json(GoldenJson(name)),
        file(std::make_unique<ModelFile>(OpenGolden(name))),
        model(BindModel(*file)),
        ids(json.at("ids").get<std::vector<int32_t>>()) {}

  std::size_t vocabulary() const { return static_cast<std::size_t>(model->spec().vocabulary); }
  std::size_t hidden() const { return static_cast<std::size_t>(model->spec().hidden); }
};

// log softmax of a row, at id.
inline double Logprob(const float* row, std::size_t vocabulary, int32_t id) {
  const double best = *std::max_element(row, row + vocabulary);
  double sum = 0;
  for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(row[i] - best);
  return row[id] - best - std::log(sum);
}

// The distance of a row from the expected one, over the length of that.
inline double RelativeError(const float* found, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += (found[i] - expected[i]) * (found[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

// Everything in float32, with plain kernels.
inline ModelRunner GoldenRunner(const Golden& golden, LatentForm form, int threads = 2) {
  return {*golden.model, ReferenceKernels(), CacheType::kF32, threads, kGoldenContext, form};
}

// Float32's own noise in these models is below 3e-5 (float64_max_difference); log-probabilities of
// another summation order stay within 1e-4, logits, which are larger, within 1e-3.
inline void ExpectLogitsOfTransformers(const Golden& golden, LatentForm form) {
  ModelRunner runner = GoldenRunner(golden, form);
  const std::vector<float> logits = runner.Feed(golden.ids);
  const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
  ASSERT_EQ(expected.size() + 1, golden.ids.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double found =
        Logprob(logits.data() + i * golden.vocabulary(), golden.vocabulary(), golden.ids[i + 1]);
    ASSERT_NEAR(found, expected[i], 1e-4) << "position " << i;
  }
  const auto last = golden.json.at("last_logits").get<std::vector<double>>();
  ASSERT_EQ(last.size(), golden.vocabulary());
  for (std::size_t i = 0; i < last.size(); ++i) {
    ASSERT_NEAR(logits[logits.size() - last.size() + i], last[i], 1e-3) << "logit " << i;
  }
}

inline void ExpectHiddenStatesOfTransformers(const Golden& golden, LatentForm form) {
  ModelRunner runner = GoldenRunner(golden, form, 1);
  RecordingTap tap;
  runner.context().tap = &tap;
  runner.Feed(golden.ids);
  const auto positions = golden.json.at("hidden_positions").get<std::vector<std::size_t>>();
  std::size_t compared = 0;
  for (const auto& [name, rows] : golden.json.at("hidden").items()) {
    if (!name.starts_with("layer.")) continue;
    ASSERT_TRUE(tap.records.contains(name)) << name;
    for (std::size_t row = 0; row < positions.size(); ++row) {
      const auto expected = rows.at(row).get<std::vector<double>>();
      ASSERT_EQ(expected.size(), golden.hidden());
      EXPECT_LE(
          RelativeError(tap.records[name].data() + positions[row] * golden.hidden(), expected),
          1e-4)
          << name << " position " << positions[row];
      ++compared;
    }
  }
  EXPECT_EQ(compared, static_cast<std::size_t>(golden.model->spec().layers) * positions.size());
}

inline void ExpectGreedyIdsOfTransformers(const Golden& golden, LatentForm form) {
  const Json& greedy = golden.json.at("greedy");
  const auto expected = greedy.at("ids").get<std::vector<int32_t>>();
  ASSERT_EQ(expected.size(), 64u);
  ModelRunner runner = GoldenRunner(golden, form);
  std::vector<float> logits = runner.Feed(greedy.at("prompt").get<std::vector<int32_t>>());
  for (const int32_t id : expected) {
    const float* last = logits.data() + logits.size() - golden.vocabulary();
    const auto best = std::max_element(last, last + golden.vocabulary()) - last;
    ASSERT_EQ(best, id);
    logits = runner.Feed(std::span(&id, 1));
  }
}

// One order of summation: the same bits in any chunking, with any number of threads.
inline void ExpectNoDifferenceOfChunksOrThreads(const Golden& golden) {
  for (const KernelTable* kernels : AvailableKernels()) {
    for (const CacheType type : {CacheType::kF32, CacheType::kF16}) {
      ModelRunner whole(*golden.model, *kernels, type, 1, kGoldenContext);
      const std::vector<float> expected = whole.Feed(golden.ids);
      ModelRunner runner(*golden.model, *kernels, type, 3, kGoldenContext);
      for (const std::size_t chunk : {1, 7, 33}) {
        runner.Restart();
        std::vector<float> found;
        for (std::size_t at = 0; at < golden.ids.size(); at += chunk) {
          const auto count = std::min(chunk, golden.ids.size() - at);
          const auto part = runner.Feed(std::span(golden.ids).subspan(at, count));
          found.insert(found.end(), part.begin(), part.end());
        }
        EXPECT_EQ(found, expected) << kernels->name << ", chunks of " << chunk;
      }
    }
  }
}

// SIMD kernels may quantise activations, and a cache of halves rounds: they agree with the
// reference within the bound that the default model is held to, as a mean over log-probabilities.
inline void ExpectFastKernelsStayClose(const Golden& golden) {
  const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner runner(*golden.model, *kernels, CacheType::kF16, 2, kGoldenContext);
    const std::vector<float> logits = runner.Feed(golden.ids);
    double sum = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      sum += std::abs(
          Logprob(logits.data() + i * golden.vocabulary(), golden.vocabulary(), golden.ids[i + 1]) -
          expected[i]);
    }
    EXPECT_LE(sum / static_cast<double>(expected.size()), 0.05) << kernels->name;
  }
}

// The same ids twice in one step, the second sequence starting three tokens later.
inline void ExpectSequencesDoNotDisturbEachOther(const Golden& golden) {
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner alone(*golden.model, *kernels, CacheType::kF16, 2, kGoldenContext);
    const std::vector<float> expected = alone.Feed(golden.ids);

    ThreadPool pool(2);
    Scratch scratch(golden.model->ScratchBytes(512, 512, 2));
    ExecContext context{*kernels, pool, scratch, CacheType::kF16};
    const auto page_bytes =
        static_cast<std::size_t>(golden.model->cache_layout(CacheType::kF16).page_bytes);
    Buffer memory(16 * page_bytes, "test cache");
    std::vector<std::byte*> first, second;
    for (std::size_t i = 0; i < 8; ++i) {
      first.push_back(memory.data() + 2 * i * page_bytes);
      second.push_back(memory.data() + (2 * i + 1) * page_bytes);
    }
    const auto count = static_cast<int64_t>(golden.ids.size());
    std::vector<float> ignored(3 * golden.vocabulary());
    const std::vector<int32_t> start(golden.ids.begin(), golden.ids.begin() + 3);
    const SequenceSlice warm{0, 3, 0, second};
    const std::vector<int32_t> warm_rows = {0, 1, 2};
    golden.model->Forward(context, {start, {&warm, 1}, warm_rows}, ignored.data());

    std::vector<int32_t> ids(golden.ids);
    ids.insert(ids.end(), golden.ids.begin() + 3, golden.ids.end());
    const SequenceSlice slices[] = {{0, count, 0, first}, {count, count - 3, 3, second}};
    const std::vector<int32_t> rows = {static_cast<int32_t>(count - 1),
                                       static_cast<int32_t>(2 * count - 4)};
    std::vector<float> logits(2 * golden.vocabulary());
    golden.model->Forward(context, {ids, slices, rows}, logits.data());
    const std::vector<float> last(expected.end() - golden.model->spec().vocabulary, expected.end());
    const auto middle = logits.begin() + golden.model->spec().vocabulary;
    EXPECT_EQ(std::vector<float>(logits.begin(), middle), last);
    EXPECT_EQ(std::vector<float>(middle, logits.end()), last);
  }
}

}  // namespace fathom
