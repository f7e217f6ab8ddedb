#include "convert/weight_rows.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace fathom {
namespace {

constexpr int64_t kPieceValues = int64_t{256} << 10;

// What each E4M3 code stands for.
const std::array<float, 256>& Float8Table() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> values;
    for (std::size_t code = 0; code < 256; ++code) {
      values[code] = Float8ToFloat(static_cast<uint8_t>(code));
    }
    return values;
  }();
  return table;
}

// Rows of FP8 codes from `first_row` on, each under the scales of its squares.
void DecodeScaled(const SourceMatrix& matrix, int64_t first_row, int64_t rows, const std::byte* raw,
                  float* values) {
  const std::array<float, 256>& codes = Float8Table();
  const int64_t columns = matrix.tensor->view.columns();
  const int64_t side = matrix.scale_block;
  const int64_t scales_per_row = matrix.scales->view.columns();
  const auto* scales = reinterpret_cast<const std::byte*>(matrix.scales->view.data);
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    const std::byte* row_scales =
        scales + row / side * scales_per_row * static_cast<int64_t>(sizeof(float));
    for (int64_t begin = 0; begin < columns; begin += side) {
      float scale;
      std::memcpy(&scale, row_scales + begin / side * static_cast<int64_t>(sizeof(float)),
                  sizeof scale);
      const int64_t end = std::min(begin + side, columns);
      for (int64_t i = begin; i < end; ++i) {
        values[i] = codes[std::to_integer<std::size_t>(raw[i])] * scale;
      }
    }
    raw += columns;
    values += columns;
  }
}

// The first of the values that is not finite or larger than the limit, or -1.
int64_t FirstBeyond(const float* values, int64_t count, float limit) {
  const auto most = std::bit_cast<uint32_t>(limit);
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7fffffffU);
  }
  if (largest <= most) return -1;
  for (int64_t i = 0; i < count; ++i) {
    if ((std::bit_cast<uint32_t>(values[i]) & 0x7fffffffU) > most) return i;
  }
  return -1;
}

// Row i of the first half and row i of the second become rows 2 i and 2 i + 1.
void PairRows(const float* from, int64_t rows, int64_t columns, float* to) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t half = rows / 2;
    const int64_t source = row % 2 * half + row / 2;
    std::copy_n(from + source * columns, columns, to + row * columns);
  }
}

void Transpose(const float* from, int64_t rows, int64_t columns, float* to) {
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t row = 0; row < rows; ++row) *to++ = from[row * columns + column];
  }
}

}  // namespace

RowPieces::RowPieces(const OutputTensor& output) : output_(output) {
  const TensorView& view = output.sources.front().tensor->view;
  if (output.arrangement == Arrangement::kPairs) {  // a bias is a column here
    matrix_rows_ = view.shape[0];
    source_columns_ = view.elements() / matrix_rows_;
    rows_per_piece_ = matrix_rows_ / output.heads;
    pieces_per_matrix_ = output.heads;
  } else if (output.arrangement == Arrangement::kAsIs) {
    matrix_rows_ = view.rows();
    source_columns_ = view.columns();
    rows_per_piece_ = std::clamp<int64_t>(kPieceValues / source_columns_, 1, matrix_rows_);
    pieces_per_matrix_ = (matrix_rows_ + rows_per_piece_ - 1) / rows_per_piece_;
  } else {
    matrix_rows_ = view.rows();
    source_columns_ = view.columns();
    rows_per_piece_ = output.head_rows;
    pieces_per_matrix_ = output.heads;
  }
  count_ = pieces_per_matrix_ * static_cast<int64_t>(output.sources.size());
}

RowPiece RowPieces::At(int64_t index) const {
  RowPiece piece;
  piece.source = static_cast<std::size_t>(index / pieces_per_matrix_);
  const int64_t part = index % pieces_per_matrix_;
  switch (output_.arrangement) {
    case Arrangement::kAsIs:
      piece.source_row = part * rows_per_piece_;
      piece.source_rows = std::min(rows_per_piece_, matrix_rows_ - piece.source_row);
      piece.row = static_cast<int64_t>(piece.source) * matrix_rows_ + piece.source_row;
      piece.rows = piece.source_rows;
      break;
    case Arrangement::kPairs:
      piece.source_row = piece.row = part * rows_per_piece_;
      piece.source_rows = piece.rows = rows_per_piece_;
      break;
    case Arrangement::kKeysByHead:
    case Arrangement::kValuesByHead: {
      const int64_t stride = matrix_rows_ / output_.heads;
      const bool keys = output_.arrangement == Arrangement::kKeysByHead;
      piece.source_row = part * stride + output_.skipped_rows;
      piece.source_rows = output_.head_rows;
      piece.rows = keys ? source_columns_ : output_.head_rows;
      piece.row = part * piece.rows;
      break;
    }
  }
  return piece;
}

std::size_t RowPieces::MostValues() const {
  return static_cast<std::size_t>(rows_per_piece_ * source_columns_);
}

std::size_t RowPieces::MostSourceBytes() const {
  return static_cast<std::size_t>(
      BytesOf(output_.sources.front().tensor->view.format, rows_per_piece_ * source_columns_));
}

WeightFiles::WeightFiles(const ModelFile& file) {
  for (const MappedFile& shard : file.shards()) {
    const int fd = ::open(shard.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      for (const int opened : shards_) ::close(opened);
      throw SystemError(error, "cannot open " + shard.path().string());
    }
    shards_.push_back(fd);
  }
}

WeightFiles::~WeightFiles() {
  for (const int fd : shards_) ::close(fd);
}

PieceProblem WeightFiles::Read(const OutputTensor& output, const RowPieces& pieces,
                               const RowPiece& piece, float limit, std::byte* raw, float* spare,
                               float* values) const noexcept {
  const SourceMatrix& matrix = output.sources[piece.source];
  const TensorView& view = matrix.tensor->view;
  const int64_t columns = pieces.source_columns();
  const int64_t count = piece.source_rows * columns;
  auto size = static_cast<std::size_t>(BytesOf(view.format, count));
  auto offset = static_cast<off_t>(matrix.tensor->file_offset) +
                static_cast<off_t>(BytesOf(view.format, piece.source_row * columns));
  std::byte* to = raw;
  while (size > 0) {
    const ssize_t got =
        ::pread(shards_[static_cast<std::size_t>(matrix.tensor->shard)], to, size, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {.kind = PieceProblem::Kind::kRead, .error_number = errno};
    if (got == 0) return {.kind = PieceProblem::Kind::kCut};
    to += got;
    size -= static_cast<std::size_t>(got);
    offset += got;
  }
  const bool arranged =
      output.arrangement == Arrangement::kPairs || output.arrangement == Arrangement::kKeysByHead;
  float* const decoded = arranged ? spare : values;
  if (matrix.scales != nullptr) {
    DecodeScaled(matrix, piece.source_row, piece.source_rows, raw, decoded);
  } else {
    RowOf(view.format).decode(raw, decoded, count);
  }
  if (const int64_t at = FirstBeyond(decoded, count, limit); at >= 0) {
    return {.kind = PieceProblem::Kind::kValue,
            .row = piece.source_row + at / columns,
            .column = at % columns,
            .value = decoded[at]};
  }
  if (output.arrangement == Arrangement::kPairs) {
    PairRows(decoded, piece.source_rows, columns, values);
  } else if (output.arrangement == Arrangement::kKeysByHead) {
    Transpose(decoded, piece.source_rows, columns, values);
  }
  return {};
}

}  // namespace fathom
