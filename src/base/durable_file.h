// Files and names that a power cut leaves as they were published: the bytes are on the disk before
// the name is given, and the name is before the program goes on. Not for: locks, or who writes
// what.
#pragma once

#include <filesystem>

namespace fathom {

// Waits until the disk has the file's bytes. Throws Error as writing does.
void SyncFile(const std::filesystem::path& file);

// Waits until the disk has the folder's names. A folder that may be written but not read, or whose
// file system does not know the request, is left to the system.
void SyncFolder(const std::filesystem::path& folder);

// Gives `from`, whose bytes are on the disk, the name `to`, and waits as SyncFolder does. What had
// that name is replaced. Throws Error that names both.
void PublishPath(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace fathom
