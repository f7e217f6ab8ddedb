// Filters over strings and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "text/jinja/arguments.h"
#include "text/jinja/casing.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

using In = Interpreter&;

const Value& NeedString(std::string_view filter, const Value& input) {
  if (input.IsUndefined()) FailUndefined(input);
  if (!input.IsString()) {
    Fail("the filter '" + std::string(filter) + "' needs a string, not a value of type '" +
         std::string(TypeName(input.kind())) + "'");
  }
  return input;
}

Value Changed(In in, const Value& input, const Arguments& arguments, CaseChange change) {
  const Bound none("case", arguments, {}, 0);
  const Value string = ToStr(in.budget(), input);
  return MakeString(&in.budget(), ChangeCase(in.budget(), string.text(), change),
                    string.As<StringObject>().markup);
}

// A capital after each run of what separates words: -, white space, (, {, [, <.
Value Title(In in, const Value& input, const Arguments& arguments) {
  const Bound none("title", arguments, {}, 0);
  const Value string = ToStr(in.budget(), input);
  const Text& text = string.text();
  const auto separates = [](char32_t code) {
    return code == '-' || code == '(' || code == '{' || code == '[' || code == '<' || IsSpace(code);
  };
  TextBuilder out(in.budget());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char first = DecodeUtf8(text.bytes().data(), at);
    std::size_t end = at + first.size;
    if (!separates(first.code)) {
      out.Append(ChangeCase(in.budget(), text.Slice(at, end), CaseChange::kUpper));
      at = end;
      while (end < text.size()) {
        const Utf8Char next = DecodeUtf8(text.bytes().data(), end);
        if (separates(next.code)) break;
        end += next.size;
      }
      out.Append(ChangeCase(in.budget(), text.Slice(at, end), CaseChange::kLower));
    } else {
      out.Append(text, at, end);
    }
    at = end;
  }
  return MakeString(&in.budget(), out.Finish(), string.As<StringObject>().markup);
}

Value Trim(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("trim", arguments, {"chars"}, 0);
  const Value* chars = bound[0] != nullptr && !bound[0]->IsNone() ? &bound.String(0) : nullptr;
  return Strip(in.budget(), ToStr(in.budget(), input), chars, true, true);
}

Value ReplaceAll(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  const Value old = ToStr(in.budget(), *bound[0]);
  const Value with = ToStr(in.budget(), *bound[1]);
  const bool all = bound[2] == nullptr || bound[2]->IsNone();
  return Replace(in.budget(), ToStr(in.budget(), input), old.view(), with.text(),
                 all ? -1 : bound.Integer(2, -1));
}

Value Indent(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"}, 0);
  NeedString("indent", input);
  if (input.As<StringObject>().markup) Refuse("indenting escaped text");
  Text indention;
  if (bound[0] != nullptr && bound[0]->IsString()) {
    indention = bound[0]->text();
  } else {
    constexpr int64_t kMostSpaces = 10000;
    const int64_t width = std::max<int64_t>(bound.Integer(0, 4), 0);
    if (width > kMostSpaces) Refuse("so wide an indent");
    indention = Text(std::string(static_cast<std::size_t>(width), ' '), Origin::kData);
  }
  TextBuilder whole(in.budget());
  whole.Append(input.text());
  whole.Append("\n");  // so that a last line break keeps its empty line
  const Value lines_text = MakeString(&in.budget(), whole.Finish());
  TextBuilder out(in.budget());
  bool first = true;
  for (const Value& line : SplitLines(in.budget(), lines_text, false)) {
    if (first) {
      if (bound.Flag(1)) out.Append(indention);
    } else {
      out.Append("\n");
      if (bound.Flag(2) || !line.view().empty()) out.Append(indention);
    }
    out.Append(line.text());
    first = false;
  }
  return MakeString(&in.budget(), out.Finish());
}

