// Reads hyper-parameters of one architecture from a model file's metadata: numbers within their
// range, and a refusal by name of every key under the prefix that the architecture does not know.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/model_file.h"

namespace fathom {

class ConfigReader {
 public:
  // `prefix` is what the keys start with ("deepseek2."); it may be empty.
  ConfigReader(const ModelFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  // Error(kUnsupported) naming the first key with the prefix that is not among `known`.
  void RefuseUnknownKeys(std::span<const std::string_view> known,
                         std::string_view architecture) const;

  bool Has(std::string_view key) const { return file_.Find(Key(key)) != nullptr; }
  // Integers from 1 (CountFromZero: from 0) to `most`.
  int64_t Count(std::string_view key, int64_t most) const;
  int64_t CountOr(std::string_view key, int64_t absent, int64_t most) const;
  int64_t CountFromZero(std::string_view key, int64_t most) const;
  int64_t CountFromZeroOr(std::string_view key, int64_t absent, int64_t most) const;
  double Positive(std::string_view key) const;
  double PositiveOr(std::string_view key, double absent) const;
  double FromZeroOr(std::string_view key, double absent) const;
  float Epsilon(std::string_view key) const;  // 0 <= value < 1

  // Error(kInvalidFile): the key's value was not what was expected.
  [[noreturn]] void Fail(std::string_view key, const std::string& found,
                         const std::string& expected) const;
  // Error(kUnsupported): a value of a semantic key that is not known here.
  [[noreturn]] void Refuse(std::string_view key, const std::string& found,
                           const std::string& known) const;

  std::string Key(std::string_view key) const { return prefix_ + std::string(key); }
  const ModelFile& file() const { return file_; }

 private:
  int64_t InRange(std::string_view key, int64_t value, int64_t least, int64_t most) const;
  double Finite(std::string_view key, double value, bool zero_allowed) const;

  const ModelFile& file_;
  std::string prefix_;
};

}  // namespace fathom
