#include "recipe/training_log.h"

#include <cerrno>
#include <cmath>
#include <limits>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "convert/part_file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStep = "step";

std::string LineOf(const LogEntry& entry) {
  OrderedJson line = OrderedJson::object();
  line[std::string(kStep)] = entry.step;
  for (const auto& [name, value] : entry.numbers) {
    line[name] = std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
  }
  return line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

LogEntry EntryOf(std::string_view line, const std::string& what) {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorCode::kInvalidFile, what + " " + problem,
                "a log of training has one JSON object of numbers a line");
  };
  OrderedJson json;
  try {
    json = ParseOrderedJson(line, what);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidFile, error.message(), error.hint());
  }
  if (!json.is_object()) fail("is no object");
  LogEntry entry;
  bool has_step = false;
  for (const auto& [name, value] : json.items()) {
    if (name == kStep) {
      if (!value.is_number_integer() || value.get<int64_t>() < 0) fail("has a step that is none");
      entry.step = value.get<int64_t>();
      has_step = true;
    } else if (value.is_null()) {
      entry.numbers.emplace_back(name, std::numeric_limits<double>::quiet_NaN());
    } else if (value.is_number()) {
      entry.numbers.emplace_back(name, value.get<double>());
    } else {
      fail("has a value that is no number");
    }
  }
  if (!has_step) fail("has no step");
  return entry;
}

std::string ReadText(const fs::path& path) {
  const std::string what = "cannot read " + path.string();
  std::error_code failed;
  const uint64_t size = fs::file_size(path, failed);
  if (failed) throw SystemError(failed.value(), what);
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) {
    throw SystemError(errno != 0 ? errno : EIO, what);
  }
  return text;
}

std::vector<LogEntry> EntriesOf(std::string_view text, const fs::path& path) {
  std::vector<LogEntry> entries;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos;
       text.remove_prefix(end + 1)) {
    const std::string line = std::to_string(entries.size() + 1);
    entries.push_back(EntryOf(text.substr(0, end), path.string() + ": line " + line));
  }
  return entries;
}

// Puts the text where the file is, as a whole.
void Replace(const fs::path& path, const std::string& text) {
  PartFile file(path, text.size(), "");
  file.Write(0, std::as_bytes(std::span(text)));
  file.Publish();
}

}  // namespace

const double* LogEntry::Find(std::string_view name) const {
  for (const auto& [key, value] : numbers) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::vector<SeriesPoint> SeriesOf(std::span<const LogEntry> entries, std::string_view name) {
  std::vector<SeriesPoint> points;
  for (const LogEntry& entry : entries) {
    if (const double* value = entry.Find(name)) points.push_back({entry.step, *value});
  }
  return points;
}

std::vector<LogEntry> ReadTrainingLog(const fs::path& path) {
  return EntriesOf(ReadText(path), path);
}

TrainingLog::TrainingLog(const fs::path& path, int64_t keep) : path_(path) {
  std::string before;
  std::error_code ignored;
  if (fs::exists(path, ignored)) before = ReadText(path);
  std::string kept;
  if (keep != kNothing) {
    for (LogEntry& entry : EntriesOf(before, path)) {
      if (entry.step > keep) continue;
      kept += LineOf(entry);
      entries_.push_back(std::move(entry));
    }
  }
  if (kept != before) Replace(path, kept);
  bytes_ = kept.size();
  errno = 0;
  stream_.open(path, std::ios::binary | std::ios::app);
  if (!stream_) throw SystemError(errno != 0 ? errno : EIO, "cannot write " + path.string());
}

void TrainingLog::Append(LogEntry entry) {
  const std::string line = LineOf(entry);
  errno = 0;
  stream_.write(line.data(), static_cast<std::streamsize>(line.size()));
  stream_.flush();
  if (!stream_) {
    const int failed = errno != 0 ? errno : EIO;
    // Half a line may be there. The stream is opened anew, or its buffer would be written later.
    stream_.close();
    std::error_code ignored;
    fs::resize_file(path_, bytes_, ignored);
    stream_.clear();
    stream_.open(path_, std::ios::binary | std::ios::app);
    throw SystemError(failed, "cannot write " + path_.string());
  }
  bytes_ += line.size();
  entries_.push_back(std::move(entry));
}

}  // namespace fathom
