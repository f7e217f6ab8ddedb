// Reader of one .safetensors file: 8 bytes of header length (little-endian), that many bytes of
// JSON, then data that the tensors cover without gap and overlap. Pure parsing over a memory map:
// nothing of the header is believed before it is compared with the file, and memory stays within a
// small multiple of the header. Directories of several such files are hf_directory.h's.
//
// Read are F32, F16, BF16 and F8_E4M3 tensors of 1 to 4 dimensions. A file with a tensor of any
// other type (integers, booleans, other 8-bit floats) is refused with the names of tensor and type:
// such tensors are packed weights of quantisers that are not read, so without them there is no
// model.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "formats/model_file.h"

namespace fathom {

// The tensors of a file that lies in memory, in the order of their data, with shard 0; the views
// point into `bytes`, which may have any alignment. `path` is for messages. Throws Error:
// kInvalidFile for broken content, kUnsupported for a type or a number of dimensions that is not
// read.
std::vector<NamedTensor> ParseSafetensors(std::span<const std::byte> bytes,
                                          const std::string& path);

}  // namespace fathom
