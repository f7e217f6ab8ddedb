// Text of shapes for messages. Views themselves compute nothing and live in the header.
#include "tensor/tensor_view.h"

namespace fathom {

std::string ShapeText(const TensorView& view) {
  std::string text = "[";
  for (int i = 0; i < view.rank; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(view.shape[i]);
  }
  return text + "]";
}

}  // namespace fathom
