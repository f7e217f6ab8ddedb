// Mazes of 3 by 3 to 5 by 5 cells. The thinking is a breadth-first search: which cells each cell
// adds, then the way back from the end, then the same way forward with its letters.
#include <algorithm>
#include <string>
#include <vector>

#include "grade/families.h"
#include "grade/grid.h"

namespace fathom {
namespace {

constexpr const char* kMazeTrain[] = {
    "Find the shortest path from S to E in this maze, with U, D, L, R. # is a wall.\n{grid}",
    ("Here is a maze (# is a wall):\n{grid}\nWhat is the shortest way from S to E? Use U, D, L and "
     "R."),
    "Walk from S to E in as few steps as possible. Write the steps as U, D, L, R.\n{grid}",
    "{grid}\nHow do I get from S to E in the fewest steps? Answer with letters U, D, L, R.",
    "Solve this maze from S to E, shortest way, letters UDLR:\n{grid}",
    "maze:\n{grid}\nshortest path from S to E in UDLR?",
    "Which moves (U, D, L, R) lead from S to E the shortest way?\n{grid}",
    "Please lead me from S to E by the shortest path. # cannot be entered. Use U, D, L, R.\n{grid}",
    "Give the shortest sequence of U, D, L, R from S to E:\n{grid}",
    "I am at S and want to go to E. Walls are #. What are the fewest moves? (U, D, L, R)\n{grid}",
    "Can you find a shortest path here? S is the start, E the end, moves are U, D, L, R.\n{grid}",
    "Shortest route from S to E, please, as letters U D L R.\n{grid}",
    "Start at S, finish at E, avoid every #. What is the shortest way in U, D, L, R?\n{grid}",
    "How does one walk from S to E without a detour? Write U, D, L or R for each step.\n{grid}",
    "I am lost in this maze:\n{grid}\nTell me the shortest way from S to E with U, D, L, R.",
    "U is up, D is down, L is left, R is right. Go from S to E on a shortest path.\n{grid}",
    "S to E, shortest, UDLR\n{grid}",
    ("{grid}\nThis is a maze with walls #. Bring me from S to E with as few of U, D, L, R as "
     "you can."),
    ("We stand at S, and the exit is E. Which letters U, D, L, R take us there by the shortest "
     "path?\n{grid}"),
    ("If a mouse at S wants the cheese at E, which shortest run does it take? Use U, D, L, "
     "R.\n{grid}"),
    "Map:\n{grid}\nS is where you begin and E where you stop. Write a shortest path in U, D, L, R.",
    "{grid}\nGo to E from S. Make no step too many, and spell the steps with U, D, L, R.",
};
constexpr const char* kMazeTest[] = {
    "What is the quickest way from S to E? Reply with U, D, L, R.\n{grid}",
    "This grid has walls (#). Get from S to E with the fewest of the moves U, D, L, R.\n{grid}",
    "Look at this labyrinth:\n{grid}\nName the shortest moves from S to E with U, D, L and R.",
};

std::string Cell(int row, int column) {
  return std::string(1, static_cast<char>('a' + row)) + Text(column + 1);
}

}  // namespace

bool DrawMaze(Draft& draft) {
  Random& random = draft.random;
  const int side = draft.level + 2;
  std::string rows;
  const int64_t cells = side * side, start = random.Between(0, cells - 1),
                end = random.Between(0, cells - 1);
  for (int64_t i = 0; i < cells; ++i) {
    if (i > 0 && i % side == 0) rows += '\n';
    rows += i == start ? 'S' : i == end ? 'E' : random.Between(1, 10) <= 4 ? '#' : '.';
  }
  if (!draft.Claim(rows)) return false;
  const std::optional<Grid> grid = Grid::Parse(rows);
  if (!grid || grid->ShortestLength() < side - (draft.level == 1 ? 1 : 0)) return false;
  const std::vector<Grid::Found> found = grid->Search();
  const auto name = [&](std::size_t i) { return Cell(found[i].row, found[i].column); };
  draft.Ask({kMazeTrain, kMazeTest}, {{"grid", grid->Written()}});
  // Every cell that can be entered, row by row: after this the drawing is not needed any more.
  std::vector<std::string> lines;
  for (int row = 0; row < side; ++row) {
    std::string line;
    for (int column = 0; column < side; ++column) {
      if (grid->IsFree(row, column)) line += (line.empty() ? "" : " ") + Cell(row, column);
    }
    if (!line.empty()) lines.push_back(line);
  }
  draft.Think("Free: " + Join(lines, ", "));
  const std::size_t last = found.size() - 1;
  draft.Think("From " + name(0) + " to " + name(last) + ". What does each cell add?");
  for (std::size_t at = 0; static_cast<int>(at) <= found[last].from; ++at) {
    std::string added;
    for (std::size_t i = at + 1; i <= last; ++i) {
      if (found[i].from == static_cast<int>(at)) added += " " + name(i);
    }
    draft.Think(name(at) + ":" + (added.empty() ? " none" : added));
  }
  std::vector<std::string> back = {name(last)};
  std::string path, forward = name(last);
  for (std::size_t at = last; found[at].from >= 0;) {
    path = found[at].move + path;
    forward = std::string(1, found[at].move) + " " + forward;
    at = static_cast<std::size_t>(found[at].from);
    back.push_back(name(at));
    forward = name(at) + " " + forward;
  }
  draft.Think("Back: " + Join(back, " "));
  draft.Think("Forward: " + forward);
  draft.problem.check = grid->Written();
  draft.Answer(AnswerKind::kPath, path, "The shortest way is {answer}.");
  return EstimatedTokens(draft.problem.thinking) <= kMaxThinkingTokens;
}

}  // namespace fathom
