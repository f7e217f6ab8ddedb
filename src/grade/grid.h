// The little mazes: rows of S (start), E (end), '#' (wall) and '.' (free), one letter a cell, with
// or without blanks between them. Shared by the generator and by grading.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

class Grid {
 public:
  static constexpr int kMaxSide = 8;

  // std::nullopt: not a rectangle of these letters with one S and one E.
  static std::optional<Grid> Parse(std::string_view text);

  int rows() const { return static_cast<int>(cells_.size()); }
  int columns() const { return static_cast<int>(cells_[0].size()); }
  bool IsFree(int row, int column) const;

  // Where a path of letters U D L R from S ends: true at E. Leaving the grid or meeting a wall
  // fails.
  bool ReachesEnd(std::string_view path) const;

  // Cells in the order in which a breadth-first search finds them (neighbours U, D, L, R), up to E.
  struct Found {
    int row, column;
    int from;   // index of the cell it was found from; -1 for S
    char move;  // the letter that leads here
  };
  std::vector<Found> Search() const;

  // Steps of a shortest path; -1 without one.
  int ShortestLength() const;

  // "S . #" lines.
  std::string Written() const;

 private:
  std::vector<std::string> cells_;
  int start_row_ = 0, start_column_ = 0;
};

// The neighbour of a cell in a direction.
struct Move {
  char letter;
  int rows, columns;
};
inline constexpr Move kMoves[] = {{'U', -1, 0}, {'D', 1, 0}, {'L', 0, -1}, {'R', 0, 1}};

}  // namespace fathom