Value Truncate(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("truncate", arguments, {"length", "killwords", "end", "leeway"}, 0);
  const auto& string = NeedString("truncate", input).As<StringObject>();
  const int64_t length = bound.Integer(0, 255);
  const Value end = bound[2] != nullptr ? bound.String(2) : MakeString(nullptr, "...");
  const auto end_size = static_cast<int64_t>(end.As<StringObject>().chars);
  const bool usual = bound[3] == nullptr || bound[3]->IsNone();
  const int64_t leeway = usual ? 5 : bound.Integer(3, 5);
  if (length < end_size || leeway < 0) Fail("the filter 'truncate' needs a greater length");
  const Characters characters(in.budget(), string);
  if (length > characters.size() || characters.size() - length <= leeway) return input;
  Value cut = MakeString(&in.budget(), string.text.Slice(0, characters.ByteOf(length - end_size)));
  if (!bound.Flag(1)) {
    const std::size_t space = cut.view().rfind(' ');
    if (space != std::string_view::npos) cut = MakeString(&in.budget(), cut.text().Slice(0, space));
  }
  return Apply(in.budget(), BinaryOp::kAdd, cut, end);
}

Value CenterText(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("center", arguments, {"width"}, 0);
  return Center(in.budget(), ToStr(in.budget(), input), bound.Integer(0, 80));
}

Value WordCount(In in, const Value& input, const Arguments& arguments) {
  const Bound none("wordcount", arguments, {}, 0);
  const Value string = ToStr(in.budget(), input);
  int64_t words = 0;
  bool inside = false;
  const std::string_view text = string.view();
  in.budget().WorkOnCharacters(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = DecodeUtf8(text.data(), at);
    const bool word = next.code == '_' || IsAlnum(next.code);
    words += word && !inside ? 1 : 0;
    inside = word;
    at += next.size;
  }
  return Value::Int(words);
}

Value FormatFilter(In in, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    Fail("the filter 'format' takes positional or named arguments, not both");
  }
  const Value format = ToStr(in.budget(), input);
  if (arguments.named.empty()) {
    return PercentFormat(in.budget(), format, MakeTuple(&in.budget(), arguments.positional));
  }
  DictBuilder values(in.budget());
  for (const auto& [name, value] : arguments.named) {
    values.Set(MakeString(&in.budget(), name, Origin::kTemplate), value);
  }
  return PercentFormat(in.budget(), format, values.Finish());
}

void AppendQuoted(Budget& budget, std::string_view text, bool query, TextBuilder& out) {
  budget.WorkOnCharacters(text.size());
  const Charge charge(&budget, 3 * text.size());
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";
  std::string quoted;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos || (c == '/' && !query)) {
      quoted.push_back(c);
    } else if (c == ' ' && query) {
      quoted.push_back('+');
    } else {
      const auto byte = static_cast<unsigned char>(c);
      quoted.push_back('%');
      quoted.push_back("0123456789ABCDEF"[byte >> 4]);
      quoted.push_back("0123456789ABCDEF"[byte & 15]);
    }
  }
  out.Append(quoted);  // data: what was quoted is not the text it came from
}

Value UrlEncode(In in, const Value& input, const Arguments& arguments) {
  const Bound none("urlencode", arguments, {}, 0);
  TextBuilder out(in.budget());
  if (input.IsString() || !IsIterable(input)) {
    AppendQuoted(in.budget(), ToStr(in.budget(), input).view(), false, out);
    return MakeString(&in.budget(), out.Finish());
  }
  const Value pairs = input.Is(Kind::kDict)
                          ? MakeDictView(in.budget(), input, DictViewObject::Part::kItems)
                          : input;
  Cursor cursor(in.budget(), pairs);
  bool first = true;
  for (Value pair; cursor.Next(&pair);) {
    const std::vector<Value> parts = ToVector(in.budget(), pair);
    if (parts.size() != 2) Fail("the filter 'urlencode' needs pairs of key and value");
    if (!first) out.Append("&");
    first = false;
    AppendQuoted(in.budget(), ToStr(in.budget(), parts[0]).view(), true, out);
    out.Append("=");
    AppendQuoted(in.budget(), ToStr(in.budget(), parts[1]).view(), true, out);
  }
  return MakeString(&in.budget(), out.Finish());
}

// ---- Numbers --------------------------------------------------------------------------

