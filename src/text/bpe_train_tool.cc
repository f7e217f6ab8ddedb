// The trainer behind a pipe, for the comparison with the reference in
// tools/goldens/text_bpe_trainer.py; built only on request and never installed.
//
//   text_bpe_train_tool PRE_TOKENIZER SIZE MIN_FREQUENCY whole|single [SPECIAL...]
//
// Every input line is a text of the corpus in hexadecimal; `single` cuts digits one by one. The
// answer is the tokenizer.json. An argument SPECIAL that starts with + is a user-defined token.
#include <charconv>
#include <iostream>
#include <string>

#include "base/error.h"
#include "text/bpe_trainer.h"

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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: text_bpe_train_tool PRE_TOKENIZER SIZE MIN_FREQUENCY whole|single "
                 "[SPECIAL...]\n";
    return 2;
  }
  try {
    std::ios::sync_with_stdio(false);
    fathom::PreTokenCounts corpus(argv[1], std::string(argv[4]) == "single");
    fathom::BpeTrainerOptions options;
    options.vocab_size = std::stoul(argv[2]);
    options.min_frequency = std::stol(argv[3]);
    for (int i = 5; i < argc; ++i) {
      const std::string text = argv[i];
      if (text.starts_with('+')) {
        options.special_tokens.push_back({text.substr(1), fathom::TokenKind::kUserDefined});
      } else {
        options.special_tokens.push_back({text});
      }
    }
    for (std::string line; std::getline(std::cin, line);) corpus.Add(FromHex(line));
    std::cout << fathom::TokenizerJson(fathom::TrainBpe(corpus, options));
  } catch (const fathom::Error& error) {
    std::cerr << error.message() << '\n';
    return 2;
  }
  return 0;
}
