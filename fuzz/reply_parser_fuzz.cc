// A reply in any pieces: the parts are the same as of the whole, and nothing of it is lost but
// white space and tags.
//
// The first byte: whether the prompt opens reasoning, whether tool calls are looked for, where to
// cut. The second: which tags come as tokens; such a token is a byte from F5 on in the rest.
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "text/reply_parser.h"

namespace {

using Parts = std::vector<fathom::ReplyPart>;

constexpr unsigned char kFirstTag = 0xF5;
constexpr std::size_t kMaxConserved = 256;  // bytes; the check takes their square

bool IsTag(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= kFirstTag && byte < kFirstTag + fathom::kReplyTags;
}
fathom::ReplyTag TagOf(char c) {
  return static_cast<fathom::ReplyTag>(static_cast<unsigned char>(c) - kFirstTag);
}

// Adds a piece and joins what belongs together.
void Append(Parts& parts, Parts&& more) {
  using Kind = fathom::ReplyPart::Kind;
  for (fathom::ReplyPart& part : more) {
    CHECK(part.kind == Kind::kToolCall || !part.text.empty());
    if (!parts.empty() && parts.back().kind == Kind::kText && part.kind == Kind::kText &&
        !parts.back().broken_call && !part.broken_call && parts.back().channel == part.channel) {
      parts.back().text += part.text;
    } else {
      parts.push_back(std::move(part));
    }
  }
}

class Feed {
 public:
  explicit Feed(const fathom::ReplyParser::Options& options) : parser_(options) {}

  void Push(std::string_view text) {
    while (!text.empty()) {
      std::size_t plain = 0;
      while (plain < text.size() && !IsTag(text[plain])) ++plain;
      Parts some;
      if (plain > 0) {
        parser_.Push(text.substr(0, plain), some);
      } else {
        parser_.Push(TagOf(text[0]), some);
        plain = 1;
      }
      Append(parts_, std::move(some));
      text.remove_prefix(plain);
    }
  }

  Parts Finish() {
    Parts some;
    parser_.Finish(some);
    Append(parts_, std::move(some));
    return std::move(parts_);
  }

 private:
  fathom::ReplyParser parser_;
  Parts parts_;
};

void ExpectSame(const Parts& a, const Parts& b) {
  CHECK(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].kind == b[i].kind && a[i].channel == b[i].channel && a[i].text == b[i].text);
    CHECK(a[i].broken_call == b[i].broken_call);
    CHECK(a[i].call.name == b[i].call.name && a[i].call.arguments == b[i].call.arguments);
  }
}

// Whether `left` is `reply` without some of its white space and tags.
bool IsConserved(std::string_view reply, std::string_view left) {
  using Places = std::bitset<kMaxConserved + 1>;  // in `left`
  std::vector<Places> reached(reply.size() + 1);
  reached[0].set(0);
  for (std::size_t at = 0; at < reply.size(); ++at) {
    const std::string_view rest = reply.substr(at);
    for (std::size_t place = 0; place < left.size(); ++place) {
      if (reached[at][place] && left[place] == rest[0]) reached[at + 1].set(place + 1);
    }
    if (rest[0] == ' ' || (rest[0] >= '\t' && rest[0] <= '\r')) reached[at + 1] |= reached[at];
    for (std::size_t i = 0; i < fathom::kReplyTags; ++i) {
      const std::string_view tag = fathom::TextOf(static_cast<fathom::ReplyTag>(i));
      if (rest.starts_with(tag)) reached[at + tag.size()] |= reached[at];
    }
  }
  return reached[reply.size()][left.size()];
}

void CheckConserved(std::string_view input, const Parts& parts) {
  std::string reply, left;
  for (const char c : input) {
    if (IsTag(c)) {
      reply += fathom::TextOf(TagOf(c));
    } else {
      reply += c;
    }
  }
  for (const fathom::ReplyPart& part : parts) {
    if (part.kind == fathom::ReplyPart::Kind::kToolCall) return;
    left += part.text;
  }
  CHECK(left.size() <= reply.size());
  if (reply.size() <= kMaxConserved) CHECK(IsConserved(reply, left));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  fathom::ReplyParser::Options options;
  options.in_reasoning = (data[0] & 1) != 0;
  options.tool_calls = (data[0] & 2) != 0;
  for (std::size_t i = 0; i < fathom::kReplyTags; ++i) {
    options.by_id[i] = (data[1] >> (i % 8) & 1) != 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);

  Feed whole(options);
  whole.Push(input);
  const Parts parts = whole.Finish();
  CheckConserved(input, parts);

  Feed bytes(options);
  for (std::size_t at = 0; at < input.size(); ++at) bytes.Push(input.substr(at, 1));
  ExpectSame(parts, bytes.Finish());

  Feed pieces(options);
  uint32_t state = data[0] * 2654435761u + 1;
  for (std::size_t at = 0; at < input.size();) {
    state = state * 1664525u + 1013904223u;
    const std::string_view piece = input.substr(at, 1 + (state >> 28));
    pieces.Push(piece);
    at += piece.size();
  }
  ExpectSame(parts, pieces.Finish());
  return 0;
}
