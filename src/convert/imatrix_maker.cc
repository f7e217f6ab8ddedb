#include "convert/imatrix_maker.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "convert/imatrix.h"
#include "kernels/cache.h"
#include "models/layers/linear.h"
#include "models/scratch.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// Room for the records of an entry beside its values: two names of at most 64 bytes, which GGUF
// allows, with suffixes, shapes and padding.
constexpr uint64_t kEntryBytes = 512;

// The file at its largest: the values of every matrix, and counts.
uint64_t MostBytes(const std::vector<NamedLinear>& linears) {
  uint64_t bytes = 0;
  for (const NamedLinear& named : linears) {
    bytes += static_cast<uint64_t>(named.layer->in_features() + 1) * sizeof(float) + kEntryBytes;
  }
  return bytes;
}

bool IsImportanceMatrix(const fs::path& path) {
  try {
    return !ReadImportanceMatrix(path).empty();
  } catch (const Error&) {
    return false;
  }
}

int64_t ChunksOf(std::span<const int32_t> tokens, const ImatrixOptions& options) {
  const auto count = static_cast<int64_t>(tokens.size());
  if (count < options.chunk_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                "the text has " + std::to_string(count) + " tokens, expected at least the " +
                    std::to_string(options.chunk_tokens) + " of one chunk",
                "take a longer text, or a smaller --ctx");
  }
  const int64_t chunks = count / options.chunk_tokens;
  return options.most_chunks > 0 ? std::min(chunks, options.most_chunks) : chunks;
}

// The memory that chunks are evaluated in, one after the other.
class Evaluator {
 public:
  Evaluator(const Model& model, const ImatrixOptions& options, InputObserver& observer)
      : model_(model),
        options_(options),
        step_(std::min(options.step_tokens, options.chunk_tokens)),
        pool_(options.threads),
        scratch_(model.ScratchBytes(step_, options.head ? step_ : 0, options.threads)),
        page_bytes_(model.cache_layout(kCache).page_bytes),
        cache_(static_cast<std::size_t>(Pages() * page_bytes_), "KV cache"),
        logits_(options.head
                    ? static_cast<std::size_t>(step_ * model.spec().vocabulary) * sizeof(float)
                    : 0,
                "logits"),
        context_{options.kernels != nullptr ? *options.kernels : *AvailableKernels().front(), pool_,
                 scratch_, kCache} {
    context_.observer = &observer;
    for (int64_t page = 0; page < Pages(); ++page) {
      pages_.push_back(cache_.data() + page * page_bytes_);
    }
    for (int64_t row = 0; options.head && row < step_; ++row) {
      rows_.push_back(static_cast<int32_t>(row));
    }
  }

  // Calls before_step(tokens of the chunk that are done) before every step.
  template <class BeforeStep>
  void Run(std::span<const int32_t> chunk, BeforeStep&& before_step) {
    ids_.assign(chunk.begin(), chunk.end());
    if (options_.first_token) ids_.front() = *options_.first_token;
    const auto all = static_cast<int64_t>(ids_.size());
    for (int64_t first = 0; first < all; first += step_) {
      before_step(first);
      const int64_t count = std::min(step_, all - first);
      const SequenceSlice slice{0, count, first, pages_};
      const auto wanted = std::span<const int32_t>(rows_).first(
          options_.head ? static_cast<std::size_t>(count) : 0);
      model_.Forward(context_,
                     {std::span(ids_).subspan(static_cast<std::size_t>(first),
                                              static_cast<std::size_t>(count)),
                      {&slice, 1},
                      wanted},
                     logits_.as<float>().data());
    }
  }

 private:
  // A chunk is short, and what is observed should not be of rounded keys and values.
  static constexpr CacheType kCache = CacheType::kF32;

  int64_t Pages() const { return (options_.chunk_tokens + kPageTokens - 1) / kPageTokens; }

  const Model& model_;
  const ImatrixOptions& options_;
  int64_t step_;
  ThreadPool pool_;
  Scratch scratch_;
  int64_t page_bytes_;
  Buffer cache_;   // [pages][page_bytes]
  Buffer logits_;  // [step][vocabulary], of no interest
  ExecContext context_;
  std::vector<std::byte*> pages_;
  std::vector<int32_t> rows_;  // [step]: 0, 1, 2, ...
  std::vector<int32_t> ids_;   // [chunk_tokens]
};

}  // namespace

ImportanceCollector::ImportanceCollector(std::vector<NamedLinear> linears) {
  slots_.reserve(linears.size());
  for (NamedLinear& named : linears) {
    const Linear* layer = named.layer;
    slot_of_.emplace(layer, slots_.size());
    slots_.push_back(
        {std::move(named), std::vector<double>(static_cast<std::size_t>(layer->in_features())), 0});
  }
}

