// A folder under construction, DST.part, which appears as DST only when it is complete; what was
// begun is removed otherwise.
#pragma once

#include <filesystem>

namespace fathom {

class PartFolder {
 public:
  // Throws Error kPermission, kNoSpace or kIo.
  explicit PartFolder(const std::filesystem::path& destination);
  ~PartFolder();
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Publish();

 private:
  std::filesystem::path destination_, path_;
  bool published_ = false;
};

}  // namespace fathom
