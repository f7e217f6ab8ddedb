// GGUF: the keys "general.type" ("imatrix"), "imatrix.datasets", "imatrix.chunk_count" and
// "imatrix.chunk_size", and per entry the tensors NAME.in_sum2, [matrices, columns], and
// NAME.counts, [matrices, 1]. The older format is described in imatrix.cc; its values are the means
// times a number of calls, for which llama.cpp takes the chunks that the tokens would fill, rounded
// up. It has no counts: a matrix without inputs has means of 1 there, that is no preference.
#include "convert/imatrix_writer.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "convert/part_file.h"
#include "formats/gguf_header.h"

namespace fathom {
namespace {

using Entry = ImportanceSums::value_type;

std::vector<const Entry*> EntriesWithInputs(const ImportanceSums& sums) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : sums) {
    const std::vector<int64_t>& counts = entry.second.counts;
    if (std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count > 0; })) {
      entries.push_back(&entry);
    }
  }
  CHECK(!entries.empty());
  return entries;
}

uint64_t WriteGguf(const std::filesystem::path& path, const std::vector<const Entry*>& entries,
                   const ImatrixOrigin& origin) {
  GgufHeader header;
  header.AddMetadata("general.type", std::string("imatrix"));
  header.AddMetadata("imatrix.datasets", std::vector<std::string>{origin.text});
  header.AddMetadata("imatrix.chunk_count", static_cast<uint32_t>(origin.chunks));
  header.AddMetadata("imatrix.chunk_size", static_cast<uint32_t>(origin.chunk_tokens));
  for (const Entry* entry : entries) {
    const auto& [name, sums] = *entry;
    const auto matrices = static_cast<int64_t>(sums.counts.size());
    const auto columns = static_cast<int64_t>(sums.squares.size()) / matrices;
    header.AddTensor(name + ".in_sum2", Format::kF32, std::vector<int64_t>{matrices, columns});
    header.AddTensor(name + ".counts", Format::kF32, std::vector<int64_t>{matrices, 1});
  }
  const std::string encoded = header.Encode();
  const uint64_t bytes = encoded.size() + header.DataBytes();
  PartFile part(path, bytes, /*recipe=*/"");
  part.Write(0, std::as_bytes(std::span(encoded)));
  std::size_t tensor = 0;
  const auto write = [&](std::span<const float> values) {
    part.Write(encoded.size() + header.OffsetOfTensor(tensor++), std::as_bytes(values));
  };
  for (const Entry* entry : entries) {
    write(entry->second.squares);
    write(std::vector<float>(entry->second.counts.begin(), entry->second.counts.end()));
  }
  part.Finish();
  part.Publish();
  return bytes;
}

void Put(std::string& to, int64_t value) {
  const auto narrow = static_cast<int32_t>(value);
  CHECK(narrow == value);
  to.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
}

void PutText(std::string& to, std::string_view text) {
  Put(to, static_cast<int64_t>(text.size()));
  to += text;
}

std::string LegacyEntry(const Entry& entry, int64_t chunk_tokens) {
  const auto& [name, sums] = entry;
  const int64_t most = *std::max_element(sums.counts.begin(), sums.counts.end());
  const int64_t calls = (most + chunk_tokens - 1) / chunk_tokens;
  const std::size_t columns = sums.squares.size() / sums.counts.size();
  std::vector<float> values(sums.squares.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int64_t count = sums.counts[i / columns];
    const float mean = count > 0 ? sums.squares[i] / static_cast<float>(count) : 1.0F;
    values[i] = mean * static_cast<float>(calls);
  }
  std::string bytes;
  PutText(bytes, name);
  Put(bytes, calls);
  Put(bytes, static_cast<int64_t>(values.size()));
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return bytes;
}

uint64_t WriteLegacy(const std::filesystem::path& path, const std::vector<const Entry*>& entries,
                     const ImatrixOrigin& origin) {
  std::string head, tail;
  Put(head, static_cast<int64_t>(entries.size()));
  Put(tail, origin.chunks);
  PutText(tail, origin.text);
  uint64_t bytes = head.size() + tail.size();
  for (const Entry* entry : entries) {
    const auto& [name, sums] = *entry;
    bytes += 3 * sizeof(int32_t) + name.size() + sums.squares.size() * sizeof(float);
  }
  PartFile part(path, bytes, /*recipe=*/"");
  uint64_t offset = 0;
  const auto write = [&](const std::string& piece) {
    part.Write(offset, std::as_bytes(std::span(piece)));
    offset += piece.size();
  };
  write(head);
  for (const Entry* entry : entries) write(LegacyEntry(*entry, origin.chunk_tokens));
  write(tail);
  CHECK(offset == bytes);
  part.Finish();
  part.Publish();
  return bytes;
}

}  // namespace

uint64_t WriteImportanceMatrix(const std::filesystem::path& path, ImatrixFormat format,
                               const ImportanceSums& sums, const ImatrixOrigin& origin) {
  const std::vector<const Entry*> entries = EntriesWithInputs(sums);
  return format == ImatrixFormat::kGguf ? WriteGguf(path, entries, origin)
                                        : WriteLegacy(path, entries, origin);
}

}  // namespace fathom
