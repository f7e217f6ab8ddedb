#include "convert/part_folder.h"

#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "convert/part_file.h"

namespace fathom {

PartFolder::PartFolder(const std::filesystem::path& destination)
    : destination_(destination), path_(PartPath(destination)) {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (!error) std::filesystem::create_directory(path_, error);
  if (error) throw SystemError(error.value(), "cannot create " + path_.string());
}

PartFolder::~PartFolder() {
  std::error_code ignored;
  if (!published_) std::filesystem::remove_all(path_, ignored);
}

void PartFolder::Publish() {
  PublishPath(path_, destination_);
  published_ = true;
}

}  // namespace fathom
