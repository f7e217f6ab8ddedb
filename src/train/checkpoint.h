// The file that a training run goes on from: a head and named sections of float32, in the byte
// order of the machine (little-endian). It appears whole, by renaming, and is refused when it is
// damaged or of another run.
//
//   "FATHOMTR", version, head and section table as JSON with its length, the sections, SHA-256 of
//   all before it
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace fathom {

struct CheckpointHead {
  std::string fingerprint;  // of what is trained on what, and how
  int64_t steps = 0;
  int64_t samples = 0;  // taken so far
};

struct CheckpointSection {
  std::string name;
  std::span<float> values;
};

// Throws Error kNoSpace, kPermission or kIo; an older file is then still there.
void WriteCheckpoint(const std::filesystem::path& path, const CheckpointHead& head,
                     std::span<const CheckpointSection> sections);

// What a file says of itself. Throws Error kNotFound, kInvalidFile for a damaged file, kIo.
CheckpointHead ReadCheckpointHead(const std::filesystem::path& path);

// Fills the sections, which must be those of the file in names and sizes. Throws Error kNotFound,
// kInvalidFile for a damaged file or one of another fingerprint or other sections, kIo; sections
// are then unchanged.
CheckpointHead ReadCheckpoint(const std::filesystem::path& path, const std::string& fingerprint,
                              std::span<const CheckpointSection> sections);

}  // namespace fathom
