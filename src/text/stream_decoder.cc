// Incremental decoding and stop strings; see stream_decoder.h.
#include "text/stream_decoder.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace fathom {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

std::string StreamDecoder::Push(TokenId id) {
  std::string text;
  if (tokenizer_.KindOf(id) == TokenKind::kControl) return text;
  pending_ += tokenizer_.BytesOf(id);
  std::size_t at = 0;
  while (at < pending_.size()) {
    const Utf8Unit unit = NextUtf8(pending_, at);
    if (unit.kind == Utf8Kind::kCutOff) break;
    at += unit.size;
  }
  AppendUtf8(std::string_view(pending_).substr(0, at), text);
  pending_.erase(0, at);
  return text;
}

std::string StreamDecoder::Finish() {
  std::string text;
  AppendUtf8(pending_, text);
  pending_.clear();
  return text;
}

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& text : stops) {
    if (text.empty()) continue;
    std::vector<std::size_t> border(text.size(), 0);
    for (std::size_t i = 1, length = 0; i < text.size(); ++i) {
      while (length > 0 && text[i] != text[length]) length = border[length - 1];
      if (text[i] == text[length]) ++length;
      border[i] = length;
    }
    stops_.push_back({std::move(text), std::move(border)});
  }
}

bool StopMatcher::Stop::Advance(char c) {
  while (matched > 0 && text[matched] != c) matched = border[matched - 1];
  if (text[matched] == c) ++matched;
  return matched == text.size();
}

StopMatcher::Result StopMatcher::Push(std::string_view text) {
  const auto hit = [this]() -> const std::string& {
    return stops_[static_cast<std::size_t>(hit_)].text;
  };
  if (hit_ >= 0) return {.stopped = true, .stop = hit()};
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (std::size_t s = 0; s < stops_.size(); ++s) {
      if (stops_[s].Advance(text[i]) && (hit_ < 0 || stops_[s].text.size() > hit().size())) {
        hit_ = static_cast<int>(s);
      }
    }
    if (hit_ < 0) continue;
    held_ += text.substr(0, i + 1);
    held_.resize(held_.size() - hit().size());
    return {.text = std::exchange(held_, {}), .stopped = true, .stop = hit()};
  }
  held_ += text;
  std::size_t keep = 0;
  for (const Stop& stop : stops_) keep = std::max(keep, stop.matched);
  Result result{.text = held_.substr(0, held_.size() - keep)};
  held_.erase(0, held_.size() - keep);
  return result;
}

std::string StopMatcher::Finish() { return std::exchange(held_, {}); }

}  // namespace fathom
