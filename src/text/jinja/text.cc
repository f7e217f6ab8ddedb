#include "text/jinja/text.h"

#include <algorithm>
#include <utility>

namespace fathom::jinja {

Text::Text(std::string bytes, Origin origin) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), origin});
}

void Text::Append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (!runs_.empty() && runs_.back().origin == origin) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), origin});
  }
}

void Text::Append(const Text& other, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  const auto first =
      std::upper_bound(other.runs_.begin(), other.runs_.end(), begin,
                       [](std::size_t at, const OriginRun& run) { return at < run.end; });
  const std::string_view bytes = other.bytes_;
  for (auto run = first; begin < end; ++run) {
    const std::size_t stop = std::min(run->end, end);
    Append(bytes.substr(begin, stop - begin), run->origin);
    begin = stop;
  }
}

Text Text::Slice(std::size_t begin, std::size_t end) const {
  Text part;
  part.Append(*this, begin, end);
  return part;
}

}  // namespace fathom::jinja
