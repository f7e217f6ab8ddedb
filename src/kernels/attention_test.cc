// The paged cache and attention of every table against the plain reference: odd heads, groups and
// lengths, garbage after the last position, and independence of how a prompt is cut into chunks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

constexpr double kEpsilon = 0x1p-24;

// A sequence's pages in shuffled order, each with a slice before and after the one that is used;
// all bytes are NaNs (in float32 and in half) until they are stored.
class PagedCache {
 public:
  PagedCache(CacheType type, int64_t head_dim, int64_t tokens)
      : slice_bytes_(CacheSliceBytes(type, head_dim)),
        page_count_((tokens + kPageTokens - 1) / kPageTokens),
        bytes_(static_cast<std::size_t>(page_count_ * 3 * slice_bytes_), std::byte{0x7f}) {
    for (int64_t i = 0; i < page_count_; ++i) {
      const int64_t place = (i * 7 + 3) % page_count_;
      const int64_t taken = page_count_ % 7 == 0 ? page_count_ - 1 - i : place;
      pages_.push_back(bytes_.data() + taken * 3 * slice_bytes_);
    }
  }

  std::byte* const* pages() const { return pages_.data(); }
  int64_t slice_offset() const { return slice_bytes_; }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  bool NeighboursAreUntouched() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      const auto slice = static_cast<int64_t>(i) / slice_bytes_ % 3;
      if (slice != 1 && bytes_[i] != std::byte{0x7f}) return false;
    }
    return true;
  }

 private:
  int64_t slice_bytes_;
  int64_t page_count_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte*> pages_;
};

struct Shape {
  CacheType type;
  int64_t head_dim;
  int64_t group;
  int64_t tokens;
};

std::string Describe(const Shape& shape) {
  return std::string(NameOf(shape.type)) + " cache, head " + std::to_string(shape.head_dim) +
         ", group " + std::to_string(shape.group) + ", tokens " + std::to_string(shape.tokens);
}

// One kv head's keys, values and queries for a whole sequence, cached by a table.
class Sequence {
 public:
  Sequence(const KernelTable& table, const Shape& shape)
      : shape_(shape),
        keys_(RandomFloats(shape.tokens * KeyStride(), 1)),
        values_(RandomFloats(shape.tokens * KeyStride(), 2)),
        queries_(RandomFloats(shape.tokens * QueryStride(), 3)),
        cache_(shape.type, shape.head_dim, shape.tokens) {
    // Some scores stand out, so that later pages raise the maximum and rescale.
    for (float& q : queries_) q *= 4.0F;
    Store(table, 0, shape.tokens / 3);
    Store(table, shape.tokens / 3, shape.tokens - shape.tokens / 3);
  }

  int64_t KeyStride() const { return shape_.head_dim + 3; }
  int64_t QueryStride() const { return shape_.group * shape_.head_dim + 5; }
  const PagedCache& cache() const { return cache_; }

  // Attention of tokens [first, first + count): [count][QueryStride()], guards between the rows.
  std::vector<float> Attend(const KernelTable& table, int64_t first, int64_t count) const {
    std::vector<float> out(static_cast<std::size_t>(count * QueryStride()), kGuard);
    AttentionArgs args{};
    args.type = shape_.type;
    args.q = queries_.data() + first * QueryStride();
    args.q_stride = QueryStride();
    args.out = out.data();
    args.out_stride = QueryStride();
    args.tokens = count;
    args.first_position = first;
    args.group = shape_.group;
    args.head_dim = shape_.head_dim;
    args.scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim));
    args.pages = cache_.pages();
    args.slice_offset = cache_.slice_offset();
    table.attention(args);
    return out;
  }

  static constexpr float kGuard = -77.25F;

 private:
  void Store(const KernelTable& table, int64_t first, int64_t count) {
    table.cache_store({shape_.type, keys_.data() + first * KeyStride(),
                       values_.data() + first * KeyStride(), KeyStride(), KeyStride(), count, first,
                       shape_.head_dim, cache_.pages(), cache_.slice_offset()});
  }

  Shape shape_;
  std::vector<float> keys_;
  std::vector<float> values_;
  std::vector<float> queries_;
  PagedCache cache_;
};

class AttentionOps : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const CacheType type : kCacheTypes) {
    for (const int64_t head_dim : {8, 24, 64, 80, 128}) {
      shapes.push_back({type, head_dim, 3, 70});
    }
    for (const int64_t tokens : {1, 2, 31, 32, 33, 64, 65, 200}) {
      shapes.push_back({type, 64, 1, tokens});
    }
    shapes.push_back({type, 16, 7, 100});
    shapes.push_back({type, kMaxHeadDim, 2, 40});
  }
  return shapes;
}

