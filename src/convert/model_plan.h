// Owns: which tensors a model of a shape has, in a Hugging Face directory and in a GGUF file, and
// how the second are made of the first. Not for: reading or writing any of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "convert/shape.h"

namespace fathom {

// What a tensor is, as far as its storage format and its random values depend on it.
enum class TensorKind : uint8_t {
  kNorm,             // weights of a norm
  kBias,             // of a linear layer
  kRouter,           // [experts, hidden]
  kRouterBias,       // [experts], for choosing only
  kRopeFrequencies,  // divisors, known from the shape
  kEmbedding,        // [vocabulary, hidden]; also what joins it to a state in prediction layers
  kHead,             // [vocabulary, hidden]
  kHeadMatrix,       // per head, of latent attention
  kMatrix,           // any other linear layer, stacks of experts too
};

// One that stays float32 in a GGUF file whatever type the others are given: it is small, and
// routing and norms feel its rounding.
bool StaysFloat(TensorKind kind);

// A tensor of a directory. Shapes are outermost first.
struct DirectoryTensor {
  std::string name;
  std::vector<int64_t> shape;
  TensorKind kind = TensorKind::kMatrix;
  double deviation = 0;  // standard deviation of random values that keep activations near 1
};

// How the rows of a GGUF tensor come out of its sources.
enum class Arrangement : uint8_t {
  kAsIs,         // one source, or several one below the other
  kPairs,        // per head, rows i and i + half become neighbours: rotated pairs of `llama`
  kKeysByHead,   // of kv_b's rows per head [nope + value], the first `nope`, transposed
  kValuesByHead  // the others
};

// A tensor of a GGUF file.
struct PlannedTensor {
  std::string name;
  std::vector<int64_t> shape;
  TensorKind kind = TensorKind::kMatrix;
  double deviation = 0;
  std::vector<std::string> sources;  // in a directory; none for kRopeFrequencies
  Arrangement arrangement = Arrangement::kAsIs;
  int64_t heads = 1;  // that kPairs and the last two split the rows into
};

struct ModelPlan {
  std::vector<DirectoryTensor> directory;
  std::vector<PlannedTensor> file;
};

// Biases and prediction layers are where the shape says; a directory of a tied model may have a
// head all the same, which `with_head` then says.
ModelPlan PlanModel(const ModelShape& shape, bool with_head);

// What a tensor of a GGUF file is, from its name and number of dimensions.
TensorKind KindOfGgufTensor(std::string_view name, int rank);

}  // namespace fathom
