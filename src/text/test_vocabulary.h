// Small tokenizers and golden files for the tests of this room. Not for anything else.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace fathom {

inline std::string GoldenPath(const std::string& name) {
  return std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/text/" + name;
}

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(GoldenPath(name), std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline Tokenizer GoldenTokenizer(const std::string& kind) {
  const std::string name = kind + ".tokenizer.json";
  return Tokenizer(ParseTokenizerJson(ReadGolden(name), name));
}

inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// The 256 bytes, token b for byte b, then the added tokens from id 256 on.
inline TokenizerSpec ByteSpec(std::initializer_list<std::pair<const char*, TokenKind>> added = {
                                  {"<|im_start|>", TokenKind::kControl},
                                  {"<|im_end|>", TokenKind::kControl},
                                  {"<think>", TokenKind::kUserDefined}}) {
  TokenizerSpec spec;
  spec.pre_tokenizer = "gpt2";
  for (int byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(AlphabetFromBytes(std::string(1, static_cast<char>(byte))));
    spec.kinds.push_back(TokenKind::kNormal);
  }
  for (const auto& [text, kind] : added) {
    spec.tokens.emplace_back(text);
    spec.kinds.push_back(kind);
  }
  return spec;
}

}  // namespace fathom