TEST_P(AttentionOps, StoresLikeTheReference) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(Describe(shape));
    const Sequence got(table(), shape), expected(ReferenceKernels(), shape);
    EXPECT_TRUE(got.cache().NeighboursAreUntouched());
    EXPECT_EQ(got.cache().bytes(), expected.cache().bytes());
  }
}

// Error of the output: weights w = exp(s) have relative error e_w <= e_s + 1.9 epsilon, where a
// score of magnitude at most sum |q k| * scale is off by head_dim roundings of it; the weighted
// mean of values in [-1, 1) is then off by at most 2 e_w plus one rounding a token (in two sums)
// and one a page.
double Tolerance(const Shape& shape) {
  const auto head_dim = static_cast<double>(shape.head_dim);
  const double score = 4.0 * head_dim / std::sqrt(head_dim);  // |q| <= 4, |k| <= 1
  const double weight = (head_dim + 3) * score + 1.9;
  return kEpsilon * (2.0 * weight + 2.0 * static_cast<double>(shape.tokens) + 8.0);
}

TEST_P(AttentionOps, MatchesTheReference) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(Describe(shape));
    const Sequence sequence(table(), shape);
    const std::vector<float> got = sequence.Attend(table(), 0, shape.tokens);
    const std::vector<float> expected = sequence.Attend(ReferenceKernels(), 0, shape.tokens);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto in_row = static_cast<int64_t>(i) % sequence.QueryStride();
      if (in_row >= shape.group * shape.head_dim) {
        ASSERT_EQ(got[i], Sequence::kGuard);
      } else {
        ASSERT_NEAR(got[i], expected[i], Tolerance(shape)) << "at " << i;
      }
    }
  }
}

// A token's output has the same bits alone (when everything after it is garbage too) and in chunks
// of any size.
TEST_P(AttentionOps, IsTheSameAtAnyChunking) {
  for (const Shape& shape :
       {Shape{CacheType::kF32, 64, 3, 101}, Shape{CacheType::kF16, 64, 3, 101},
        Shape{CacheType::kF16, 40, 5, 67}, Shape{CacheType::kF32, 8, 1, 300},
        Shape{CacheType::kBF16, 24, 3, 67}, Shape{CacheType::kQ8, 40, 5, 67}}) {
    SCOPED_TRACE(Describe(shape));
    const Sequence sequence(table(), shape);
    const std::vector<float> whole = sequence.Attend(table(), 0, shape.tokens);
    for (const int64_t chunk : {1, 2, 3, 7, 8, 30, 32, 64}) {
      for (int64_t first = 0; first < shape.tokens; first += chunk) {
        const int64_t count = std::min(chunk, shape.tokens - first);
        const std::vector<float> part = sequence.Attend(table(), first, count);
        const auto* same = whole.data() + first * sequence.QueryStride();
        ASSERT_EQ(std::memcmp(part.data(), same, part.size() * sizeof(float)), 0)
            << "tokens " << first << " to " << first + count - 1;
      }
    }
    Shape shorter = shape;
    shorter.tokens = 40;
    const Sequence beginning(table(), shorter);
    const std::vector<float> last = beginning.Attend(table(), 39, 1);
    ASSERT_EQ(std::memcmp(last.data(), whole.data() + 39 * sequence.QueryStride(),
                          last.size() * sizeof(float)),
              0);
  }
}

// With equal keys every token weighs the same, so the output is the mean of the values.
TEST_P(AttentionOps, EqualScoresGiveTheMean) {
  constexpr int64_t kHead = 16, kTokens = 77;
  const std::vector<float> keys(kHead, 1.0F), query(kHead, 50.0F);
  PagedCache cache(CacheType::kF32, kHead, kTokens);
  for (int64_t t = 0; t < kTokens; ++t) {
    const std::vector<float> values(kHead, static_cast<float>(t));
    table().cache_store({CacheType::kF32, keys.data(), values.data(), kHead, kHead, 1, t, kHead,
                         cache.pages(), cache.slice_offset()});
  }
  std::vector<float> out(kHead);
  table().attention({CacheType::kF32, query.data(), kHead, out.data(), kHead, 1, kTokens - 1, 1,
                     kHead, 1.0F, cache.pages(), cache.slice_offset()});
  for (const float value : out) EXPECT_NEAR(value, 38.0F, 1e-4F);
}

INSTANTIATE_TEST_SUITE_P(Tables, AttentionOps, testing::ValuesIn(AvailableKernels()),
                         [](const testing::TestParamInfo<const KernelTable*>& table) {
                           return std::string(table.param->name);
                         });

}  // namespace
}  // namespace fathom
