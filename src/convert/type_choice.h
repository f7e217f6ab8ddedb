// Owns: which storage format each tensor of a file gets when most of it is to be in one format.
// Not for: converting anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "convert/model_plan.h"
#include "tensor/format.h"

namespace fathom {

// A format by its name, in either case. Throws Error(kInvalidArgument) with the names there are.
Format FormatNamed(std::string_view name);

// The format of a tensor of that kind where the file is to be in `type`: F32 for what stays float;
// at least Q6_K for the head, whose rounding goes straight into the logits (and for an embedding
// that is the head, too); at least Q8_0 for the matrices per head of latent attention, which are
// small. The others get `type`.
Format PreferredFormat(TensorKind kind, bool is_head, Format type);

// `format` where its blocks divide rows of that many values, otherwise the one that takes its
// place: of the small blocks one with as many bits or more, and F16 where those do not fit either.
Format FormatForRows(Format format, int64_t columns);

}  // namespace fathom
