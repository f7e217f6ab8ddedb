// Owns: making an importance matrix: a model evaluates a text in chunks, and for each of its weight
// matrices the squares of every input channel are added up. Weights that are multiplied by large
// inputs matter more when they are rounded. Not for: the files' formats (imatrix_writer.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "convert/imatrix_writer.h"
#include "convert/part_file.h"
#include "models/model.h"

namespace fathom {

// Adds up what it sees of the given layers; others are ignored. The sums are taken in double, token
// by token, so that they do not depend on threads or on how chunks are cut into steps.
class ImportanceCollector final : public InputObserver {
 public:
  explicit ImportanceCollector(std::vector<NamedLinear> linears);

  void Observe(const Linear& layer, const float* x, int64_t rows, int64_t stride) noexcept override;

  // Of all tensors, in float32. Throws Error(kInvalidFile) with the tensor's name for sums that are
  // not finite.
  ImportanceSums Sums() const;

 private:
  struct Slot {
    NamedLinear named;
    std::vector<double> squares;  // [columns]
    int64_t count = 0;
  };
  std::vector<Slot> slots_;
  std::unordered_map<const Linear*, std::size_t> slot_of_;  // not changed after construction
};

struct ImatrixOptions {
  ImatrixFormat format = ImatrixFormat::kGguf;
  std::string text_name;                 // for the file
  int64_t chunk_tokens = 512;            // each chunk is evaluated as a text of its own
  int64_t most_chunks = 0;               // 0: all that the text has
  std::optional<int32_t> first_token;    // stands in place of the first token of every chunk
  bool head = false;                     // the output head, too
  int64_t step_tokens = 512;             // evaluated at once, at most
  const KernelTable* kernels = nullptr;  // null: the best for this processor
  int threads = 1;
  Overwrite overwrite = Overwrite::kRefuse;
  // Both may be empty; called on the calling thread between steps, with tokens.
  std::function<void(int64_t done, int64_t total)> progress;
  std::function<bool()> cancelled;
};

struct ImatrixReport {
  int64_t chunks = 0;
  int64_t tokens = 0;        // evaluated
  std::size_t tensors = 0;   // entries of the file
  std::size_t matrices = 0;  // of those tensors
  std::size_t unseen = 0;    // matrices among them that no token came to: experts
  uint64_t bytes = 0;
};

// Evaluates the whole chunks that `tokens` (ids of the model's vocabulary) have and writes the
// file. `file` is the one that the model was bound from. Throws Error kInvalidArgument for a text
// that is shorter than a chunk and for a chunk longer than the model's context; kAlreadyExists,
// kNotFound, kPermission, kNoSpace before anything is evaluated, as far as they can be known;
// kCancelled; kOutOfMemory.
ImatrixReport MakeImportanceMatrix(const Model& model, const ModelFile& file,
                                   std::span<const int32_t> tokens,
                                   const std::filesystem::path& destination,
                                   const ImatrixOptions& options);

}  // namespace fathom
