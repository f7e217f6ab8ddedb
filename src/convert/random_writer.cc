#include "convert/random_writer.h"

#include <algorithm>

#include "base/error.h"

namespace fathom {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{32} << 20;
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;  // at most, and whole blocks

}  // namespace

double MeanOf(TensorKind kind) { return kind == TensorKind::kNorm ? 1.0 : 0.0; }

RandomWriter::RandomWriter(const SynthOptions& options, uint64_t total)
    : options_(options), pool_(options.threads), buffer_(kBufferBytes, "random weights") {
  progress_.total_bytes = total;
}

const RandomBlocks& RandomWriter::BlocksOf(const RandomTensor& tensor) {
  std::unique_ptr<RandomBlocks>& blocks = blocks_[{tensor.format, tensor.deviation, tensor.mean}];
  if (!blocks) blocks = MakeRandomBlocks(tensor.format, tensor.deviation, tensor.mean);
  return *blocks;
}

void RandomWriter::Write(PartFile& part, uint64_t offset, uint64_t bytes,
                         const RandomTensor& tensor) {
  const RandomBlocks& blocks = BlocksOf(tensor);
  const auto block = static_cast<std::size_t>(RowOf(tensor.format).block_bytes);
  const std::size_t piece = kPieceBytes / block * block;
  const std::size_t step = kBufferBytes / piece * piece;
  progress_.tensor = tensor.name;
  uint64_t first = 0;
  for (uint64_t at = 0; at < bytes; at += step) {
    const auto size = static_cast<std::size_t>(std::min<uint64_t>(step, bytes - at));
    const auto pieces = static_cast<int64_t>((size + piece - 1) / piece);
    pool_.ParallelFor(pieces, [&](int64_t task, int) {
      const std::size_t begin = static_cast<std::size_t>(task) * piece;
      blocks.Fill(RandomState(options_.seed, tensor.name, first + static_cast<uint64_t>(task)),
                  {buffer_.data() + begin, std::min(piece, size - begin)});
    });
    first += static_cast<uint64_t>(pieces);
    part.Write(offset + at, {buffer_.data(), size});
    Report(progress_.done_bytes + size);
  }
}

void RandomWriter::Report(uint64_t done) {
  if (options_.hooks.cancelled && options_.hooks.cancelled()) {
    throw Error(ErrorCode::kCancelled, "interrupted; nothing is left of what was written");
  }
  progress_.done_bytes = done;
  if (options_.hooks.progress) options_.hooks.progress(progress_);
}

}  // namespace fathom
