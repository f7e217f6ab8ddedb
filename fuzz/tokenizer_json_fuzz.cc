// Feeds any bytes to the tokenizer.json reader; what it accepts must make a tokenizer or be refused
// with an Error, and that tokenizer must encode and decode any text within its own vocabulary.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace {

void Exercise(const fathom::Tokenizer& tokenizer, std::string_view text) {
  const std::vector<fathom::TokenId> plain = tokenizer.Encode(text);
  for (const fathom::TokenId id : plain) {
    CHECK(id >= 0 && id < tokenizer.size());
    CHECK(tokenizer.KindOf(id) != fathom::TokenKind::kControl);
  }
  const std::vector<fathom::TokenId> trusted = tokenizer.EncodeTrusted(text);
  for (const auto* ids : {&plain, &trusted}) {
    fathom::StreamDecoder decoder(tokenizer);
    std::string streamed;
    for (const fathom::TokenId id : *ids) streamed += decoder.Push(id);
    CHECK(streamed + decoder.Finish() == tokenizer.Decode(*ids));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  try {
    const fathom::Tokenizer tokenizer(fathom::ParseTokenizerJson(json, "fuzz"));
    Exercise(
        tokenizer,
        "I'll  pay 12345\xC2\xB2 \xE4\xBD\xA0\xE5\xA5\xBD e\xCC\x81\n\n\xF0\x9F\x98\x80\xC3 x");
    Exercise(tokenizer, json.substr(size > 512 ? size - 512 : 0));
    Exercise(tokenizer, std::string(200, 'a') + "<|im_end|>" + std::string(100, ' ') + "abababab");
  } catch (const fathom::Error&) {
    // Refused, as it should be.
  }
  return 0;
}
