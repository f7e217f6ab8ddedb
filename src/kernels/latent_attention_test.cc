// The cache of latents and attention over it, every table against the plain reference: odd widths,
// heads and lengths, garbage after the last position, independence of how a prompt is cut into
// chunks and of how the heads are split.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

constexpr double kEpsilon = 0x1p-24;
constexpr float kGuard = -77.25F;

struct Shape {
  CacheType type;
  int64_t latent;  // values of a head
  int64_t rotary;
  int64_t heads;
  int64_t tokens;

  int64_t width() const { return latent + rotary; }
};

std::string Describe(const Shape& shape) {
  return std::string(NameOf(shape.type)) + " cache, latent " + std::to_string(shape.latent) +
         " + " + std::to_string(shape.rotary) + ", heads " + std::to_string(shape.heads) +
         ", tokens " + std::to_string(shape.tokens);
}

// A sequence's latents in shuffled pages, each with a slice before and after the one that is used,
// and its queries. All bytes of the pages are NaNs until they are stored.
class Sequence {
 public:
  Sequence(const KernelTable& table, const Shape& shape)
      : shape_(shape),
        slice_bytes_(LatentSliceBytes(shape.type, shape.width())),
        latents_(RandomFloats(shape.tokens * LatentStride(), 1)),
        queries_(RandomFloats(shape.tokens * TokenStride(), 2)) {
    // Some scores stand out, so that later pages raise the maximum and rescale.
    for (float& q : queries_) q *= 4.0F;
    const int64_t count = (shape.tokens + kPageTokens - 1) / kPageTokens;
    bytes_.resize(static_cast<std::size_t>(count * 3 * slice_bytes_), std::byte{0x7f});
    for (int64_t i = 0; i < count; ++i) {
      pages_.push_back(bytes_.data() + (count - 1 - i) * 3 * slice_bytes_);
    }
    Store(table, 0, shape.tokens / 3);
    Store(table, shape.tokens / 3, shape.tokens - shape.tokens / 3);
  }

  int64_t LatentStride() const { return shape_.width() + 3; }
  int64_t HeadStride() const { return shape_.width() + 1; }
  int64_t TokenStride() const { return shape_.heads * HeadStride() + 2; }
  int64_t OutHeadStride() const { return shape_.latent + 5; }
  int64_t OutTokenStride() const { return shape_.heads * OutHeadStride(); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

  bool NeighboursAreUntouched() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      const auto slice = static_cast<int64_t>(i) / slice_bytes_ % 3;
      if (slice != 1 && bytes_[i] != std::byte{0x7f}) return false;
    }
    return true;
  }

  // Tokens [first, first + count) of heads [head, head + heads), into [count][OutTokenStride()]
  // with guards wherever nothing belongs.
  std::vector<float> Attend(const KernelTable& table, int64_t first, int64_t count, int64_t head,
                            int64_t heads) const {
    std::vector<float> out(static_cast<std::size_t>(count * OutTokenStride()), kGuard);
    LatentAttentionArgs args{};
    args.type = shape_.type;
    args.q = queries_.data() + first * TokenStride() + head * HeadStride();
    args.q_token_stride = TokenStride();
    args.q_head_stride = HeadStride();
    args.out = out.data() + head * OutHeadStride();
    args.out_token_stride = OutTokenStride();
    args.out_head_stride = OutHeadStride();
    args.tokens = count;
    args.first_position = first;
    args.heads = heads;
    args.width = shape_.width();
    args.value_width = shape_.latent;
    args.scale = 1.0F / std::sqrt(static_cast<float>(shape_.width()));
    args.pages = pages_.data();
    args.slice_offset = slice_bytes_;
    table.latent_attention(args);
    return out;
  }
  std::vector<float> Attend(const KernelTable& table, int64_t first, int64_t count) const {
    return Attend(table, first, count, 0, shape_.heads);
  }

 private:
  void Store(const KernelTable& table, int64_t first, int64_t count) {
    table.latent_store({shape_.type, latents_.data() + first * LatentStride(), LatentStride(),
                        count, first, shape_.width(), pages_.data(), slice_bytes_});
  }

  Shape shape_;
  int64_t slice_bytes_;
  std::vector<float> latents_;
  std::vector<float> queries_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte*> pages_;
};

