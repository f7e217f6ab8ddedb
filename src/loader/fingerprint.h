// Tells models apart by what their files say.
#pragma once

#include <string>

#include "formats/model_file.h"

namespace fathom {

// Hex digits over all metadata and the tensor table, and the end of each shard: fine-tunes of one
// model differ in nothing else but weights.
std::string FingerprintOf(const ModelFile& file);

}  // namespace fathom
