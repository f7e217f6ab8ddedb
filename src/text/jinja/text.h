// A string of a template: well-formed UTF-8 in which every byte knows whether the template wrote it
// or it came from outside. Slices, joins and conversions keep that origin, because only what the
// template wrote may become special tokens. Positions are bytes unless a name says characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/budget.h"

namespace fathom::jinja {

enum class Origin : uint8_t {
  kData,  // messages, tools, variables, and what a filter made up itself (quotes, escapes, digits)
  kTemplate,  // a literal of the template, or a token name given by the tokenizer
};

// Up to `end`, what comes after the previous run is of `origin`.
struct OriginRun {
  std::size_t end;
  Origin origin;
};

class Text {
 public:
  Text() = default;
  Text(std::string bytes, Origin origin);

  const std::string& bytes() const { return bytes_; }
  std::string_view view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // In order, of alternating origin, none of them empty; the last ends at size().
  const std::vector<OriginRun>& runs() const { return runs_; }

  void Append(std::string_view bytes, Origin origin);
  // Bytes [begin, end) of `other`, with their origin.
  void Append(const Text& other, std::size_t begin, std::size_t end);
  void Append(const Text& other) { Append(other, 0, other.size()); }

  Text Slice(std::size_t begin, std::size_t end) const;

  // What this keeps in memory.
  std::size_t footprint() const {
    return sizeof(*this) + bytes_.size() + sizeof(OriginRun) * runs_.size();
  }

 private:
  std::string bytes_;
  std::vector<OriginRun> runs_;
};

// Where `part` begins in `text`, at or after `from`, for the first time; npos: nowhere. All that is
// compared is work: in a text of one letter a search looks at all of `part` at every place.
std::size_t FindText(Budget& budget, std::string_view text, std::string_view part,
                     std::size_t from = 0);
// For the last time.
std::size_t FindLastText(Budget& budget, std::string_view text, std::string_view part);

// Reads origins at rising positions, in constant time per step.
class OriginReader {
 public:
  explicit OriginReader(const Text& text) : runs_(text.runs()) {}
  Origin At(std::size_t position) {
    while (runs_[run_].end <= position) ++run_;
    return runs_[run_].origin;
  }

 private:
  const std::vector<OriginRun>& runs_;
  std::size_t run_ = 0;
};

// A Text that is being written. What it holds is charged to the budget while it grows, and each
// append is work.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : meter_(budget), charge_(&budget, 0) {}

  void Append(std::string_view bytes, Origin origin = Origin::kData) {
    // An append costs as much as a few bytes.
    Count(bytes.size() + 8, bytes.size());
    const std::size_t runs = text_.runs().size();
    text_.Append(bytes, origin);
    CountRuns(runs);
  }
  void Append(const Text& other, std::size_t begin, std::size_t end) {
    Count(end - begin + 8, end - begin);
    const std::size_t runs = text_.runs().size();
    text_.Append(other, begin, end);
    CountRuns(runs);
  }
  void Append(const Text& other) { Append(other, 0, other.size()); }

  std::size_t size() const { return text_.size(); }
  Text Finish() { return std::move(text_); }

 private:
  void Count(std::size_t work, std::size_t memory) {
    meter_.Count(work);
    charge_.Grow(memory);
  }
  void CountRuns(std::size_t before) {
    const std::size_t bytes = sizeof(OriginRun) * (text_.runs().size() - before);
    if (bytes > 0) Count(bytes, bytes);
  }

  Meter meter_;
  Charge charge_;
  Text text_;
};

}  // namespace fathom::jinja
