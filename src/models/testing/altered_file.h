// For tests: a good model file whose metadata and tensors are changed in memory before an
// architecture is bound from it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"
#include "models/model.h"

namespace fathom {

inline ModelFile OpenGolden(const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model" / name;
  return IsHuggingFaceDirectory(path) ? OpenHuggingFaceDirectory(path) : OpenGguf(path);
}

class AlteredFile {
 public:
  explicit AlteredFile(const std::string& golden) : source_(OpenGolden(golden)) {
    metadata = source_.metadata();
    tensors = source_.tensors();
  }

  ModelFile Open() const {
    std::vector<MappedFile> shards;
    for (const MappedFile& shard : source_.shards()) {
      shards.push_back(MappedFile::Open(shard.path()));
    }
    return {std::move(shards), metadata, tensors, source_.kind(), source_.path()};
  }

  // "code: message" of the error that binding throws; empty when it throws none.
  std::string BindError() const {
    const ModelFile file = Open();
    return ErrorOf([&] { BindModel(file); });
  }
  // The same of what reads headers only, and of the module that predicts further.
  std::string DescribeError() const {
    const ModelFile file = Open();
    return ErrorOf([&] { DescribeModel(file); });
  }
  std::string MtpError() const {
    const ModelFile file = Open();
    return ErrorOf([&] { BindMtpModule(file); });
  }

  NamedTensor& Tensor(const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const NamedTensor& tensor) { return tensor.name == name; });
  }

  ModelFile::Metadata metadata;
  std::vector<NamedTensor> tensors;

 private:
  template <class Function>
  static std::string ErrorOf(Function&& function) {
    try {
      function();
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.what();
    }
    return "";
  }

  ModelFile source_;
};

// Another value of a key of a golden's configuration.
struct Change {
  const char* key;
  std::optional<MetadataValue> value;  // nothing: taken away
  const char* message;
};

// Binding and describing the golden with that change say `message` and name the golden.
inline void ExpectRefused(const char* golden, const Change& change) {
  AlteredFile file(golden);
  if (change.value) {
    file.metadata[change.key] = *change.value;
  } else {
    file.metadata.erase(change.key);
  }
  EXPECT_THAT(file.BindError(),
              testing::AllOf(testing::HasSubstr(change.message), testing::HasSubstr(golden)))
      << golden << " with another " << change.key;
  EXPECT_EQ(file.DescribeError(), file.BindError()) << change.key;
}

}  // namespace fathom
