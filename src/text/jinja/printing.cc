// Python's str() and repr(), and HTML escaping.
#include <charconv>
#include <cmath>
#include <string>

#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

bool IsPrintable(char32_t code) {
  const CharClass kind = ClassOf(code);
  return code == ' ' || (kind != CharClass::kOther && kind != CharClass::kSpace);
}

std::string EscapeOf(char32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  const int digits = code <= 0xFF ? 2 : code <= 0xFFFF ? 4 : 8;
  std::string out = digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out.push_back("0123456789abcdef"[code >> shift & 15]);
  }
  return out;
}

void AppendStringRepr(Budget& budget, const Text& text, TextBuilder& out) {
  const std::string& bytes = text.bytes();
  budget.WorkOnCharacters(bytes.size());
  const bool has_single = bytes.find('\'') != std::string::npos;
  const char quote = has_single && bytes.find('"') == std::string::npos ? '"' : '\'';
  out.Append(std::string_view(&quote, 1));
  std::size_t done = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char next = DecodeUtf8(bytes.data(), at);
    const bool escaped = next.code == '\\' || next.code == static_cast<char32_t>(quote);
    if (escaped || !IsPrintable(next.code)) {
      out.Append(text, done, at);
      if (escaped) {
        out.Append("\\");
        out.Append(text, at, at + 1);
      } else {
        out.Append(EscapeOf(next.code));
      }
      done = at + next.size;
    }
    at += next.size;
  }
  out.Append(text, done, bytes.size());
  out.Append(std::string_view(&quote, 1));
}

void AppendItems(Budget& budget, const std::vector<Value>& items, TextBuilder& out) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.Append(", ");
    first = false;
    AppendRepr(budget, item, out);
  }
}

void AppendEntries(Budget& budget, const DictObject& dict, TextBuilder& out) {
  out.Append("{");
  bool first = true;
  for (const auto& [key, value] : dict.items()) {
    if (!first) out.Append(", ");
    first = false;
    AppendRepr(budget, key, out);
    out.Append(": ");
    AppendRepr(budget, value, out);
  }
  out.Append("}");
}

void AppendView(Budget& budget, const Value& view, TextBuilder& out) {
  switch (view.As<DictViewObject>().part) {
    case DictViewObject::Part::kKeys:
      out.Append("dict_keys([");
      break;
    case DictViewObject::Part::kValues:
      out.Append("dict_values([");
      break;
    case DictViewObject::Part::kItems:
      out.Append("dict_items([");
      break;
  }
  AppendItems(budget, ToVector(budget, view), out);
  out.Append("])");
}

void AppendRange(const RangeObject& range, TextBuilder& out) {
  std::string text = "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  if (range.step != 1) text += ", " + std::to_string(range.step);
  out.Append(text + ")");
}

}  // namespace

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back as the same number: "-d.ddde+XX".
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 2) digits += text.substr(2, e - 2);
  const int exponent = std::stoi(std::string(text.substr(e + 1)));
  const int count = static_cast<int>(digits.size());
  // Python writes an exponent below 1e-4 and from 1e16 on.
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    const int size = std::abs(exponent);
    return out + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0) {
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const int whole = exponent + 1;
  if (count <= whole) {
    return out + digits + std::string(static_cast<std::size_t>(whole - count), '0') + ".0";
  }
  const auto cut = static_cast<std::size_t>(whole);
  return out + digits.substr(0, cut) + "." + digits.substr(cut);
}

void AppendRepr(Budget& budget, const Value& value, TextBuilder& out) {
  budget.Step();
  switch (value.kind()) {
    case Kind::kUndefined:
      return out.Append("Undefined");
    case Kind::kNone:
      return out.Append("None");
    case Kind::kBool:
      return out.Append(value.integer() != 0 ? "True" : "False");
    case Kind::kInt:
      return out.Append(std::to_string(value.integer()));
    case Kind::kFloat:
      return out.Append(FloatRepr(value.number()));
    case Kind::kString:
      if (value.As<StringObject>().markup) out.Append("Markup(");
      AppendStringRepr(budget, value.text(), out);
      if (value.As<StringObject>().markup) out.Append(")");
      return;
    case Kind::kList:
      out.Append("[");
      AppendItems(budget, value.items(), out);
      return out.Append("]");
    case Kind::kTuple:
      out.Append("(");
      AppendItems(budget, value.items(), out);
      return out.Append(value.items().size() == 1 ? ",)" : ")");
    case Kind::kDict:
      return AppendEntries(budget, value.As<DictObject>(), out);
    case Kind::kDictView:
      return AppendView(budget, value, out);
    case Kind::kRange:
      return AppendRange(value.As<RangeObject>(), out);
    case Kind::kNamespace:
      // A namespace may hold itself; Python's recursion limit would end this too.
      {
        const Budget::Level level(budget);
        out.Append("<Namespace ");
        AppendEntries(budget, value.As<NamespaceObject>().attributes, out);
        return out.Append(">");
      }
    default:
      Refuse("printing a " + std::string(TypeName(value.kind())));
  }
}

void AppendStr(Budget& budget, const Value& value, TextBuilder& out) {
  if (value.IsString()) return out.Append(value.text());
  if (value.IsUndefined()) return;
  AppendRepr(budget, value, out);
}

Value ToStr(Budget& budget, const Value& value) {
  if (value.IsString()) return value;
  TextBuilder out(budget);
  AppendStr(budget, value, out);
  return MakeString(&budget, out.Finish());
}

Value Escape(Budget& budget, const Value& value) {
  const Value string = ToStr(budget, value);
  if (string.As<StringObject>().markup) return string;
  const Text& text = string.text();
  budget.Work(text.size());
  TextBuilder out(budget);
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string_view entity;
    switch (text.bytes()[at]) {
      case '&':
        entity = "&amp;";
        break;
      case '<':
        entity = "&lt;";
        break;
      case '>':
        entity = "&gt;";
        break;
      case '\'':
        entity = "&#39;";
        break;
      case '"':
        entity = "&#34;";
        break;
      default:
        continue;
    }
    out.Append(text, done, at);
    out.Append(entity);
    done = at + 1;
  }
  out.Append(text, done, text.size());
  return MakeString(&budget, out.Finish(), true);
}

}  // namespace fathom::jinja
