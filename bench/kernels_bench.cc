// Speed of the kernels on one thread: for each table and weight format, the matrix product with 1
// row of activations (decode: GB/s of weights read) up to hundreds (prefill: 10^9 operations a
// second, a multiplication and an addition each), and attention over a long context. The weights of
// a product are drawn from a buffer larger than the caches, as a model's are.
//
//   kernels_bench [--tables avx2,ref] [--formats Q4_1,Q8_0] [--shape ROWSxCOLUMNS] [--rows
//   1,16,512]
//                 [--buffer MEGABYTES] [--seconds 0.2] [--attention]
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

struct Options {
  std::vector<std::string> tables;
  std::vector<std::string> formats;
  int64_t rows = 1536;
  int64_t columns = 576;
  std::vector<int64_t> x_rows = {1, 2, 4, 8, 16, 32, 128, 512};
  double seconds = 0.2;
  int64_t buffer_bytes = 64 << 20;
  bool attention = false;
};

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--attention") {
      options.attention = true;
      continue;
    }
    if (i + 1 == argc)
      throw Error(ErrorCode::kInvalidArgument, "no value after " + std::string(flag));
    const std::string value = argv[++i];
    if (flag == "--tables") {
      options.tables = Split(value);
    } else if (flag == "--formats") {
      options.formats = Split(value);
    } else if (flag == "--shape") {
      options.rows = std::stoll(value);
      options.columns = std::stoll(value.substr(value.find('x') + 1));
    } else if (flag == "--rows") {
      options.x_rows.clear();
      for (const std::string& rows : Split(value)) options.x_rows.push_back(std::stoll(rows));
    } else if (flag == "--buffer") {
      options.buffer_bytes = std::stoll(value) << 20;
    } else if (flag == "--seconds") {
      options.seconds = std::stod(value);
    } else {
      throw Error(ErrorCode::kInvalidArgument, "unknown flag " + std::string(flag));
    }
  }
  return options;
}

bool Wanted(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

// Seconds of one call of `body(i)`, i counting up: the best of the runs that fill the time.
// Processor time, of which other programs on the machine take less than of the wall clock's.
template <class Body>
double BestSeconds(double seconds, Body&& body) {
  const auto now = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  constexpr double kShortestRun = 2e-3;
  int64_t calls = 1, count = 0;
  double best = 1e30;
  const double start = now();
  while (now() - start < seconds) {
    const double begin = now();
    for (int64_t i = 0; i < calls; ++i) body(count++);
    const double run = now() - begin;
    if (run < kShortestRun) {
      calls *= 2;
    } else {
      best = std::min(best, run / static_cast<double>(calls));
    }
  }
  return best;
}

void BenchMatMul(const KernelTable& table, const FormatRow& format, const Options& options) {
  const int64_t matrix_bytes = BytesOf(format.format, options.rows * options.columns);
  const int64_t copies = std::max<int64_t>(1, options.buffer_bytes / matrix_bytes);
  const RandomWeights weights(format.format, options.rows * copies, options.columns, 1);
  std::printf("%-9s %-5s %5ldx%-5ld", std::string(table.name).c_str(),
              std::string(format.name).c_str(), options.rows, options.columns);
  for (const int64_t x_rows : options.x_rows) {
    const RandomActivations x(x_rows, options.columns, 2);
    std::vector<float> out(static_cast<std::size_t>(x_rows * options.rows));
    const double seconds = BestSeconds(options.seconds, [&](int64_t i) {
      table.matmul[static_cast<std::size_t>(format.format)](
          {weights.data() + i % copies * matrix_bytes, weights.row_bytes, 0, options.rows, x.View(),
           out.data(), options.rows});
    });
    const auto products = static_cast<double>(options.rows * options.columns * x_rows);
    std::printf(" | %3ld: %6.2f GB/s %6.1f GOPS", x_rows,
                static_cast<double>(matrix_bytes) / seconds * 1e-9, 2e-9 * products / seconds);
    std::fflush(stdout);
  }
  std::printf("\n");
}

void BenchAttention(const KernelTable& table, CacheType type, int64_t tokens, int64_t context,
                    double seconds) {
  constexpr int64_t kHead = 64, kGroup = 3;
  const int64_t page_count = (context + kPageTokens - 1) / kPageTokens;
  const int64_t slice = CacheSliceBytes(type, kHead);
  std::vector<std::byte> bytes(static_cast<std::size_t>(page_count * slice));
  std::vector<std::byte*> pages;
  for (int64_t i = 0; i < page_count; ++i) pages.push_back(bytes.data() + i * slice);
  const std::vector<float> keys = RandomFloats(context * kHead, 1);
  const std::vector<float> q = RandomFloats(tokens * kGroup * kHead, 2);
  std::vector<float> out(q.size());
  table.cache_store(
      {type, keys.data(), keys.data(), kHead, kHead, context, 0, kHead, pages.data(), 0});
  const double best = BestSeconds(seconds, [&](int64_t) {
    table.attention({type, q.data(), kGroup * kHead, out.data(), kGroup * kHead, tokens,
                     context - tokens, kGroup, kHead, 0.125F, pages.data(), 0});
  });
  const auto mean_context = static_cast<double>(context) - static_cast<double>(tokens - 1) / 2.0;
  const double operations = 4.0 * mean_context * static_cast<double>(kHead * kGroup * tokens);
  std::printf("%-9s attention %s, group %ld x %ld, %3ld tokens at context %ld: %.1f GFLOPS\n",
              std::string(table.name).c_str(), std::string(NameOf(type)).c_str(), kGroup, kHead,
              tokens, context, operations / best * 1e-9);
}

int Run(const Options& options) {
  for (const KernelTable* table : AvailableKernels()) {
    if (!Wanted(options.tables, table->name)) continue;
    for (int f = 0; f < kFormatCount && !options.attention; ++f) {
      const FormatRow& format = RowOf(static_cast<Format>(f));
      if (!Wanted(options.formats, format.name)) continue;
      if (options.columns % format.block_elements != 0) {
        std::printf("%s: %ld columns are not whole blocks\n", std::string(format.name).c_str(),
                    options.columns);
        continue;
      }
      BenchMatMul(*table, format, options);
    }
    if (!options.attention) continue;
    for (const CacheType type : kCacheTypes) {
      BenchAttention(*table, type, 1, 512, options.seconds);
      BenchAttention(*table, type, 1, 4096, options.seconds);
      BenchAttention(*table, type, 512, 512, options.seconds);
      BenchAttention(*table, type, 64, 4096, options.seconds);
    }
  }
  return 0;
}

}  // namespace
}  // namespace fathom

int main(int argc, char** argv) {
  try {
    return fathom::Run(fathom::Parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernels_bench: %s\n", error.what());
    return 2;
  }
}
