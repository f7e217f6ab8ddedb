#include "grade/grid.h"

#include <algorithm>

namespace fathom {

std::optional<Grid> Grid::Parse(std::string_view text) {
  Grid grid;
  int starts = 0, ends = 0;
  std::string row;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '\n';
    if (c == ' ') continue;
    if (c == '\n') {
      if (row.empty() || grid.cells_.size() == kMaxSide) return std::nullopt;
      if (!grid.cells_.empty() && grid.cells_[0].size() != row.size()) return std::nullopt;
      grid.cells_.push_back(std::move(row));
      row.clear();
      continue;
    }
    if (row.size() == kMaxSide || (c != 'S' && c != 'E' && c != '#' && c != '.')) {
      return std::nullopt;
    }
    if (c == 'S') {
      ++starts;
      grid.start_row_ = grid.rows();
      grid.start_column_ = static_cast<int>(row.size());
    }
    if (c == 'E') ++ends;
    row += c;
  }
  if (starts != 1 || ends != 1) return std::nullopt;
  return grid;
}

bool Grid::IsFree(int row, int column) const {
  return row >= 0 && row < rows() && column >= 0 && column < columns() &&
         cells_[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] != '#';
}

bool Grid::ReachesEnd(std::string_view path) const {
  int row = start_row_, column = start_column_;
  for (const char letter : path) {
    const auto move = std::find_if(std::begin(kMoves), std::end(kMoves),
                                   [&](const Move& m) { return m.letter == letter; });
    if (move == std::end(kMoves)) return false;
    row += move->rows;
    column += move->columns;
    if (!IsFree(row, column)) return false;
  }
  return cells_[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] == 'E';
}

std::vector<Grid::Found> Grid::Search() const {
  std::vector<Found> found = {{start_row_, start_column_, -1, ' '}};
  for (std::size_t at = 0; at < found.size(); ++at) {
    for (const Move& move : kMoves) {
      const int row = found[at].row + move.rows, column = found[at].column + move.columns;
      const bool known = std::any_of(found.begin(), found.end(), [&](const Found& cell) {
        return cell.row == row && cell.column == column;
      });
      if (known || !IsFree(row, column)) continue;
      found.push_back({row, column, static_cast<int>(at), move.letter});
      if (cells_[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] == 'E') {
        return found;
      }
    }
  }
  return found;
}

int Grid::ShortestLength() const {
  const std::vector<Found> found = Search();
  const Found& last = found.back();
  if (cells_[static_cast<std::size_t>(last.row)][static_cast<std::size_t>(last.column)] != 'E') {
    return -1;
  }
  int length = 0;
  for (int at = static_cast<int>(found.size()) - 1;
       found[static_cast<std::size_t>(at)].from >= 0;) {
    at = found[static_cast<std::size_t>(at)].from;
    ++length;
  }
  return length;
}

std::string Grid::Written() const {
  std::string text;
  for (const std::string& row : cells_) {
    if (!text.empty()) text += '\n';
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ' ';
      text += row[i];
    }
  }
  return text;
}

}  // namespace fathom
