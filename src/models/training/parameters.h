// The parameters of a model that is trained: float32 master values and their gradients, under the
// names that the tensors have in Hugging Face files.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/tape.h"
#include "formats/model_file.h"
#include "tensor/buffer.h"

namespace fathom {

// What a parameter is for an optimiser.
enum class ParameterKind : uint8_t {
  kMatrix,     // multiplied with
  kEmbedding,  // looked up, or the output head: one row a token
  kVector,     // norms and biases
};

struct ParameterShape {
  std::string name;  // "model.norm.weight"
  ParameterKind kind;
  int64_t rows;
  int64_t columns;
  int64_t elements() const { return rows * columns; }
};

class ParameterSet {
 public:
  // Throws Error(kOutOfMemory) when the memory is not there. Values are zero.
  explicit ParameterSet(std::vector<ParameterShape> shapes);

  std::span<const ParameterShape> shapes() const { return shapes_; }
  int64_t elements() const { return static_cast<int64_t>(values().size()); }
  // All of them behind each other in the order of shapes().
  std::span<float> values() const { return values_.as<float>().first(size_); }
  std::span<float> gradients() const { return gradients_.as<float>().first(size_); }
  std::span<float> values(std::size_t index) const { return Part(values_, index); }
  std::span<float> gradients(std::size_t index) const { return Part(gradients_, index); }

  // The parameter of that name, which must exist.
  std::size_t IndexOf(std::string_view name) const;
  // It on a tape: gradients are added to this set's.
  autograd::Var Leaf(autograd::Tape& tape, std::string_view name) const;

  void ClearGradients();

  // Takes every value from the tensor of its name. Throws Error(kInvalidFile) naming what is
  // missing or has another shape.
  void ReadFrom(const ModelFile& file);

 private:
  std::span<float> Part(const Buffer& buffer, std::size_t index) const;

  std::vector<ParameterShape> shapes_;
  std::vector<std::size_t> offsets_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::size_t size_ = 0;
  Buffer values_, gradients_;
};

}  // namespace fathom
