// Owns: reading parts of a model's tensors from its files, as float32 rows in the order of the
// tensor that is written. Files are read, not mapped: the memory taken is that of the caller's
// buffers, whatever the size of the model. Not for: which tensors there are (quantize_plan.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "convert/model_plan.h"
#include "formats/model_file.h"

namespace fathom {

// A matrix of the source. FP8 ones come with a grid of scales, one per square of `scale_block`
// values (arXiv 2412.19437, section 3.3): value = code * scale.
struct SourceMatrix {
  const NamedTensor* tensor = nullptr;
  const NamedTensor* scales = nullptr;
  int64_t scale_block = 0;
};

// A tensor to write.
struct OutputTensor {
  std::string name;
  std::vector<int64_t> shape;  // outermost first
  TensorKind kind = TensorKind::kMatrix;
  Format format = Format::kF32;
  Format wanted = Format::kF32;       // before rows that it does not divide
  std::vector<SourceMatrix> sources;  // one below the other; equal shapes
  std::vector<float> values;          // instead of sources
  Arrangement arrangement = Arrangement::kAsIs;
  int64_t heads = 1;
  int64_t skipped_rows = 0, head_rows = 0;  // of kKeysByHead and kValuesByHead, per head of kv_b

  int64_t columns() const { return shape.back(); }
  int64_t rows() const {
    int64_t count = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) count *= shape[i];
    return count;
  }
};

// Whole rows of an output that come from neighbouring rows of one source matrix.
struct RowPiece {
  std::size_t source = 0;
  int64_t source_row = 0, source_rows = 0;
  int64_t row = 0, rows = 0;  // of the output
};

// How an output is cut into pieces of about a megabyte of float32, in its order.
class RowPieces {
 public:
  explicit RowPieces(const OutputTensor& output);
  int64_t count() const { return count_; }
  RowPiece At(int64_t index) const;
  // Of any piece, for buffers.
  std::size_t MostSourceBytes() const;
  std::size_t MostValues() const;
  // Columns of the source's rows.
  int64_t source_columns() const { return source_columns_; }

 private:
  const OutputTensor& output_;
  int64_t matrix_rows_ = 0;  // rows of one source matrix
  int64_t source_columns_ = 0;
  int64_t rows_per_piece_ = 0;  // of a source
  int64_t pieces_per_matrix_ = 0;
  int64_t count_ = 0;
};

// What went wrong with a piece; filled without allocating.
struct PieceProblem {
  enum class Kind : uint8_t { kNone, kRead, kCut, kValue } kind = Kind::kNone;
  int error_number = 0;         // kRead
  int64_t row = 0, column = 0;  // kValue: of the source matrix
  float value = 0;
};

class WeightFiles {
 public:
  // Opens the shards of the file, which must outlive this. Throws Error as opening does.
  explicit WeightFiles(const ModelFile& file);
  ~WeightFiles();
  WeightFiles(const WeightFiles&) = delete;
  WeightFiles& operator=(const WeightFiles&) = delete;

  // Fills `raw` with the piece's bytes and `values` with its rows in the order of the output;
  // `spare` has room for as many values. A value that is not finite, or larger than `limit`, is a
  // problem. Safe from many threads; allocates nothing.
  PieceProblem Read(const OutputTensor& output, const RowPieces& pieces, const RowPiece& piece,
                    float limit, std::byte* raw, float* spare, float* values) const noexcept;

 private:
  std::vector<int> shards_;
};

}  // namespace fathom