void ImportanceCollector::Observe(const Linear& layer, const float* x, int64_t rows,
                                  int64_t stride) noexcept {
  const auto found = slot_of_.find(&layer);
  if (found == slot_of_.end()) return;
  Slot& slot = slots_[found->second];
  slot.count += rows;
  double* const squares = slot.squares.data();
  const auto columns = static_cast<int64_t>(slot.squares.size());
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * stride;
    for (int64_t k = 0; k < columns; ++k) {
      squares[k] += static_cast<double>(from[k]) * static_cast<double>(from[k]);
    }
  }
}

ImportanceSums ImportanceCollector::Sums() const {
  struct Added {
    std::vector<double> squares;  // [matrices][columns]
    std::vector<int64_t> counts;  // [matrices]
  };
  std::map<std::string, Added, std::less<>> tensors;
  for (const Slot& slot : slots_) {
    const std::size_t columns = slot.squares.size();
    const auto matrices = static_cast<std::size_t>(slot.named.matrices);
    const auto matrix = static_cast<std::size_t>(slot.named.matrix);
    Added& added = tensors[slot.named.tensor];
    added.squares.resize(matrices * columns);
    added.counts.resize(matrices);
    added.counts[matrix] += slot.count;
    for (std::size_t k = 0; k < columns; ++k) {
      added.squares[matrix * columns + k] += slot.squares[k];
    }
  }
  ImportanceSums sums;
  for (auto& [name, added] : tensors) {
    ChannelSums& channels = sums[name];
    channels.squares.assign(added.squares.begin(), added.squares.end());
    channels.counts = std::move(added.counts);
    for (const float value : channels.squares) {
      if (std::isfinite(value)) continue;
      throw Error(ErrorCode::kInvalidFile,
                  "what " + QuotedName(name) + " is multiplied with adds up to " +
                      std::to_string(value) + ", expected finite numbers",
                  "its weights are damaged: `fathom inspect MODEL --check` finds the tensor");
    }
  }
  return sums;
}

ImatrixReport MakeImportanceMatrix(const Model& model, const ModelFile& file,
                                   std::span<const int32_t> tokens, const fs::path& destination,
                                   const ImatrixOptions& options) {
  if (options.chunk_tokens > model.spec().context_length) {
    throw Error(ErrorCode::kInvalidArgument,
                "chunks of " + std::to_string(options.chunk_tokens) +
                    " tokens were asked for, but the model is made for " +
                    std::to_string(model.spec().context_length),
                "a smaller --ctx");
  }
  ImatrixReport report{.chunks = ChunksOf(tokens, options)};
  for (const MappedFile& shard : file.shards()) {
    RefuseToReplace(shard.path(), "the model itself", destination);
  }
  CheckDestination(destination, /*folder=*/false, options.overwrite);
  RefuseToReplaceUnlike(destination, "importance matrix", IsImportanceMatrix);
  std::vector<NamedLinear> linears = model.Linears(file);
  // Evaluating may take hours: whether the result can be written is better known before.
  { const PartFile probe(destination, MostBytes(linears), /*recipe=*/""); }

  ImportanceCollector collector(std::move(linears));
  Evaluator evaluator(model, options, collector);
  const int64_t total = report.chunks * options.chunk_tokens;
  const auto report_at = [&](int64_t done) {
    if (options.cancelled && options.cancelled()) {
      throw Error(ErrorCode::kCancelled, "interrupted", "nothing was written");
    }
    if (options.progress) options.progress(done, total);
  };
  for (int64_t chunk = 0; chunk < report.chunks; ++chunk) {
    const int64_t begin = chunk * options.chunk_tokens;
    evaluator.Run(tokens.subspan(static_cast<std::size_t>(begin),
                                 static_cast<std::size_t>(options.chunk_tokens)),
                  [&](int64_t done) { report_at(begin + done); });
  }
  report_at(total);
  report.tokens = total;
  const ImportanceSums sums = collector.Sums();
  for (const auto& [name, channels] : sums) {
    const auto zeros = std::count(channels.counts.begin(), channels.counts.end(), 0);
    if (static_cast<std::size_t>(zeros) == channels.counts.size()) continue;  // is left out
    ++report.tensors;
    report.matrices += channels.counts.size();
    report.unseen += static_cast<std::size_t>(zeros);
  }
  report.bytes = WriteImportanceMatrix(destination, options.format, sums,
                                       {options.text_name, report.chunks, options.chunk_tokens});
  return report;
}

}  // namespace fathom
