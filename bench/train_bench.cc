// Speed of training: tokens per second of whole steps, and how near to the peak of the products
// that is. Random tokens; what a model learns does not change its speed.
//
//   train_bench DIRECTORY [--tokens N] [--length N] [--steps N] [--threads N] [--recompute]
//   [--muon]
//
// DIRECTORY is a Hugging Face directory (`fathom synth --type f32`). bench/train_torch.py does the
// same with PyTorch.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "formats/hf_directory.h"
#include "kernels/train/gemm.h"
#include "train/trainer.h"

namespace fathom {
namespace {

class RandomTokens final : public SampleSource {
 public:
  RandomTokens(int64_t vocabulary, int64_t length) : vocabulary_(vocabulary), length_(length) {}
  Sample At(int64_t index) const override {
    Sample sample;
    for (int64_t i = 0; i < length_; ++i) {
      const double u = UniformAt(1, static_cast<uint64_t>(index * length_ + i));
      sample.tokens.push_back(static_cast<int32_t>(u * static_cast<double>(vocabulary_)));
    }
    return sample;
  }

 private:
  int64_t vocabulary_, length_;
};

// Multiplications and additions per second of products of that size, on all threads.
double PeakOf(ThreadPool& pool, int64_t size) {
  const auto count = static_cast<std::size_t>(size * size);
  std::vector<std::vector<float>> a(static_cast<std::size_t>(pool.threads()));
  for (auto& matrix : a) matrix.assign(3 * count, 1.0F);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const double start = MonotonicSeconds();
    pool.ParallelFor(pool.threads(), [&](int64_t task, int) {
      float* m = a[static_cast<std::size_t>(task)].data();
      Gemm(size, size, size, 1.0F, {m, size}, {m + count, size}, 0.0F, m + 2 * count, size);
    });
    const double seconds = MonotonicSeconds() - start;
    best = std::max(best, 2.0 * static_cast<double>(size * size * size) * pool.threads() / seconds);
  }
  return best;
}

// Milliseconds of one step of that optimiser alone, the least of a few.
double OptimiserStep(ThreadPool& pool, ParameterSet& parameters, OptimiserKind kind) {
  const std::unique_ptr<Optimiser> optimiser = MakeOptimiser(parameters, kind, {}, {});
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double start = MonotonicSeconds();
    optimiser->Step(pool, parameters, 0.0, 1.0);
    best = std::min(best, 1e3 * (MonotonicSeconds() - start));
  }
  return best;
}

int Main(int argc, char** argv) {
  int64_t tokens = 4096, length = 256, steps = 5, threads = AvailableProcessors();
  bool recompute = false;
  OptimiserKind kind = OptimiserKind::kAdamW;
  for (int i = 2; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--recompute") {
      recompute = true;
      continue;
    }
    if (flag == "--muon") {
      kind = OptimiserKind::kMuon;
      continue;
    }
    const int64_t value = i + 1 < argc ? std::atoll(argv[++i]) : 0;
    if (flag == "--tokens") tokens = value;
    if (flag == "--length") length = value;
    if (flag == "--steps") steps = value;
    if (flag == "--threads") threads = value;
  }
  const ModelFile file = OpenHuggingFaceDirectory(argv[1]);
  const std::unique_ptr<TrainableModel> model = ReadTrainable(file);
  ThreadPool pool(static_cast<int>(threads));
  const RandomTokens samples(file.RequireInteger("vocab_size"), length);
  TrainerOptions options;
  options.step_tokens = options.batch_tokens = tokens;
  options.recompute = recompute;
  options.optimiser_kind = kind;
  Trainer trainer(*model, samples, options, pool);
  std::vector<double> speeds;
  for (int64_t i = 0; i <= steps; ++i) {
    const StepReport report = trainer.Step();
    if (i > 0)
      speeds.push_back(static_cast<double>(report.tokens) / report.seconds);  // first: warm-up
  }
  std::sort(speeds.begin(), speeds.end());
  std::printf(
      "%lld parameters, %lld tokens a step of sequences of %lld, %lld threads: %.0f tokens/s "
      "(%.0f to %.0f); products alone reach %.0f GFLOPS\n",
      static_cast<long long>(model->parameters().elements()), static_cast<long long>(tokens),
      static_cast<long long>(length), static_cast<long long>(threads), speeds[speeds.size() / 2],
      speeds.front(), speeds.back(), PeakOf(pool, 768) / 1e9);
  std::printf("a step of the optimiser alone: AdamW %.1f ms, Muon %.1f ms\n",
              OptimiserStep(pool, model->parameters(), OptimiserKind::kAdamW),
              OptimiserStep(pool, model->parameters(), OptimiserKind::kMuon));
  return 0;
}

}  // namespace
}  // namespace fathom

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: train_bench DIRECTORY [--tokens N] [--length N] [--steps N] "
                 "[--threads N] [--recompute] [--muon]\n");
    return 2;
  }
  return fathom::Main(argc, argv);
}
