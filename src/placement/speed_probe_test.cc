// The probe runs real kernels on made-up weights of any format and shape: it has to stay inside its
// memory and to give times that mean something.
#include "placement/speed_probe.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fathom {
namespace {

WeightGroup Group(Format format, int64_t rows, int64_t columns) {
  WeightGroup group;
  group.format = format;
  group.rows = rows;
  group.columns = columns;
  group.matrices = 1;
  return group;
}

TEST(SpeedProbeTest, EveryFormat) {
  const KernelTable& kernels = *AvailableKernels().front();
  ThreadPool pool(2);
  SpeedProbe probe(kernels, pool, 0);
  for (int i = 0; i < kFormatCount; ++i) {
    const auto format = static_cast<Format>(i);
    const double seconds = probe.MatrixSeconds(Group(format, 200, 512), 1 + i % 3, 2);
    EXPECT_GT(seconds, 1e-8) << RowOf(format).name;
    EXPECT_LT(seconds, 10) << RowOf(format).name;
  }
}

TEST(SpeedProbeTest, LargeMatricesAreTimedInPart) {
  const KernelTable& kernels = *AvailableKernels().front();
  ThreadPool pool(1);
  SpeedProbe probe(kernels, pool, 0);
  // 2 GB, in 16 MB of weights: a hundred times the rows take about a hundred times as long.
  const double small = probe.MatrixSeconds(Group(Format::kQ8_0, 4096, 1024), 1, 1);
  const double large = probe.MatrixSeconds(Group(Format::kQ8_0, 409600, 1024), 1, 1);
  EXPECT_GT(large, 20 * small);
  EXPECT_LT(large, 500 * small);
  // Many rows take longer than one.
  EXPECT_GT(probe.MatrixSeconds(Group(Format::kQ8_0, 4096, 1024), 64, 1), small);
}

TEST(SpeedProbeTest, WideMatricesStayInsideTheWeights) {
  ThreadPool pool(4);
  SpeedProbe probe(*AvailableKernels().front(), pool, 0);
  // A row of 16 MB is all there is; a larger one is refused.
  EXPECT_GT(probe.MatrixSeconds(Group(Format::kF32, 300, 1 << 22), 1, 3), 0);
  EXPECT_THROW(probe.MatrixSeconds(Group(Format::kF32, 300, (1 << 22) + 32), 1, 1), Error);
}

TEST(SpeedProbeTest, Attention) {
  ThreadPool pool(2);
  SpeedProbe probe(*AvailableKernels().front(), pool, 0);
  const AttentionOutline grouped{.heads = 6, .kv_heads = 2, .head_dim = 40};
  const AttentionOutline latent{.latent = true, .heads = 9, .width = 96, .value_width = 64};
  for (const AttentionOutline& attention : {grouped, latent}) {
    for (const CacheType type : {CacheType::kF16, CacheType::kF32}) {
      for (const int64_t tokens : {1, 40}) {
        const double seconds = probe.PairSeconds(attention, type, tokens, 1 + tokens % 7, 100);
        EXPECT_GT(seconds, 1e-12);
        EXPECT_LT(seconds, 1);
      }
    }
    EXPECT_GT(probe.PairSeconds(attention, CacheType::kF16, 1, 1, 1 << 20), 0);
    EXPECT_GT(probe.PairSeconds(attention, CacheType::kF16, 1, 1, 0), 0);
  }
}

TEST(SpeedProbeTest, TheRestOfALayer) {
  ThreadPool pool(2);
  SpeedProbe probe(*AvailableKernels().front(), pool, 0);
  ModelOutline model;
  model.vocabulary = 1000;
  for (const int64_t hidden : {24, 256}) {
    for (const int64_t wide : {0, 40}) {
      model.hidden = hidden;
      model.feed_forward_width = wide;
      for (const int64_t rows : {1, 3, 100}) {
        const double seconds = probe.LayerSeconds(model, rows);
        EXPECT_GT(seconds, 1e-9);
        EXPECT_LT(seconds, 10);
      }
    }
  }
  EXPECT_GT(probe.ChoiceSeconds(model), 1e-9);
}

}  // namespace
}  // namespace fathom
