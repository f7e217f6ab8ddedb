#include "convert/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "convert/imatrix.h"
#include "convert/quantizer.h"
#include "formats/gguf.h"
#include "formats/weight_check.h"
#include "models/model.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBytes = std::size_t{32} << 20;  // of the result, written at a time

// All that determines the result: its header, the encoders, the files it is made of, and the
// importance.
std::string RecipeOf(const std::string& header, const ModelFile& source, const fs::path& imatrix) {
  std::string text =
      "fathom quantize 2\n" + Sha256OfText(header) + "\n" + DigestOfEncoders(EncoderOf) + "\n";
  for (const MappedFile& shard : source.shards()) {
    text += fs::absolute(shard.path()).string() + "\n" + std::to_string(shard.bytes().size()) +
            "\n" + std::to_string(fs::last_write_time(shard.path()).time_since_epoch().count()) +
            "\n";
  }
  if (!imatrix.empty()) text += Sha256OfFile(imatrix);
  return Sha256OfText(text);
}

float LimitOf(Format format) {
  return format == Format::kF32 || format == Format::kBF16 ? std::numeric_limits<float>::max()
                                                           : kLargestValue;
}

class Quantizer {
 public:
  Quantizer(const ModelFile& source, const QuantizeOptions& options,
            const std::vector<OutputTensor>& tensors, uint64_t total)
      : source_(source), options_(options), files_(source), pool_(options.threads) {
    progress_.total_bytes = total;
    std::size_t raw = 0, values = 0;
    for (const OutputTensor& tensor : tensors) {
      if (tensor.sources.empty()) continue;
      const RowPieces pieces(tensor);
      raw = std::max(raw, pieces.MostSourceBytes());
      values = std::max(values, pieces.MostValues());
      if (RowOf(tensor.sources.front().tensor->view.format).block_elements > 1) {
        ones_.resize(std::max(ones_.size(), static_cast<std::size_t>(tensor.columns())), 1.0F);
      }
      const RowPiece piece = pieces.At(0);
      most_piece_bytes_ =
          std::max(most_piece_bytes_,
                   static_cast<std::size_t>(piece.rows * BytesOf(tensor.format, tensor.columns())));
    }
    for (int i = 0; i < options.threads; ++i) {
      workers_.push_back({Buffer(raw, "weights to convert"),
                          Buffer(values * sizeof(float), "weights to convert"),
                          Buffer(values * sizeof(float), "weights to convert")});
    }
    batch_ = Buffer(kBatchBytes + most_piece_bytes_, "converted weights");
  }

  void Resumed(uint64_t bytes) { progress_.resumed_bytes = bytes; }

  // `importance` is null, or has a weight per column for each matrix or one for all.
  void Write(const OutputTensor& tensor, const std::vector<float>* importance, PartFile& part,
             uint64_t offset) {
    progress_.tensor = tensor.name;
    if (tensor.sources.empty()) {
      part.Write(offset, std::as_bytes(std::span(tensor.values)));
      return;
    }
    for (const SourceMatrix& matrix : tensor.sources) {  // as running the source would refuse them
      if (matrix.scales != nullptr) CheckScales(source_, *matrix.scales);
    }
    const RowPieces pieces(tensor);
    const int64_t row_bytes = BytesOf(tensor.format, tensor.columns());
    int64_t first = 0;
    while (first < pieces.count()) {
      Report(offset);
      const int64_t first_row = pieces.At(first).row;
      int64_t end = first;
      int64_t rows = 0;
      while (end < pieces.count() &&
             static_cast<std::size_t>(rows * row_bytes) + most_piece_bytes_ <= batch_.size()) {
        rows += pieces.At(end++).rows;
      }
      CHECK(end > first);
      problems_.assign(static_cast<std::size_t>(end - first), {});
      pool_.ParallelFor(end - first, [&](int64_t task, int worker) {
        const RowPiece piece = pieces.At(first + task);
        problems_[static_cast<std::size_t>(task)] =
            Convert(tensor, pieces, piece, importance, workers_[static_cast<std::size_t>(worker)],
                    batch_.data() + (piece.row - first_row) * row_bytes);
      });
      for (int64_t task = 0; task < end - first; ++task) {
        FailOn(problems_[static_cast<std::size_t>(task)], tensor, pieces.At(first + task));
      }
      const auto size = static_cast<std::size_t>(rows * row_bytes);
      part.Write(offset, {batch_.data(), size});
      offset += size;
      first = end;
    }
  }

  void Report(uint64_t done) {
    if (options_.hooks.cancelled && options_.hooks.cancelled()) {
      throw Error(ErrorCode::kCancelled, "interrupted", "the same command goes on from here");
    }
    progress_.done_bytes = done;
    if (options_.hooks.progress) options_.hooks.progress(progress_);
  }

