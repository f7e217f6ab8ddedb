// A tokenizer behind a pipe, for the comparison with the reference in tools/goldens/text.py; built
// only on request and never installed.
//
//   text_encode_tool TOKENIZER.json plain|trusted|cut|decode|stream
//
// Every input line gives one output line. plain and trusted: the text in hexadecimal, answered with
// its ids. cut: the text likewise, answered with the sizes of the pieces that are encoded one by
// one. decode: ids, answered with their text in hexadecimal. stream: ids, answered with the
// text of each token as it comes and of the end, in hexadecimal and separated by commas.
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/pre_tokenizer.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace {

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

std::string ToHex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
    hex.push_back("0123456789abcdef"[static_cast<unsigned char>(c) & 15]);
  }
  return hex;
}

std::vector<fathom::TokenId> ReadIds(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<fathom::TokenId>(in), std::istream_iterator<fathom::TokenId>()};
}

void Answer(const fathom::Tokenizer& tokenizer, const std::string& mode, const std::string& line) {
  if (mode == "decode") {
    std::cout << ToHex(tokenizer.Decode(ReadIds(line)));
  } else if (mode == "stream") {
    fathom::StreamDecoder decoder(tokenizer);
    for (const fathom::TokenId id : ReadIds(line)) std::cout << ToHex(decoder.Push(id)) << ',';
    std::cout << ToHex(decoder.Finish());
  } else if (mode == "cut") {
    const std::string text = FromHex(line);
    const fathom::PreTokenizer& row = *fathom::FindPreTokenizer(tokenizer.spec().pre_tokenizer);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = row.next(text.data(), text.size(), at);
      std::cout << (at > 0 ? " " : "") << end - at;
      at = end;
    }
  } else {
    const std::string text = FromHex(line);
    const char* separator = "";
    for (const fathom::TokenId id :
         mode == "trusted" ? tokenizer.EncodeTrusted(text) : tokenizer.Encode(text)) {
      std::cout << separator << id;
      separator = " ";
    }
  }
  std::cout << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: text_encode_tool TOKENIZER.json plain|trusted|cut|decode|stream\n";
    return 2;
  }
  try {
    std::ifstream file(argv[1], std::ios::binary);
    const std::string json{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const fathom::Tokenizer tokenizer(fathom::ParseTokenizerJson(json, argv[1]));
    for (std::string line; std::getline(std::cin, line);) Answer(tokenizer, argv[2], line);
  } catch (const fathom::Error& error) {
    std::cerr << error.message() << '\n';
    return 2;
  }
  return 0;
}
