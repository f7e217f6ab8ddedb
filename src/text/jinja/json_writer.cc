// The filter tojson, which transformers defines as Python's json.dumps with ensure_ascii off.
#include <algorithm>
#include <cmath>

#include "text/jinja/arguments.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

class Writer {
 public:
  Writer(Budget& budget, const Bound& bound) : budget_(budget), out_(budget) {
    ascii_ = bound.Flag(0);
    sort_ = bound.Flag(3);
    const Value indent = bound.Or(1, Value::None());
    if (indent.IsString()) {
      indent_ = indent.text();
    } else if (indent.IsInteger()) {
      constexpr int64_t kMostSpaces = 1000;
      if (indent.integer() > kMostSpaces) Refuse("so wide an indent");
      const auto spaces = static_cast<std::size_t>(std::max<int64_t>(indent.integer(), 0));
      indent_ = Text(std::string(spaces, ' '), Origin::kData);
    } else if (!indent.IsNone()) {
      bound.FailArgument(1, "a number or a string");
    }
    lines_ = !indent.IsNone();
    between_ = Text(lines_ ? "," : ", ", Origin::kData);
    colon_ = Text(": ", Origin::kData);
    if (bound[2] != nullptr && !bound[2]->IsNone()) {
      const std::vector<Value> separators = ToVector(budget, *bound[2]);
      if (separators.size() != 2 || !separators[0].IsString() || !separators[1].IsString()) {
        bound.FailArgument(2, "two strings");
      }
      between_ = separators[0].text();
      colon_ = separators[1].text();
    }
  }

  void Write(const Value& value) {
    budget_.Step();
    switch (value.kind()) {
      case Kind::kNone:
        return out_.Append("null");
      case Kind::kBool:
        return out_.Append(value.integer() != 0 ? "true" : "false");
      case Kind::kInt:
        return out_.Append(std::to_string(value.integer()));
      case Kind::kFloat:
        return out_.Append(Number(value.number()));
      case Kind::kString:
        return WriteString(value.text());
      case Kind::kList:
      case Kind::kTuple:
        return WriteList(value.items());
      case Kind::kDict:
        return WriteDict(value.As<DictObject>());
      case Kind::kUndefined:
        FailUndefined(value);
      default:
        Fail("a value of type '" + std::string(TypeName(value.kind())) + "' has no JSON form");
    }
  }

  Value Finish() { return MakeString(&budget_, out_.Finish()); }

 private:
  static std::string Number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return FloatRepr(value);
  }

  void NewLine() {
    if (!lines_) return;
    out_.Append("\n");
    for (int i = 0; i < level_; ++i) out_.Append(indent_);
  }

  void WriteList(const std::vector<Value>& items) {
    if (items.empty()) return out_.Append("[]");
    out_.Append("[");
    ++level_;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.Append(between_);
      first = false;
      NewLine();
      Write(item);
    }
    --level_;
    NewLine();
    out_.Append("]");
  }

  void WriteDict(const DictObject& dict) {
    if (dict.size() == 0) return out_.Append("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    entries.reserve(dict.size());
    for (const auto& entry : dict.items()) entries.push_back(&entry);
    if (sort_) {
      std::stable_sort(entries.begin(), entries.end(), [this](const auto* a, const auto* b) {
        return Less(budget_, a->first, b->first);
      });
    }
    out_.Append("{");
    ++level_;
    bool first = true;
    for (const auto* entry : entries) {
      if (!first) out_.Append(between_);
      first = false;
      NewLine();
      WriteKey(entry->first);
      out_.Append(colon_);
      Write(entry->second);
    }
    --level_;
    NewLine();
    out_.Append("}");
  }

  void WriteKey(const Value& key) {
    if (key.IsString()) return WriteString(key.text());
    if (!key.IsNone() && !key.IsNumber()) {
      Fail("a value of type '" + std::string(TypeName(key.kind())) + "' is no key of JSON");
    }
    out_.Append("\"");
    Write(key);
    out_.Append("\"");
  }

  static std::string Escape(uint32_t unit) {
    std::string out = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
      out.push_back("0123456789abcdef"[unit >> shift & 15]);
    return out;
  }

  // Empty for a character that stands for itself.
  std::string EscapeOf(char32_t code) const {
    constexpr std::string_view kShort = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
    if (code < 0x80) {
      const std::size_t at = kShort.find(static_cast<char>(code));
      if (at != std::string_view::npos) return std::string("\\") + kLetters[at];
      return code < 0x20 ? Escape(code) : std::string();
    }
    if (!ascii_) return {};
    if (code < 0x10000) return Escape(code);
    const uint32_t rest = code - 0x10000;
    return Escape(0xD800 + (rest >> 10)) + Escape(0xDC00 + (rest & 0x3FF));
  }

  void WriteString(const Text& text) {
    const std::string& bytes = text.bytes();
    budget_.WorkOnCharacters(bytes.size());
    out_.Append("\"");
    std::size_t done = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      const Utf8Char next = DecodeUtf8(bytes.data(), at);
      const std::string escape = EscapeOf(next.code);
      if (!escape.empty()) {
        out_.Append(text, done, at);
        out_.Append(escape);
        done = at + next.size;
      }
      at += next.size;
    }
    out_.Append(text, done, bytes.size());
    out_.Append("\"");
  }

  Budget& budget_;
  TextBuilder out_;
  bool ascii_ = false, sort_ = false, lines_ = false;
  Text indent_, between_, colon_;
  int level_ = 0;
};

}  // namespace

Value ToJson(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  Writer writer(interpreter.budget(), bound);
  writer.Write(input);
  return writer.Finish();
}

}  // namespace fathom::jinja
