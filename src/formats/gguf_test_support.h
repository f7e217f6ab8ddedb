// Tools of the GGUF tests: a builder of GGUF bytes that can be wrong in any way, a folder that goes
// away, and the error of a call as text. Shares nothing with the writer under test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fathom {

class GgufBytes {
 public:
  // Magic, version and counts.
  GgufBytes(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    text_ = "GGUF";
    Put(version).Put(tensors).Put(keys);
  }

  template <class T>
  GgufBytes& Put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text_.append(bytes, sizeof(T));
    return *this;
  }
  GgufBytes& String(std::string_view value) {
    Put(uint64_t{value.size()});
    text_ += value;
    return *this;
  }
  GgufBytes& Key(std::string_view key, uint32_t type) { return String(key).Put(type); }
  template <class T>
  GgufBytes& Scalar(std::string_view key, uint32_t type, T value) {
    return Key(key, type).Put(value);
  }
  GgufBytes& Array(std::string_view key, uint32_t element_type, uint64_t count) {
    return Key(key, 9).Put(element_type).Put(count);
  }
  // Dimensions as in the file: innermost first.
  GgufBytes& Tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                    uint64_t offset) {
    String(name).Put(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t dimension : dimensions) Put(dimension);
    return Put(type).Put(offset);
  }
  // Zeros up to the next multiple of `alignment`.
  GgufBytes& Pad(std::size_t alignment = 32) {
    text_.append((alignment - text_.size() % alignment) % alignment, '\0');
    return *this;
  }
  GgufBytes& Data(std::size_t count, char first = 1) {
    for (std::size_t i = 0; i < count; ++i) text_ += static_cast<char>(first + i);
    return *this;
  }

  const std::string& text() const { return text_; }
  std::size_t size() const { return text_.size(); }

 private:
  std::string text_;
};

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// An empty folder that is removed with everything in it.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = testing::TempDir() + "fathom_formats_XXXXXX";
    const char* made = ::mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    path_ = pattern;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path Write(std::string_view name, std::string_view content) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream stream(path, std::ios::binary);
    stream << content;
    stream.close();
    EXPECT_TRUE(stream.good());
    return path;
  }

 private:
  std::filesystem::path path_;
};

// "code: message" of the Error that `call` throws, "no error" when it throws none.
template <class Call>
std::string ErrorOf(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
    return std::string(ErrorCodeName(error.code())) + ": " + error.message();
  }
  return "no error";
}

}  // namespace fathom