class LatentAttentionOps : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const CacheType type : kCacheTypes) {
    shapes.push_back({type, 512, 64, 16, 37});  // DeepSeek-V2 and V3
    shapes.push_back({type, 16, 8, 4, 100});
    shapes.push_back({type, 24, 8, 3, 65});
    shapes.push_back({type, 20, 6, 5, 70});  // not a whole number of vectors
    shapes.push_back({type, 4, 2, 1, 33});
    shapes.push_back({type, 60, 7, 2, 40});  // a group of scales across both parts
    shapes.push_back({type, kMaxLatentWidth - 64, 64, 2, 34});
    for (const int64_t tokens : {1, 2, 31, 32, 33, 64, 200}) {
      shapes.push_back({type, 64, 16, 8, tokens});
    }
    shapes.push_back({type, 64, 16, 61, 5});  // more heads than a block has rows
  }
  return shapes;
}

TEST_P(LatentAttentionOps, StoresLikeTheReference) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(Describe(shape));
    const Sequence got(table(), shape), expected(ReferenceKernels(), shape);
    EXPECT_TRUE(got.NeighboursAreUntouched());
    EXPECT_EQ(got.bytes(), expected.bytes());
  }
}

// As for the heads of attention_test.cc: a score of magnitude at most sum |q k| * scale is off by
// `width` roundings of it, so a weight has that relative error plus the exponential's; the weighted
// mean of values in [-1, 1) is off by twice that, one rounding a token (in two sums) and one a
// page.
double Tolerance(const Shape& shape) {
  const auto width = static_cast<double>(shape.width());
  const double score = 4.0 * std::sqrt(width);  // |q| <= 4, |k| <= 1
  const double weight = (width + 3) * score + 1.9;
  return kEpsilon * (2.0 * weight + 2.0 * static_cast<double>(shape.tokens) + 8.0);
}

TEST_P(LatentAttentionOps, MatchesTheReference) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(Describe(shape));
    const Sequence sequence(table(), shape);
    const std::vector<float> got = sequence.Attend(table(), 0, shape.tokens);
    const std::vector<float> expected = sequence.Attend(ReferenceKernels(), 0, shape.tokens);
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (static_cast<int64_t>(i) % sequence.OutHeadStride() >= shape.latent) {
        ASSERT_EQ(got[i], kGuard);
      } else {
        ASSERT_NEAR(got[i], expected[i], Tolerance(shape)) << "at " << i;
      }
    }
  }
}

// A (token, head) has the same bits alone (when everything after it is garbage too) and in any
// company.
TEST_P(LatentAttentionOps, IsTheSameAtAnyChunkingAndSplit) {
  for (const Shape& shape :
       {Shape{CacheType::kF32, 64, 16, 5, 101}, Shape{CacheType::kF16, 64, 16, 30, 67},
        Shape{CacheType::kF16, 20, 6, 3, 130}, Shape{CacheType::kF32, 8, 2, 1, 300},
        Shape{CacheType::kBF16, 20, 6, 3, 130}, Shape{CacheType::kQ8, 100, 30, 9, 67}}) {
    SCOPED_TRACE(Describe(shape));
    const Sequence sequence(table(), shape);
    const std::vector<float> whole = sequence.Attend(table(), 0, shape.tokens);
    for (const int64_t chunk : {1, 2, 3, 7, 32, 64}) {
      for (int64_t first = 0; first < shape.tokens; first += chunk) {
        const int64_t count = std::min(chunk, shape.tokens - first);
        const std::vector<float> part = sequence.Attend(table(), first, count);
        const auto* same = whole.data() + first * sequence.OutTokenStride();
        ASSERT_EQ(std::memcmp(part.data(), same, part.size() * sizeof(float)), 0)
            << "tokens " << first << " to " << first + count - 1;
      }
    }
    for (int64_t head = 0; head < shape.heads; ++head) {
      const std::vector<float> alone = sequence.Attend(table(), shape.tokens - 2, 2, head, 1);
      for (int64_t t = 0; t < 2; ++t) {
        const int64_t at = t * sequence.OutTokenStride() + head * sequence.OutHeadStride();
        const auto* same = whole.data() + (shape.tokens - 2) * sequence.OutTokenStride() + at;
        ASSERT_EQ(std::memcmp(alone.data() + at, same,
                              static_cast<std::size_t>(shape.latent) * sizeof(float)),
                  0)
            << "head " << head;
      }
    }
    Shape shorter = shape;
    shorter.tokens = 40;
    const Sequence beginning(table(), shorter);
    const std::vector<float> last = beginning.Attend(table(), 39, 1);
    ASSERT_EQ(std::memcmp(last.data(), whole.data() + 39 * sequence.OutTokenStride(),
                          last.size() * sizeof(float)),
              0);
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, LatentAttentionOps, testing::ValuesIn(AvailableKernels()),
                         [](const testing::TestParamInfo<const KernelTable*>& table) {
                           return std::string(table.param->name);
                         });

}  // namespace
}  // namespace fathom
