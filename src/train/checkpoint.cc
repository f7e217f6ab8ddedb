#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "convert/part_file.h"

namespace fathom {
namespace {

constexpr std::string_view kMagic = "FATHOMTR";
constexpr uint64_t kVersion = 1;
constexpr std::size_t kDigestBytes = 64;  // in hexadecimal
constexpr std::size_t kPrefixBytes = kMagic.size() + 2 * sizeof(uint64_t);

std::string HeadText(const CheckpointHead& head, std::span<const CheckpointSection> sections) {
  Json table = Json::array();
  for (const CheckpointSection& section : sections) {
    table.push_back({{"name", section.name}, {"values", section.values.size()}});
  }
  return DumpJson({{"fingerprint", head.fingerprint},
                   {"steps", head.steps},
                   {"samples", head.samples},
                   {"sections", std::move(table)}});
}

std::string Number(uint64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Takes pieces off the front of a file.
class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file), rest_(file.bytes()) {}

  std::span<const std::byte> Take(uint64_t bytes) {
    if (rest_.size() < bytes) Fail("ends too early");
    const std::span<const std::byte> piece = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return piece;
  }
  std::string_view Text(uint64_t bytes) {
    const std::span<const std::byte> piece = Take(bytes);
    return {reinterpret_cast<const char*>(piece.data()), piece.size()};
  }
  uint64_t Number() {
    uint64_t value;
    std::memcpy(&value, Take(sizeof value).data(), sizeof value);
    return value;
  }
  std::size_t left() const { return rest_.size(); }
  const MappedFile& file() const { return file_; }

  [[noreturn]] void Fail(const std::string& problem) const {
    throw Error(ErrorCode::kInvalidFile, file_.path().string() + ": " + problem,
                "training can go on from an older checkpoint, or begin anew");
  }

 private:
  const MappedFile& file_;
  std::span<const std::byte> rest_;
};

CheckpointHead ReadHead(const Reader& reader, const Json& json) {
  const auto count = [&](const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer() || found->get<int64_t>() < 0) {
      reader.Fail("makes no sense: '" + std::string(key) + "' is no count");
    }
    return found->get<int64_t>();
  };
  if (!json.is_object()) reader.Fail("makes no sense: its head is no object");
  const auto fingerprint = json.find("fingerprint");
  if (fingerprint == json.end() || !fingerprint->is_string()) {
    reader.Fail("makes no sense: 'fingerprint' is no text");
  }
  return {fingerprint->get<std::string>(), count("steps"), count("samples")};
}

// Takes all up to the sections off a file that is whole; the text of its head.
std::string_view HeadTextOf(Reader& reader) {
  const std::span<const std::byte> bytes = reader.file().bytes();
  if (bytes.size() < kPrefixBytes + kDigestBytes || reader.Text(kMagic.size()) != kMagic) {
    reader.Fail("is not a checkpoint of training");
  }
  if (const uint64_t version = reader.Number(); version != kVersion) {
    reader.Fail("has version " + std::to_string(version) + ", expected " +
                std::to_string(kVersion));
  }
  Sha256 digest;
  digest.Update(bytes.first(bytes.size() - kDigestBytes));
  const std::string expected(reinterpret_cast<const char*>(bytes.last(kDigestBytes).data()),
                             kDigestBytes);
  if (digest.HexDigest() != expected) reader.Fail("is damaged: its checksum is another one");
  return reader.Text(reader.Number());
}

// The first section that is another one. Another optimiser shows in the names of its state.
[[noreturn]] void FailOfSections(const Reader& reader, std::string_view head,
                                 std::span<const CheckpointSection> sections) {
  const Json json = ParseJson(head, "head");
  const auto table = json.find("sections");
  if (table != json.end() && table->is_array()) {
    for (std::size_t i = 0; i < std::min(table->size(), sections.size()); ++i) {
      const Json& entry = table->at(i);
      const Json name = entry.is_object() ? entry.value("name", Json()) : Json();
      if (name == sections[i].name) continue;
      reader.Fail("holds " + DumpJson(name) + " where '" + sections[i].name +
                  "' is expected: it is of another model or optimiser");
    }
  }
  reader.Fail("holds other parameters than the model has");
}

}  // namespace

void WriteCheckpoint(const std::filesystem::path& path, const CheckpointHead& head,
                     std::span<const CheckpointSection> sections) {
  const std::string text = HeadText(head, sections);
  const std::string front = std::string(kMagic) + Number(kVersion) + Number(text.size()) + text;
  uint64_t bytes = front.size() + kDigestBytes;
  for (const CheckpointSection& section : sections) bytes += section.values.size_bytes();
  PartFile file(path, bytes, "");
  Sha256 digest;
  uint64_t offset = 0;
  const auto write = [&](std::span<const std::byte> data) {
    digest.Update(data);
    file.Write(offset, data);
    offset += data.size();
  };
  write(std::as_bytes(std::span(front)));
  for (const CheckpointSection& section : sections) write(std::as_bytes(section.values));
  const std::string hex = digest.HexDigest();
  file.Write(offset, std::as_bytes(std::span(hex)));
  file.Publish();
}

CheckpointHead ReadCheckpointHead(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::Open(path);
  Reader reader(file);
  return ReadHead(reader, ParseJson(HeadTextOf(reader), path.string()));
}

CheckpointHead ReadCheckpoint(const std::filesystem::path& path, const std::string& fingerprint,
                              std::span<const CheckpointSection> sections) {
  const MappedFile file = MappedFile::Open(path);
  Reader reader(file);
  const std::string_view text = HeadTextOf(reader);
  CheckpointHead head = ReadHead(reader, ParseJson(text, path.string()));
  if (head.fingerprint != fingerprint) {
    reader.Fail("belongs to another training: model, data or options are not the same");
  }
  if (text != HeadText(head, sections)) FailOfSections(reader, text, sections);
  uint64_t bytes = 0;
  for (const CheckpointSection& section : sections) bytes += section.values.size_bytes();
  if (reader.left() != bytes + kDigestBytes) reader.Fail("has another size than it says");
  for (const CheckpointSection& section : sections) {
    const std::span<const std::byte> piece = reader.Take(section.values.size_bytes());
    std::memcpy(section.values.data(), piece.data(), piece.size());
  }
  return head;
}

}  // namespace fathom
