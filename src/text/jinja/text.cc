#include "text/jinja/text.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fathom::jinja {
namespace {

// Whether `part` stands at `at`, where there is room for it. Compares ever more at a time: most
// places differ early.
bool StandsAt(Meter& meter, const char* at, std::string_view part) {
  constexpr std::size_t kFirst = 16, kMost = 4096;
  std::size_t block = kFirst;
  for (std::size_t done = 0; done < part.size();
       done += block, block = std::min(2 * block, kMost)) {
    const std::size_t size = std::min(block, part.size() - done);
    meter.Count(size);
    if (std::memcmp(at + done, part.data() + done, size) != 0) return false;
  }
  return true;
}

// What a place where only the first byte fits costs beside the comparison.
constexpr std::size_t kPlaceWork = 8;

}  // namespace

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

std::size_t FindText(Budget& budget, std::string_view text, std::string_view part,
                     std::size_t from) {
  budget.Step();  // finding at once is work too
  if (from > text.size() || part.size() > text.size() - from) return std::string_view::npos;
  if (part.empty()) return from;
  const std::string_view starts = text.substr(0, text.size() - part.size() + 1);
  Meter meter(budget);
  while (true) {
    const std::size_t found = starts.find(part.front(), from);
    meter.Count(std::min(found, starts.size()) - from + kPlaceWork);
    if (found == std::string_view::npos) return found;
    if (StandsAt(meter, text.data() + found, part)) return found;
    from = found + 1;
  }
}

std::size_t FindLastText(Budget& budget, std::string_view text, std::string_view part) {
  budget.Step();
  if (part.size() > text.size()) return std::string_view::npos;
  if (part.empty()) return text.size();
  std::string_view starts = text.substr(0, text.size() - part.size() + 1);
  Meter meter(budget);
  while (true) {
    const std::size_t found = starts.rfind(part.front());
    const std::size_t passed =
        found == std::string_view::npos ? starts.size() : starts.size() - found;
    meter.Count(passed + kPlaceWork);
    if (found == std::string_view::npos) return found;
    if (StandsAt(meter, text.data() + found, part)) return found;
    starts = starts.substr(0, found);
  }
}

}  // namespace fathom::jinja