 private:
  struct Worker {
    Buffer raw, spare, values;
  };

  PieceProblem Convert(const OutputTensor& tensor, const RowPieces& pieces, const RowPiece& piece,
                       const std::vector<float>* importance, const Worker& worker,
                       std::byte* to) const noexcept {
    float* const values = worker.values.as<float>().data();
    const PieceProblem problem =
        files_.Read(tensor, pieces, piece, LimitOf(tensor.format), worker.raw.data(),
                    worker.spare.as<float>().data(), values);
    if (problem.kind != PieceProblem::Kind::kNone) return problem;
    const int64_t columns = tensor.columns();
    const int64_t row_bytes = BytesOf(tensor.format, columns);
    const bool same = tensor.sources[piece.source].tensor->view.format == tensor.format &&
                      tensor.arrangement == Arrangement::kAsIs;
    if (same) {
      std::copy_n(worker.raw.data(), piece.rows * row_bytes, to);
      return {};
    }
    const EncodeFunction encode = EncoderOf(tensor.format);
    // Equal weights ask for a search: what was quantised before lies on grids, and plain rounding
    // to another grid loses more than it needs to.
    const bool regrid = RowOf(tensor.sources[piece.source].tensor->view.format).block_elements > 1;
    const int64_t matrix_rows = tensor.shape.size() > 1 ? tensor.shape[tensor.shape.size() - 2] : 1;
    for (int64_t row = 0; row < piece.rows; ++row) {
      const float* weights = regrid ? ones_.data() : nullptr;
      if (importance != nullptr) {
        const auto matrices = static_cast<int64_t>(importance->size()) / columns;
        weights = importance->data() + (piece.row + row) / matrix_rows % matrices * columns;
      }
      encode(values + row * columns, weights, to + row * row_bytes, columns);
    }
    return {};
  }

  void FailOn(const PieceProblem& problem, const OutputTensor& tensor,
              const RowPiece& piece) const {
    if (problem.kind == PieceProblem::Kind::kNone) return;
    const NamedTensor& source = *tensor.sources[piece.source].tensor;
    const std::string path =
        source_.shards()[static_cast<std::size_t>(source.shard)].path().string();
    if (problem.kind == PieceProblem::Kind::kRead) {
      throw SystemError(problem.error_number, "cannot read " + path);
    }
    const std::string subject = path + ": tensor " + QuotedName(source.name);
    if (problem.kind == PieceProblem::Kind::kCut) {
      throw Error(ErrorCode::kInvalidFile, subject +
                                               " ends early: the file was cut while it was "
                                               "read");
    }
    const std::string place =
        " at row " + std::to_string(problem.row) + ", column " + std::to_string(problem.column);
    if (!std::isfinite(problem.value)) {
      throw Error(ErrorCode::kInvalidFile,
                  subject + " has " + (std::isnan(problem.value) ? "NaN" : "infinity") + place +
                      ", expected finite weights",
                  "the file is broken");
    }
    throw Error(ErrorCode::kInvalidFile,
                subject + " has " + std::to_string(problem.value) + place + ", more than the " +
                    std::to_string(static_cast<int>(kLargestValue)) + " that " +
                    std::string(RowOf(tensor.format).name) + " holds",
                "F32 and BF16 hold it: --tensor-type");
  }

  const ModelFile& source_;
  const QuantizeOptions& options_;
  WeightFiles files_;
  ThreadPool pool_;
  std::vector<Worker> workers_;
  std::vector<PieceProblem> problems_;
  std::vector<float> ones_;  // as many as the longest row of a quantised source
  std::size_t most_piece_bytes_ = 0;
  Buffer batch_;
  ConvertProgress progress_;
};

// What will be written is described as a model before it is: types that cannot be run together are
// found before hours of work, not after.
void RefuseWhatCannotRun(const QuantizePlan& plan, const fs::path& destination) {
  GgufHeader header;
  for (const auto& [key, value] : plan.keys) header.AddMetadata(key, value);
  const std::string encoded = header.Encode();
  int64_t longest = 0;
  for (const OutputTensor& tensor : plan.tensors) {
    if (tensor.shape.size() == 1) longest = std::max(longest, tensor.columns());
  }
  // Describing reads vectors, all of which will be float32, and no matrix.
  const std::vector<float> ones(static_cast<std::size_t>(longest), 1.0F);
  std::vector<NamedTensor> tensors;
  for (const OutputTensor& tensor : plan.tensors) {
    NamedTensor named{.name = tensor.name};
    if (tensor.shape.size() == 1) named.view.data = reinterpret_cast<const std::byte*>(ones.data());
    named.view.format = tensor.format;
    named.view.rank = static_cast<int>(tensor.shape.size());
    std::copy(tensor.shape.begin(), tensor.shape.end(), named.view.shape.begin());
    tensors.push_back(std::move(named));
  }
  ModelFile::Metadata metadata =
      ParseGguf(std::as_bytes(std::span(encoded)), destination.string()).metadata;
  const ModelFile file({}, std::move(metadata), std::move(tensors), ModelFileKind::kGguf,
                       destination);
  DescribeModel(file);
  CheckMtpModule(file);
}

