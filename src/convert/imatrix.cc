// The older format, little-endian: int32 entries; per entry int32 name length, name, int32 calls,
// int32 values, float values, which are sums over the calls; then perhaps int32 calls and the name
// of the text, of no use here. The GGUF format has two tensors per entry, NAME.in_sum2 (sums,
// [matrices, columns]) and NAME.counts ([matrices, 1] or [matrices]).
#include "convert/imatrix.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"
#include "formats/gguf.h"

namespace fathom {
namespace {

constexpr int32_t kMostEntries = 1 << 20;
constexpr int32_t kMostNameBytes = 65535;

class Bytes {
 public:
  Bytes(std::span<const std::byte> bytes, const std::string& path) : rest_(bytes), path_(path) {}

  int32_t Integer(const char* what, int32_t least, int32_t most) {
    const std::span<const std::byte> bytes = Take(sizeof(int32_t), what);
    int32_t value;
    std::memcpy(&value, bytes.data(), sizeof value);
    if (value < least || value > most) {
      Fail(std::string(what) + " is " + std::to_string(value) + ", expected " +
           std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
  }
  std::span<const std::byte> Take(std::size_t size, const char* what) {
    if (size > rest_.size()) {
      Fail(std::string("truncated in the ") + what + ": " + std::to_string(size) +
           " bytes expected, " + std::to_string(rest_.size()) + " present");
    }
    const std::span<const std::byte> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  [[noreturn]] void Fail(const std::string& message) const {
    throw Error(ErrorCode::kInvalidFile, path_ + ": " + message);
  }

 private:
  std::span<const std::byte> rest_;
  const std::string& path_;
};

// Divides sums by how often they were added to. Values that never were say nothing: all are alike.
void Add(ImportanceMatrix& matrix, const std::string& name, std::vector<float> values,
         std::span<const float> counts, const std::string& path) {
  const std::size_t columns = values.size() / counts.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float count = counts[i / columns];
    if (count == 0) {
      values[i] = 1;
      continue;
    }
    values[i] /= count;
    if (!(values[i] >= 0) || !std::isfinite(values[i])) {
      throw Error(ErrorCode::kInvalidFile, path + ": the entry " + QuotedName(name) + " has " +
                                               std::to_string(values[i]) +
                                               ", expected finite numbers of at least 0");
    }
  }
  if (!matrix.emplace(name, std::move(values)).second) {
    throw Error(ErrorCode::kInvalidFile,
                path + ": the entry " + QuotedName(name) + " is there twice");
  }
}

ImportanceMatrix ParseOld(std::span<const std::byte> content, const std::string& path) {
  Bytes bytes(content, path);
  ImportanceMatrix matrix;
  const int32_t entries = bytes.Integer("number of entries", 1, kMostEntries);
  for (int32_t entry = 0; entry < entries; ++entry) {
    const int32_t length = bytes.Integer("length of a name", 1, kMostNameBytes);
    const auto name_bytes = bytes.Take(static_cast<std::size_t>(length), "name of an entry");
    const std::string name(reinterpret_cast<const char*>(name_bytes.data()), name_bytes.size());
    const int32_t calls = bytes.Integer("number of calls", 0, INT32_MAX);
    const int32_t count = bytes.Integer("number of values", 1, INT32_MAX / 4);
    const auto raw = bytes.Take(static_cast<std::size_t>(count) * sizeof(float), "values");
    std::vector<float> values(static_cast<std::size_t>(count));
    std::memcpy(values.data(), raw.data(), raw.size());
    const auto calls_made = static_cast<float>(calls);
    Add(matrix, name, std::move(values), {&calls_made, 1}, path);
  }
  return matrix;
}

std::vector<float> FloatsOf(const NamedTensor& tensor, const std::string& path) {
  if (tensor.view.format != Format::kF32) {
    throw Error(ErrorCode::kInvalidFile, path + ": tensor " + QuotedName(tensor.name) + " is in " +
                                             std::string(RowOf(tensor.view.format).name) +
                                             ", expected F32");
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.view.elements()));
  std::memcpy(values.data(), tensor.view.data, values.size() * sizeof(float));
  return values;
}

ImportanceMatrix ParseNew(std::span<const std::byte> content, const std::string& path) {
  constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";
  const GgufIndex index = ParseGguf(content, path);
  const auto type = index.metadata.find("general.type");
  const auto* name_of_type =
      type == index.metadata.end() ? nullptr : std::get_if<std::string>(&type->second);
  if (name_of_type == nullptr || *name_of_type != "imatrix") {
    throw Error(ErrorCode::kInvalidFile,
                path + ": the key 'general.type' is not 'imatrix': this is no importance matrix");
  }
  std::map<std::string, const NamedTensor*, std::less<>> counts;
  for (const NamedTensor& tensor : index.tensors) {
    if (tensor.name.ends_with(kCounts)) {
      counts[tensor.name.substr(0, tensor.name.size() - kCounts.size())] = &tensor;
    }
  }
  ImportanceMatrix matrix;
  for (const NamedTensor& tensor : index.tensors) {
    if (!tensor.name.ends_with(kSums)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - kSums.size());
    const auto found = counts.find(name);
    if (found == counts.end()) {
      throw Error(ErrorCode::kInvalidFile, path + ": there is no " +
                                               QuotedName(name + std::string(kCounts)) +
                                               " beside " + QuotedName(tensor.name));
    }
    const std::vector<float> how_often = FloatsOf(*found->second, path);
    std::vector<float> sums = FloatsOf(tensor, path);
    if (sums.size() % how_often.size() != 0) {
      throw Error(ErrorCode::kInvalidFile, path + ": " + QuotedName(tensor.name) + " has " +
                                               std::to_string(sums.size()) + " values for " +
                                               std::to_string(how_often.size()) + " matrices");
    }
    Add(matrix, name, std::move(sums), how_often, path);
  }
  return matrix;
}

}  // namespace

ImportanceMatrix ParseImportanceMatrix(std::span<const std::byte> bytes, const std::string& path) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with("GGUF") ? ParseNew(bytes, path) : ParseOld(bytes, path);
}

ImportanceMatrix ReadImportanceMatrix(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::Open(path);
  return ParseImportanceMatrix(file.bytes(), path.string());
}

}  // namespace fathom