// The text of a number without white space around it and underscores inside; nothing where they
// stand in a wrong place.
std::optional<std::string> PlainNumber(In in, const Value& string) {
  const Value stripped = Strip(in.budget(), string, nullptr, true, true);
  std::string out;
  const std::string_view text = stripped.view();
  in.budget().WorkOnCharacters(text.size());  // here and where the number is read
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    const auto is_digit = [&](std::size_t at) {
      return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  return out;
}

// float(text)
std::optional<double> ReadFloat(In in, const Value& string) {
  const std::optional<std::string> text = PlainNumber(in, string);
  if (!text) return std::nullopt;
  std::string lower = *text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::size_t sign = !lower.empty() && (lower[0] == '+' || lower[0] == '-') ? 1 : 0;
  const std::string body = lower.substr(sign);
  const bool word = body == "inf" || body == "infinity" || body == "nan";
  if (!word && (body.empty() || body.find_first_not_of("0123456789.e+-") != std::string::npos)) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(lower.c_str(), &end);
  if (end != lower.c_str() + lower.size()) return std::nullopt;
  return value;
}

// int(text, base)
std::optional<int64_t> ReadInt(In in, const Value& string, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  const std::optional<std::string> text = PlainNumber(in, string);
  if (!text || text->empty()) return std::nullopt;
  const bool negative = text->front() == '-';
  std::string digits = text->substr(negative || text->front() == '+' ? 1 : 0);
  if (digits.size() > 1 && digits[0] == '0') {
    const char letter = static_cast<char>(digits[1] | 32);
    const int64_t prefix = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (prefix != 0 && (base == 0 || base == prefix)) {
      base = prefix;
      digits.erase(0, 2);
    } else if (base == 0 && digits.find_first_not_of('0') != std::string::npos) {
      return std::nullopt;
    }
  }
  if (base == 0) base = 10;
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + digits;
  int64_t value = 0;
  const char* last = signed_digits.data() + signed_digits.size();
  const auto read = std::from_chars(signed_digits.data(), last, value, static_cast<int>(base));
  if (read.ec == std::errc::result_out_of_range && read.ptr == last) {
    Refuse("an integer beyond 64 bits");
  }
  if (read.ec != std::errc() || read.ptr != last) return std::nullopt;
  return value;
}

std::optional<int64_t> Truncated(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (!(std::fabs(value) < 9.2e18)) Refuse("an integer beyond 64 bits");
  return static_cast<int64_t>(value);
}

Value ToInt(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("int", arguments, {"default", "base"}, 0);
  const Value otherwise = bound.Or(0, Value::Int(0));
  if (input.IsUndefined()) FailUndefined(input);
  if (input.IsInteger()) return Value::Int(input.integer());
  if (input.Is(Kind::kFloat)) {
    if (std::isinf(input.number())) Fail("infinity has no integer");
    const std::optional<int64_t> whole = Truncated(input.number());
    return whole ? Value::Int(*whole) : otherwise;
  }
  if (!input.IsString()) return otherwise;
  if (const auto whole = ReadInt(in, input, bound.Integer(1, 10))) return Value::Int(*whole);
  if (const auto number = ReadFloat(in, input)) {
    if (const auto whole = Truncated(*number)) return Value::Int(*whole);
  }
  return otherwise;
}

Value ToFloat(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("float", arguments, {"default"}, 0);
  if (input.IsUndefined()) FailUndefined(input);
  if (input.IsNumber()) return Value::Float(input.number());
  if (input.IsString()) {
    if (const auto number = ReadFloat(in, input)) return Value::Float(*number);
  }
  return bound.Or(0, Value::Float(0));
}

Value Round(In, const Value& input, const Arguments& arguments) {
  const Bound bound("round", arguments, {"precision", "method"}, 0);
  const int64_t precision = bound.Integer(0, 0);
  const std::string method = bound[1] == nullptr ? "common" : bound.String(1).text().bytes();
  if (input.IsUndefined()) FailUndefined(input);
  if (!input.IsNumber()) Fail("the filter 'round' needs a number");
  constexpr int64_t kMostDigits = 300;
  if (precision > kMostDigits || precision < -kMostDigits) Refuse("so many digits");
  if (method == "common") {
    if (precision < 0) Refuse("rounding before the point");
    if (input.IsInteger()) return Value::Int(input.integer());
    if (!std::isfinite(input.number())) return input;
    char buffer[700];  // 309 digits, the point and 300 more
    std::snprintf(buffer, sizeof(buffer), "%.*f", static_cast<int>(precision), input.number());
    return Value::Float(std::strtod(buffer, nullptr));
  }
  if (method != "ceil" && method != "floor") {
    Fail("the method of the filter 'round' must be common, ceil or floor");
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = input.number() * scale;
  return Value::Float((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value Abs(In, const Value& input, const Arguments& arguments) {
  const Bound none("abs", arguments, {}, 0);
  if (input.IsUndefined()) FailUndefined(input);
  if (!input.IsNumber()) Fail("the filter 'abs' needs a number");
  if (input.Is(Kind::kFloat)) return Value::Float(std::fabs(input.number()));
  return input.integer() < 0 ? Negate(input) : Plus(input);
}

// ---- Any value ------------------------------------------------------------------------

Value Default(In, const Value& input, const Arguments& arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"}, 0);
  if (input.IsUndefined() || (bound.Flag(1) && !Truth(input))) {
    return bound.Or(0, MakeString(nullptr, Text()));
  }
  return input;
}

Value GetAttr(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("attr", arguments, {"name"}, 1);
  const std::string name(bound.String(0).view());
  in.budget().Work(name.size());
  if (input.Is(Kind::kLoop) || input.Is(Kind::kMacro)) return in.GetAttribute(input, name);
  if (const std::optional<Value> found = Attribute(in.budget(), input, name)) {
    return *found;
  }
  return MakeUndefined(in.budget(), "a value of type '" + std::string(TypeName(input.kind())) +
                                        "' has no attribute '" + name + "'");
}

Value Marked(In in, const Value& input) {
  const Value string = ToStr(in.budget(), input);
  return MakeString(&in.budget(), string.text(), true);
}

const std::unordered_map<std::string_view, Filter> kTextFilters = {
    {"abs", Abs},
    {"attr", GetAttr},
    {"capitalize", [](In in, const Value& v,
                      const Arguments& a) { return Changed(in, v, a, CaseChange::kCapitalize); }},
    {"center", CenterText},
    {"d", Default},
    {"default", Default},
    {"e", [](In in, const Value& v, const Arguments&) { return Escape(in.budget(), v); }},
    {"escape", [](In in, const Value& v, const Arguments&) { return Escape(in.budget(), v); }},
    {"float", ToFloat},
    {"forceescape",
     [](In in, const Value& v, const Arguments&) {
       return Escape(in.budget(), MakeString(&in.budget(), ToStr(in.budget(), v).text()));
     }},
    {"format", FormatFilter},
    {"indent", Indent},
    {"int", ToInt},
    {"lower", [](In in, const Value& v,
                 const Arguments& a) { return Changed(in, v, a, CaseChange::kLower); }},
    {"replace", ReplaceAll},
    {"round", Round},
    {"safe", [](In in, const Value& v, const Arguments&) { return Marked(in, v); }},
    {"string", [](In in, const Value& v, const Arguments&) { return ToStr(in.budget(), v); }},
    {"title", Title},
    {"tojson", ToJson},
    {"trim", Trim},
    {"truncate", Truncate},
    {"upper", [](In in, const Value& v,
                 const Arguments& a) { return Changed(in, v, a, CaseChange::kUpper); }},
    {"urlencode", UrlEncode},
    {"wordcount", WordCount},
};

}  // namespace

void AddTextFilterNames(std::vector<std::string_view>& names) {
  for (const auto& [name, filter] : kTextFilters) names.push_back(name);
}

Filter FindTextFilter(std::string_view name) {
  const auto found = kTextFilters.find(name);
  return found == kTextFilters.end() ? nullptr : found->second;
}

}  // namespace fathom::jinja
