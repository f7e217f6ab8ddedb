// Owns: filling tensors of a file with random weights, on several threads. Inside this room only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/thread_pool.h"
#include "convert/model_plan.h"
#include "convert/part_file.h"
#include "convert/progress.h"
#include "convert/random_blocks.h"
#include "convert/synth.h"
#include "tensor/buffer.h"

namespace fathom {

// Weights of norms lie around 1, everything else around 0.
double MeanOf(TensorKind kind);

// The shape that the options name, with their number of layers.
ModelShape ShapeOf(const SynthOptions& options);

struct RandomTensor {
  std::string name;
  Format format = Format::kF32;
  double deviation = 0, mean = 0;
};

// A tensor is made in pieces, each from a generator of its own, so that any number of threads makes
// the same bytes.
class RandomWriter {
 public:
  // `total` is what all calls of Write will have written, headers included.
  RandomWriter(const SynthOptions& options, uint64_t total);

  void Write(PartFile& part, uint64_t offset, uint64_t bytes, const RandomTensor& tensor);
  // Counts bytes that are written by others. Throws Error(kCancelled) when asked to stop.
  void Report(uint64_t done);

 private:
  const RandomBlocks& BlocksOf(const RandomTensor& tensor);

  const SynthOptions& options_;
  ThreadPool pool_;
  Buffer buffer_;
  ConvertProgress progress_;
  std::map<std::tuple<Format, double, double>, std::unique_ptr<RandomBlocks>> blocks_;
};

}  // namespace fathom
