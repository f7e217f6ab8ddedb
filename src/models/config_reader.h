// Access to the hyper-parameters of a model file, checked: ranges, and keys that nobody reads.
// Which keys there are is the architectures' affair.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/model_file.h"

namespace fathom {

class ConfigReader {
 public:
  // Names are keys after `prefix`: "llama." in a GGUF file, nothing in config.json. The file must
  // outlive the reader.
  ConfigReader(const ModelFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  const ModelFile& file() const { return file_; }
  std::string Key(std::string_view name) const { return prefix_ + std::string(name); }
  bool Has(std::string_view name) const { return file_.Find(Key(name)) != nullptr; }

  // Throw Error(kInvalidFile) that names file, key, expected and found.
  int64_t Count(std::string_view name, int64_t most) const;  // 1 to `most`
  int64_t CountOr(std::string_view name, int64_t absent, int64_t most) const;
  // 0 to `most`.
  int64_t CountFromZero(std::string_view name, int64_t most) const;
  int64_t CountFromZeroOr(std::string_view name, int64_t absent, int64_t most) const;
  double Positive(std::string_view name) const;  // finite
  double PositiveOr(std::string_view name, double absent) const;
  bool BooleanOr(std::string_view name, bool absent) const;
  bool Boolean(std::string_view name) const;
  float Epsilon(std::string_view name) const;  // 0 to below 1

  // Refuse any value of the key but this one; where the key is absent it has this value.
  void Expect(std::string_view name, bool expected) const;
  void Expect(std::string_view name, int64_t expected) const;
  void ExpectText(std::string_view name, std::string_view expected) const;

  // Throws Error(kUnsupported) for a key under the prefix that is in neither list: it may change
  // the result. An entry that ends in a dot stands for all keys that begin with it.
  void RefuseUnknownKeys(std::span<const std::string_view> known,
                         std::span<const std::string_view> more,
                         std::string_view architecture) const;

  // Error(kInvalidFile): the key's value was not what was expected.
  [[noreturn]] void Fail(std::string_view name, const std::string& found,
                         const std::string& expected) const;
  // Error(kUnsupported): a value of a semantic key that is not known here.
  [[noreturn]] void Refuse(std::string_view name, const std::string& found,
                           const std::string& known) const;

 private:
  int64_t InRange(std::string_view name, int64_t value, int64_t least, int64_t most) const;

  const ModelFile& file_;
  std::string prefix_;
};

// How many tokens the embedding knows: the rows of that tensor, which must be there.
int64_t EmbeddingRows(const ModelFile& file, std::string_view tensor);
// Refuses a vocabulary, declared under that key, that is not the embedding's.
void CheckVocabulary(const ConfigReader& reader, std::string_view key, int64_t declared,
                     int64_t embedding_rows);

// Keys of a config.json that say nothing about what a decoder computes from given ids: names and
// versions, settings of training and of generation, what other classes do with the same weights.
std::span<const std::string_view> HfKeysWithoutMeaning();

}  // namespace fathom
