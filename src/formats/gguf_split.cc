// Opens a model that is one file or several: OpenGguf. A split model is NAME-00001-of-000NN.gguf
// and so on; every part is a whole GGUF file whose "split." keys say which part of how many it is.
// The first part has the metadata. Names and keys must agree, so that a part in the wrong place is
// found here and not in the weights.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"

namespace fathom {
namespace {

struct Part {
  MappedFile file;
  GgufIndex index;
};

Part OpenPart(const std::filesystem::path& path) {
  MappedFile file = MappedFile::Open(path);
  GgufIndex index = ParseGguf(file.bytes(), path.string());
  return {std::move(file), std::move(index)};
}

[[noreturn]] void FailPart(const Part& part, const std::string& message) {
  throw Error(ErrorCode::kInvalidFile, part.file.path().string() + ": " + message);
}

// "model-00002-of-00005.gguf" is {"model", 2, 5}.
struct SplitName {
  std::string prefix;
  int64_t part;
  int64_t parts;
};

std::optional<int64_t> FiveDigits(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.size() != 5 || text.front() == '-' || error != std::errc() ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<SplitName> ParseSplitName(const std::filesystem::path& path) {
  constexpr std::string_view kPattern = "-00001-of-00005.gguf";
  const std::string name = path.filename().string();
  if (name.size() < kPattern.size()) return std::nullopt;
  const std::string_view tail = std::string_view(name).substr(name.size() - kPattern.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") {
    return std::nullopt;
  }
  const auto part = FiveDigits(tail.substr(1, 5));
  const auto parts = FiveDigits(tail.substr(10, 5));
  if (!part || !parts) return std::nullopt;
  return SplitName{name.substr(0, name.size() - kPattern.size()), *part, *parts};
}

std::filesystem::path PartPath(const std::filesystem::path& any_part, const SplitName& name,
                               int64_t part) {
  const auto padded = [](int64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(5 - digits.size(), '0') + digits;
  };
  return any_part.parent_path() /
         (name.prefix + "-" + padded(part) + "-of-" + padded(name.parts) + ".gguf");
}

// A count or number of the split keys; nullopt when the key is absent.
std::optional<int64_t> SplitNumber(const Part& part, std::string_view key) {
  const auto found = part.index.metadata.find(key);
  if (found == part.index.metadata.end()) return std::nullopt;
  if (const auto* natural = std::get_if<uint64_t>(&found->second)) {
    if (*natural <= std::numeric_limits<int32_t>::max()) return static_cast<int64_t>(*natural);
  } else if (const auto* integer = std::get_if<int64_t>(&found->second)) {
    if (*integer >= 0 && *integer <= std::numeric_limits<int32_t>::max()) return *integer;
  }
  FailPart(part, "key " + QuotedName(key) + " is not a number from 0 to 2^31 - 1");
}

void ExpectSplitNumber(const Part& part, std::string_view key, int64_t expected) {
  const auto found = SplitNumber(part, key);
  if (found == expected) return;
  FailPart(part, "key " + QuotedName(key) + " is " + (found ? std::to_string(*found) : "missing") +
                     ", expected " + std::to_string(expected));
}

// Moves the metadata of a later part into that of the first; keys in both must agree.
void MergeMetadata(ModelFile::Metadata& into, Part& part) {
  for (auto& [key, value] : part.index.metadata) {
    const auto [place, inserted] = into.try_emplace(key, std::move(value));
    if (!inserted && key != "split.no" && place->second != value) {
      FailPart(part, "key " + QuotedName(key) + " differs from the first part's");
    }
  }
}

std::vector<Part> OpenAllParts(const std::filesystem::path& any_part, const SplitName& name) {
  std::vector<Part> parts;
  for (int64_t i = 1; i <= name.parts; ++i) {
    const std::filesystem::path path = PartPath(any_part, name, i);
    try {
      parts.push_back(OpenPart(path));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      throw Error(ErrorCode::kNotFound,
                  path.string() + " is missing: part " + std::to_string(i) + " of " +
                      std::to_string(name.parts),
                  "all parts of a split model must lie in one folder");
    }
    ExpectSplitNumber(parts.back(), "split.count", name.parts);
    ExpectSplitNumber(parts.back(), "split.no", i - 1);
  }
  return parts;
}

ModelFile JoinParts(std::vector<Part> parts) {
  std::vector<MappedFile> files;
  std::vector<NamedTensor> tensors;
  ModelFile::Metadata metadata = std::move(parts.front().index.metadata);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) MergeMetadata(metadata, parts[i]);
    for (NamedTensor& tensor : parts[i].index.tensors) {
      tensor.shard = static_cast<int>(i);
      tensors.push_back(std::move(tensor));
    }
  }
  for (Part& part : parts) files.push_back(std::move(part.file));
  return ModelFile(std::move(files), std::move(metadata), std::move(tensors));
}

}  // namespace

ModelFile OpenGguf(const std::filesystem::path& path) {
  const std::optional<SplitName> name = ParseSplitName(path);
  std::vector<Part> parts;
  parts.push_back(OpenPart(path));
  // A file merged from parts says that it has 0.
  const std::optional<int64_t> declared = SplitNumber(parts[0], "split.count");
  const int64_t count = std::max<int64_t>(declared.value_or(1), 1);
  if (!name) {
    if (count > 1) {
      FailPart(parts[0], "key 'split.count' is " + std::to_string(count) +
                             ", but the name of the file does not end in -00001-of-000NN.gguf");
    }
  } else if (name->parts != count) {
    FailPart(parts[0], "key 'split.count' is " +
                           (declared ? std::to_string(count) : std::string("missing")) +
                           ", but the name says " + std::to_string(name->parts) + " parts");
  } else if (name->part < 1 || name->part > name->parts) {
    FailPart(parts[0], "the name says part " + std::to_string(name->part) + " of " +
                           std::to_string(name->parts));
  } else if (count > 1) {
    parts = OpenAllParts(path, *name);
    int64_t tensors = 0;
    for (const Part& part : parts) tensors += static_cast<int64_t>(part.index.tensors.size());
    for (const Part& part : parts) ExpectSplitNumber(part, "split.tensors.count", tensors);
  }
  return JoinParts(std::move(parts));
}

}  // namespace fathom