bool UsesImportance(const OutputTensor& tensor) {
  return !tensor.sources.empty() && RowOf(tensor.format).block_elements > 1;
}

// The tensor's weights, or null. Throws Error(kInvalidFile) when they are not as many as its
// columns.
const std::vector<float>* ImportanceOf(const ImportanceMatrix& matrix, const OutputTensor& tensor,
                                       const fs::path& path) {
  const auto found = matrix.find(tensor.name);
  if (found == matrix.end()) return nullptr;
  const auto columns = static_cast<std::size_t>(tensor.columns());
  const std::size_t matrices = found->second.size() / columns;
  const std::size_t expected =
      tensor.shape.size() == 3 ? static_cast<std::size_t>(tensor.shape[0]) : 1;
  if (found->second.size() % columns != 0 || (matrices != 1 && matrices != expected)) {
    throw Error(ErrorCode::kInvalidFile,
                path.string() + ": the entry " + QuotedName(tensor.name) + " has " +
                    std::to_string(found->second.size()) + " values, expected " +
                    std::to_string(columns) + " for each of " + std::to_string(expected) +
                    " matrices",
                "it was made for another model");
  }
  return &found->second;
}

}  // namespace

QuantizeReport Quantize(const ModelFile& source, const fs::path& destination,
                        const QuantizeOptions& options) {
  QuantizePlan plan = PlanQuantize(source, options.type, options.overrides, options.tokenizer,
                                   options.prediction_layers);
  plan.keys.insert(plan.keys.end(), options.sampling.begin(), options.sampling.end());
  for (const MappedFile& shard : source.shards()) {
    RefuseToReplace(shard.path(), "the model itself", destination);
  }
  RefuseToReplace(options.imatrix, "the importance matrix", destination);
  CheckDestination(destination, /*folder=*/false, options.overwrite);
  RefuseToReplaceUnlike(destination, "GGUF file", StartsAsGguf);
  RefuseWhatCannotRun(plan, destination);

  ImportanceMatrix importance;
  if (!options.imatrix.empty()) {
    importance = ReadImportanceMatrix(options.imatrix);
    plan.keys.emplace_back("quantize.imatrix.file", options.imatrix.filename().string());
    plan.keys.emplace_back("quantize.imatrix.entries_count",
                           static_cast<uint32_t>(importance.size()));
  }
  QuantizeReport report{.tensors = plan.tensors.size(), .left_out = std::move(plan.left_out)};
  GgufHeader header;
  for (const auto& [key, value] : plan.keys) header.AddMetadata(key, value);
  std::vector<const std::vector<float>*> weights;
  for (const OutputTensor& tensor : plan.tensors) {
    header.AddTensor(tensor.name, tensor.format, tensor.shape);
    if (tensor.format != tensor.wanted) {
      report.fallbacks.push_back({tensor.name, tensor.wanted, tensor.format});
    }
    const bool used = UsesImportance(tensor) && !options.imatrix.empty();
    weights.push_back(used ? ImportanceOf(importance, tensor, options.imatrix) : nullptr);
    if (used && weights.back() == nullptr) report.without_importance.push_back(tensor.name);
  }
  const std::string encoded = header.Encode();
  report.bytes = encoded.size() + header.DataBytes();
  PartFile part(destination, report.bytes, RecipeOf(encoded, source, options.imatrix));
  report.begun_again = part.was_short();
  const std::size_t done = std::min(part.done(), plan.tensors.size());
  const auto offset_of = [&](std::size_t i) {
    return i < plan.tensors.size() ? encoded.size() + header.OffsetOfTensor(i) : report.bytes;
  };
  if (done > 0) {
    report.resumed_bytes = offset_of(done);
  } else {
    part.Write(0, std::as_bytes(std::span(encoded)));
  }
  Quantizer quantizer(source, options, plan.tensors, report.bytes);
  quantizer.Resumed(report.resumed_bytes);
  for (std::size_t i = done; i < plan.tensors.size(); ++i) {
    quantizer.Write(plan.tensors[i], weights[i], part, offset_of(i));
    part.MarkDone(i + 1);
  }
  quantizer.Report(report.bytes);
  part.Finish();
  const ModelFile written = OpenGguf(part.path());
  BindModel(written);  // what is published can be run
  CheckMtpModule(written);
  part.Publish();
  return report;
}

}  // namespace fathom
