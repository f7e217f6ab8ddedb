#include "loader/fingerprint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "base/sha256.h"
#include "tensor/format.h"

namespace fathom {
namespace {

// Feeds values to a hash so that no two different sequences of values feed the same bytes: numbers
// have a fixed width, strings and lists their length in front.
class FingerprintHash {
 public:
  void Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    hash_.Update(std::as_bytes(std::span(text.data(), text.size())));
  }
  void Add(const std::string& text) { Add(std::string_view(text)); }
  void Add(bool value) { Add(static_cast<uint64_t>(value)); }
  void Add(int64_t value) { Add(static_cast<uint64_t>(value)); }
  void Add(double value) { Add(std::bit_cast<uint64_t>(value)); }
  void Add(uint64_t value) {
    std::array<std::byte, 8> bytes;
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(value & 0xff);
      value >>= 8;
    }
    hash_.Update(bytes);
  }
  template <class T>
  void Add(const std::vector<T>& values) {
    Add(static_cast<uint64_t>(values.size()));
    for (const auto& value : values) Add(static_cast<T>(value));
  }
  void AddBytes(std::span<const std::byte> bytes) { hash_.Update(bytes); }
  std::string Digest() { return hash_.HexDigest(); }

 private:
  Sha256 hash_;
};

}  // namespace

std::string FingerprintOf(const ModelFile& file) {
  constexpr std::size_t kTail = 4096;
  FingerprintHash hash;
  hash.Add(std::string_view("fathom model fingerprint 1"));
  for (const auto& [key, value] : file.metadata()) {
    hash.Add(key);
    hash.Add(static_cast<uint64_t>(value.index()));
    std::visit([&](const auto& held) { hash.Add(held); }, value);
  }
  for (const NamedTensor& tensor : file.tensors()) {
    const FormatRow& format = RowOf(tensor.view.format);
    hash.Add(tensor.name);
    if (format.gguf_type) {
      hash.Add(static_cast<uint64_t>(*format.gguf_type));
    } else {
      hash.Add(format.name);
    }
    hash.Add(static_cast<uint64_t>(tensor.view.rank));
    for (int i = 0; i < tensor.view.rank; ++i) hash.Add(tensor.view.shape[i]);
    hash.Add(static_cast<uint64_t>(tensor.shard));
    hash.Add(tensor.file_offset);
  }
  for (const MappedFile& shard : file.shards()) {
    const std::span<const std::byte> bytes = shard.bytes();
    hash.Add(static_cast<uint64_t>(bytes.size()));
    hash.AddBytes(bytes.last(std::min(kTail, bytes.size())));
  }
  return hash.Digest();
}

}  // namespace fathom
