// Owns: a file of known size under construction, DST.part, which appears as DST only when it is
// complete and on the disk. A journal beside it (DST.part.journal) may say how much of it is done,
// so that a later run with the same recipe goes on from there. Not for: what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace fathom {

// What may already be there where the result should go.
enum class Overwrite : uint8_t { kRefuse, kReplace };

// Throws Error(kAlreadyExists) for something there that may not be replaced, Error(kNotFound) when
// the folder is not there, Error(kInvalidArgument) for a folder where a file should go or the other
// way round, and for devices and the like.
void CheckDestination(const std::filesystem::path& destination, bool folder, Overwrite overwrite);

// Throws Error(kAlreadyExists) when the destination is a file that is neither empty nor taken by
// `is_one`: it has this name by mistake, or is another's. `what` is what may be replaced: "GGUF
// file".
void RefuseToReplaceUnlike(const std::filesystem::path& destination, const char* what,
                           bool (*is_one)(const std::filesystem::path&));

bool StartsAsGguf(const std::filesystem::path& path);

// Throws Error(kInvalidArgument) when the destination is a file that is read to make it; `what` is
// that file: "the model itself".
void RefuseToReplace(const std::filesystem::path& input, const char* what,
                     const std::filesystem::path& destination);

// Throws Error(kNoSpace) that says how much is needed and how much is there when the file system of
// `folder` has less than `bytes` free.
void CheckFreeSpace(const std::filesystem::path& folder, uint64_t bytes);

// DST.part
std::filesystem::path PartPath(const std::filesystem::path& destination);

// Whether room for a whole file must be there when it is begun.
enum class Room : uint8_t { kChecked, kHoles };

class PartFile {
 public:
  // Creates or opens DST.part. `recipe` is a digest of all that determines the file; empty: no
  // journal is kept, and an older part is written anew. With one, done() is what a journal with the
  // same recipe says, in units of the caller, and never more than is on the disk; 0 for another
  // recipe, and for a part that is shorter than its journal says. Throws Error kNotFound,
  // kPermission, kNoSpace, kIo, and kUnavailable while another process writes it.
  PartFile(const std::filesystem::path& destination, uint64_t bytes, const std::string& recipe,
           Room room = Room::kChecked);
  // Without a journal, or with nothing done, the part is removed unless it was published.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::size_t done() const { return done_; }
  bool was_short() const { return was_short_; }                // than its journal says
  const std::filesystem::path& path() const { return path_; }  // of the part

  // Throws Error kNoSpace or kIo.
  void Write(uint64_t offset, std::span<const std::byte> data);
  // Says that `done` units are written whole. They are on the disk before the journal says so,
  // which happens every so many bytes.
  void MarkDone(std::size_t done);
  // Brings the file to its full size, so that it can be read under path().
  void Finish();
  // Brings it to the disk and gives it its name, over an older file; after Finish.
  void Publish();

 private:
  void Open(const std::string& recipe, Room room);
  void Close();
  void Sync();

  std::filesystem::path destination_, path_, journal_path_;
  uint64_t bytes_;
  bool journaled_;
  int fd_ = -1, journal_ = -1;
  std::size_t done_ = 0, marked_ = 0;
  uint64_t unsynced_ = 0;
  uint64_t end_ = 0;  // of what was written, this time or before
  bool was_short_ = false;
  bool locked_ = false, published_ = false;
};

}  // namespace fathom
