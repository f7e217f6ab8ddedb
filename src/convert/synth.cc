// A tensor is made in pieces, each from a generator of its own, so that any number of threads makes
// the same bytes.
#include "convert/synth.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "convert/gguf_keys.h"
#include "convert/model_plan.h"
#include "convert/random_blocks.h"
#include "convert/shape.h"
#include "convert/tiny_vocabulary.h"
#include "convert/type_choice.h"
#include "formats/gguf.h"
#include "models/model.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{32} << 20;
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;  // at most, and whole blocks

// Means and deviations: norms lie around 1, everything else around 0.
double MeanOf(TensorKind kind) { return kind == TensorKind::kNorm ? 1.0 : 0.0; }

class Maker {
 public:
  Maker(const SynthOptions& options, PartFile& part, uint64_t total)
      : options_(options),
        part_(part),
        pool_(options.threads),
        buffer_(kBufferBytes, "random weights") {
    progress_.total_bytes = total;
  }

  // Fills `bytes` of one tensor at `offset` of the file.
  void Write(const std::string& name, const RandomBlocks& blocks, Format format, uint64_t offset,
             uint64_t bytes) {
    const auto block = static_cast<std::size_t>(RowOf(format).block_bytes);
    const std::size_t piece = kPieceBytes / block * block;
    const std::size_t step = kBufferBytes / piece * piece;
    progress_.tensor = name;
    uint64_t first = 0;
    for (uint64_t at = 0; at < bytes; at += step) {
      Report(offset + at);
      const auto size = static_cast<std::size_t>(std::min<uint64_t>(step, bytes - at));
      const auto pieces = static_cast<int64_t>((size + piece - 1) / piece);
      pool_.ParallelFor(pieces, [&](int64_t task, int) {
        const std::size_t begin = static_cast<std::size_t>(task) * piece;
        blocks.Fill(RandomState(options_.seed, name, first + static_cast<uint64_t>(task)),
                    {buffer_.data() + begin, std::min(piece, size - begin)});
      });
      first += static_cast<uint64_t>(pieces);
      part_.Write(offset + at, {buffer_.data(), size});
    }
  }

  void Report(uint64_t done) {
    if (options_.hooks.cancelled && options_.hooks.cancelled()) {
      throw Error(ErrorCode::kCancelled, "interrupted; nothing is left of the file");
    }
    progress_.done_bytes = done;
    if (options_.hooks.progress) options_.hooks.progress(progress_);
  }

 private:
  const SynthOptions& options_;
  PartFile& part_;
  ThreadPool pool_;
  Buffer buffer_;
  ConvertProgress progress_;
};

// Generators by what they make: a stack of tensors shares one.
class BlockTable {
 public:
  const RandomBlocks& Of(Format format, double deviation, double mean) {
    std::unique_ptr<RandomBlocks>& blocks = made_[{format, deviation, mean}];
    if (!blocks) blocks = MakeRandomBlocks(format, deviation, mean);
    return *blocks;
  }

 private:
  std::map<std::tuple<Format, double, double>, std::unique_ptr<RandomBlocks>> made_;
};

ModelShape ShapeOf(const SynthOptions& options) {
  ModelShape shape = ParseShape(OpenShape(options.shape));
  if (options.layers) shape.layers = *options.layers;
  return shape;
}

}  // namespace

SynthReport WriteSyntheticGguf(const SynthOptions& options, const std::filesystem::path& path) {
  if (!RowOf(options.type).gguf_type || !CanBeRandom(options.type)) {
    throw Error(ErrorCode::kUnsupported,
                "random GGUF files in " + std::string(RowOf(options.type).name) + " are not made");
  }
  CheckDestination(path, /*folder=*/false, options.overwrite);
  const ModelShape shape = ShapeOf(options);
  const ModelPlan plan = PlanModel(shape, !shape.tied_head);
  const std::string name = "synthetic " + std::filesystem::path(options.shape).stem().string();

  GgufHeader header;
  for (const auto& [key, value] : KeysOf(shape, name, options.type, options.shape)) {
    header.AddMetadata(key, value);
  }
  for (const auto& [key, value] : KeysOf(MakeTinyVocabulary(shape), shape)) {
    header.AddMetadata(key, value);
  }
  SynthReport report{.files = 1, .tensors = plan.file.size()};
  std::vector<Format> formats;
  for (const PlannedTensor& tensor : plan.file) {
    const Format format = FormatForRows(PreferredFormat(tensor.kind, shape.tied_head, options.type),
                                        tensor.shape.back());
    header.AddTensor(tensor.name, format, tensor.shape);
    formats.push_back(format);
    int64_t elements = 1;
    for (const int64_t dimension : tensor.shape) elements *= dimension;
    report.parameters += elements;
  }

  const std::string encoded = header.Encode();
  report.bytes = encoded.size() + header.DataBytes();
  PartFile part(path, report.bytes, /*recipe=*/"");
  part.Write(0, std::as_bytes(std::span(encoded)));
  Maker maker(options, part, report.bytes);
  BlockTable blocks;
  for (std::size_t i = 0; i < plan.file.size(); ++i) {
    const PlannedTensor& tensor = plan.file[i];
    const uint64_t offset = encoded.size() + header.OffsetOfTensor(i);
    if (tensor.kind == TensorKind::kRopeFrequencies) {
      part.Write(offset, std::as_bytes(std::span(shape.rope.frequency_divisors)));
      continue;
    }
    maker.Write(tensor.name, blocks.Of(formats[i], tensor.deviation, MeanOf(tensor.kind)),
                formats[i], offset, header.BytesOfTensor(i));
  }
  maker.Report(report.bytes);
  part.Finish();
  BindModel(OpenGguf(part.path()));  // what is published can be run
  part.Publish();
  return report;
}

}  // namespace fathom
