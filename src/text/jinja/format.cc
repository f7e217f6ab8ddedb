// The parts of the two formatting languages that numbers and strings use. Fill, sign and digits are
// made here and count as data; the text of the format and of the values keeps its origin.
#include "text/jinja/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

// No prompt needs wider fields; bounds what one directive makes.
constexpr int64_t kMaxField = 10000;

struct Spec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =
  char sign = '-';    // - + or space
  bool alternate = false;
  char grouping = '\0';  // , or _
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = '\0';
};

[[noreturn]] void FailType(char type, const Value& value) {
  if (value.IsUndefined()) FailUndefined(value);
  Fail("the format '" + std::string(1, type) + "' cannot show a value of type '" +
       std::string(TypeName(value.kind())) + "'");
}

// One number of a format, which may be absent.
std::optional<int64_t> ReadNumber(std::string_view text, std::size_t& at) {
  if (at >= text.size() || text[at] < '0' || text[at] > '9') return std::nullopt;
  int64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + (text[at] - '0');
    if (number > kMaxField) Refuse("a format field wider than " + std::to_string(kMaxField));
  }
  return number;
}

std::string Group(const std::string& digits, char separator, std::size_t every) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % every == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out;
}

std::string DigitsOf(uint64_t number, unsigned base, bool upper) {
  const char* alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out;
  do {
    out.push_back(alphabet[number % base]);
    number /= base;
  } while (number > 0);
  std::reverse(out.begin(), out.end());
  return out;
}

// |value| as printf writes it.
std::string FloatDigits(double value, char type, int64_t precision, bool alternate) {
  if (!std::isfinite(value)) {
    std::string word = std::isnan(value) ? "nan" : "inf";
    if (type == 'E' || type == 'F' || type == 'G') {
      for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
    }
    return word;
  }
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + type;
  const int wanted = static_cast<int>(precision);
  const double magnitude = std::fabs(value);
  const int size = std::snprintf(nullptr, 0, format.c_str(), wanted, magnitude);
  std::string out(static_cast<std::size_t>(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), wanted, magnitude);
  out.pop_back();
  return out;
}

struct NumberText {
  std::string sign, prefix, digits, rest;  // rest: what grouping does not touch
};

NumberText IntegerText(int64_t value, char type, bool alternate) {
  const uint64_t magnitude =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  NumberText out;
  out.sign = value < 0 ? "-" : "";
  switch (type) {
    case 'b':
      out.digits = DigitsOf(magnitude, 2, false);
      break;
    case 'o':
      out.digits = DigitsOf(magnitude, 8, false);
      break;
    case 'x':
    case 'X':
      out.digits = DigitsOf(magnitude, 16, type == 'X');
      break;
    default:
      out.digits = DigitsOf(magnitude, 10, false);
      return out;
  }
  if (alternate) out.prefix = std::string("0") + type;
  return out;
}

NumberText FloatText(double value, char type, int64_t precision, bool alternate) {
  NumberText out;
  out.sign = std::signbit(value) && !std::isnan(value) ? "-" : "";
  const bool percent = type == '%';
  std::string text =
      FloatDigits(percent ? value * 100 : value, percent ? 'f' : type, precision, alternate);
  if (percent) text += "%";
  const std::size_t cut = text.find_first_not_of("0123456789");
  out.digits = text.substr(0, cut);
  if (cut != std::string::npos) out.rest = text.substr(cut);
  return out;
}

std::string Repeated(const std::string& fill, int64_t count) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) out += fill;
  return out;
}

// `body` with `chars` characters, in a field.
void Pad(const Spec& spec, char default_align, const Text& body, int64_t chars, TextBuilder& out) {
  const int64_t missing = std::max<int64_t>(spec.width - chars, 0);
  const char align = spec.align == '\0' ? default_align : spec.align;
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  out.Append(Repeated(spec.fill, left));
  out.Append(body);
  out.Append(Repeated(spec.fill, missing - left));
}

void WriteNumber(const Spec& spec, NumberText number, TextBuilder& out) {
  if (number.sign.empty() && spec.sign != '-') number.sign = std::string(1, spec.sign);
  const std::size_t every =
      spec.type == 'b' || spec.type == 'o' || spec.type == 'x' || spec.type == 'X' ? 4 : 3;
  if (spec.grouping != '\0') number.digits = Group(number.digits, spec.grouping, every);
  if (spec.align == '=') {
    if (spec.grouping != '\0' && spec.fill == "0") Refuse("zero padding with grouped digits");
    const auto used = static_cast<int64_t>(number.sign.size() + number.prefix.size() +
                                           number.digits.size() + number.rest.size());
    number.prefix += Repeated(spec.fill, spec.width - used);
  }
  const std::string text = number.sign + number.prefix + number.digits + number.rest;
  Pad(spec, '>', Text(text, Origin::kData), static_cast<int64_t>(text.size()), out);
}

void WriteText(Budget& budget, const Spec& spec, const Value& string, TextBuilder& out) {
  const auto& object = string.As<StringObject>();
  const Characters characters(budget, object);
  const int64_t chars =
      spec.precision ? std::min(*spec.precision, characters.size()) : characters.size();
  Pad(spec, '<', object.text.Slice(0, characters.ByteOf(chars)), chars, out);
}

void AppendCharacter(const Value& value, TextBuilder& out, const Spec& spec) {
  Text text;
  if (value.IsString() && value.As<StringObject>().chars == 1) {
    text = value.text();
  } else if (value.IsInteger() && value.integer() >= 0 && value.integer() < 0x110000 &&
             (value.integer() < 0xD800 || value.integer() > 0xDFFF)) {
    std::string bytes;
    AppendCodePoint(static_cast<char32_t>(value.integer()), bytes);
    text = Text(std::move(bytes), Origin::kData);
  } else {
    FailType('c', value);
  }
  Pad(spec, '>', text, 1, out);
}

// ---- %
// -------------------------------------------------------------------------------------------

class Percent {
 public:
  Percent(Budget& budget, const Value& format, const Value& values)
      : budget_(budget),
        format_(format.text()),
        text_(format.view()),
        values_(values),
        out_(budget) {}

  Value Run() {
    // What a directive reads besides what it writes.
    budget_.Work(text_.size());
    std::size_t done = 0;
    while (at_ < text_.size()) {
      const std::size_t percent = text_.find('%', at_);
      if (percent == std::string_view::npos) break;
      out_.Append(format_, done, percent);
      at_ = percent + 1;
      if (at_ < text_.size() && text_[at_] == '%') {
        out_.Append(format_, at_, at_ + 1);
        ++at_;
      } else {
        Directive();
      }
      done = at_;
    }
    out_.Append(format_, done, text_.size());
    const bool mapping =
        values_.Is(Kind::kDict) || values_.Is(Kind::kList) || values_.IsUndefined();
    if (!mapping && next_ < Count()) Fail("not all values are used by the format string");
    return MakeString(&budget_, out_.Finish());
  }

 private:
  std::size_t Count() const { return values_.Is(Kind::kTuple) ? values_.items().size() : 1; }

  Value NextValue() {
    if (next_ >= Count()) Fail("the format string needs more values");
    const std::size_t index = next_++;
    return values_.Is(Kind::kTuple) ? values_.items()[index] : values_;
  }

  int64_t NextInteger() {
    const Value value = NextValue();
    if (!value.IsInteger()) Fail("'*' in a format string needs an integer");
    if (value.integer() > kMaxField || value.integer() < -kMaxField) {
      Refuse("a format field wider than " + std::to_string(kMaxField));
    }
    return value.integer();
  }

  char Peek() const {
    if (at_ >= text_.size()) Fail("the format string ends inside a directive");
    return text_[at_];
  }

  void Directive() {
    Spec spec;
    std::optional<Value> keyed;
    if (Peek() == '(') keyed = ReadKey();
    bool zero = false;
    for (;; ++at_) {
      const char c = Peek();
      if (c == '-') {
        spec.align = '<';
      } else if (c == '+' || (c == ' ' && spec.sign == '-')) {
        spec.sign = c;
      } else if (c == '#') {
        spec.alternate = true;
      } else if (c == '0') {
        zero = true;
      } else if (c != ' ') {
        break;
      }
    }
    spec.width = ReadSize().value_or(0);
    if (spec.width < 0) {
      spec.align = '<';
      spec.width = -spec.width;
    }
    if (Peek() == '.') {
      ++at_;
      spec.precision = std::max<int64_t>(ReadSize().value_or(0), 0);
    }
    while (Peek() == 'l' || Peek() == 'h' || Peek() == 'L') ++at_;
    spec.type = Peek();
    ++at_;
    if (zero && spec.align == '\0') {
      spec.align = '=';
      spec.fill = "0";
    }
    Show(spec, keyed ? *keyed : NextValue());
  }

  Value ReadKey() {
    const std::size_t begin = ++at_;
    for (int open = 1; open > 0; ++at_) {
      if (Peek() == '(') ++open;
      if (Peek() == ')') --open;
    }
    if (!values_.Is(Kind::kDict)) Fail("a format string with names needs a dict");
    next_ = 1;
    const std::string key(text_.substr(begin, at_ - 1 - begin));
    const Value* value = values_.As<DictObject>().Find(budget_, std::string_view(key));
    if (value == nullptr) Fail("the format string asks for '" + key + "', which is not there");
    return *value;
  }

  std::optional<int64_t> ReadSize() {
    if (Peek() != '*') return ReadNumber(text_, at_);
    ++at_;
    return NextInteger();
  }

  void Show(Spec spec, const Value& value) {
    switch (spec.type) {
      case 's':
      case 'r': {
        if (spec.align == '=') spec.align = '>';
        if (spec.align == '\0') spec.align = '>';
        spec.fill = " ";
        TextBuilder text(budget_);
        spec.type == 's' ? AppendStr(budget_, value, text) : AppendRepr(budget_, value, text);
        return WriteText(budget_, spec, MakeString(&budget_, text.Finish()), out_);
      }
      case 'c':
        if (spec.align == '=') spec.align = '>';
        spec.fill = " ";
        return AppendCharacter(value, out_, spec);
      case 'd':
      case 'i':
      case 'u':
        return ShowInteger(spec, Truncated(value, spec.type), 'd');
      case 'o':
      case 'x':
      case 'X':
        if (!value.IsInteger()) FailType(spec.type, value);
        return ShowInteger(spec, value.integer(), spec.type);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.IsNumber()) FailType(spec.type, value);
        return WriteNumber(
            spec, FloatText(value.number(), spec.type, spec.precision.value_or(6), spec.alternate),
            out_);
      case 'a':
        Refuse("the format %a");
      default:
        Fail("unknown directive '%" + std::string(1, spec.type) + "' in a format string");
    }
  }

  int64_t Truncated(const Value& value, char type) const {
    if (value.IsInteger()) return value.integer();
    if (!value.IsNumber()) FailType(type, value);
    if (!(std::fabs(value.number()) < 9e18)) Refuse("an integer beyond 64 bits");
    return static_cast<int64_t>(value.number());
  }

  void ShowInteger(const Spec& spec, int64_t value, char type) {
    NumberText number = IntegerText(value, type, spec.alternate);
    const int64_t short_by =
        spec.precision.value_or(0) - static_cast<int64_t>(number.digits.size());
    number.digits = Repeated("0", short_by) + number.digits;
    WriteNumber(spec, std::move(number), out_);
  }

  Budget& budget_;
  const Text& format_;
  const std::string_view text_;
  const Value& values_;
  TextBuilder out_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
};

// ---- format()
// ------------------------------------------------------------------------------------

Spec ReadSpec(std::string_view text) {
  Spec spec;
  std::size_t at = 0;
  const auto is_align = [&](std::size_t i) {
    return i < text.size() && std::string_view("<>^=").find(text[i]) != std::string_view::npos;
  };
  const std::size_t first = text.empty() ? 0 : DecodeUtf8(text.data(), 0).size;
  if (!text.empty() && is_align(first)) {
    spec.fill = std::string(text.substr(0, first));
    spec.align = text[first];
    at = first + 1;
  } else if (is_align(0)) {
    spec.align = text[0];
    at = 1;
  }
  const auto take = [&](std::string_view any, char& into) {
    if (at < text.size() && any.find(text[at]) != std::string_view::npos) into = text[at++];
  };
  char alternate = '\0', zero = '\0', point = '\0';
  take("+- ", spec.sign);
  take("#", alternate);
  take("0", zero);
  spec.alternate = alternate != '\0';
  if (zero != '\0' && spec.align == '\0') {
    spec.align = '=';
    spec.fill = "0";
  }
  spec.width = ReadNumber(text, at).value_or(0);
  take(",_", spec.grouping);
  take(".", point);
  if (point != '\0') {
    spec.precision = ReadNumber(text, at);
    if (!spec.precision) Fail("a format has a point without a number after it");
  }
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size()) Fail("the format '" + std::string(text) + "' cannot be read");
  return spec;
}

void FormatValue(Budget& budget, const Value& value, std::string_view text, TextBuilder& out) {
  if (text.empty()) return AppendStr(budget, value, out);
  const Spec spec = ReadSpec(text);
  const auto is_type = [&](std::string_view any) {
    return spec.type == '\0' || any.find(spec.type) != std::string_view::npos;
  };
  if (value.IsString()) {
    if (!is_type("s") || spec.align == '=' || spec.sign != '-' || spec.alternate ||
        spec.grouping != '\0') {
      Fail("the format '" + std::string(text) + "' cannot show a string");
    }
    return WriteText(budget, spec, value, out);
  }
  if (!value.IsNumber()) FailType(spec.type, value);
  if (value.IsInteger() && is_type("bcdoxX")) {
    if (spec.precision) Fail("a format with a precision cannot show an integer");
    if (spec.type == 'c') return AppendCharacter(value, out, spec);
    return WriteNumber(spec, IntegerText(value.integer(), spec.type, spec.alternate), out);
  }
  if (spec.type == '\0' && !spec.precision) {
    // As repr, in a field.
    std::string shown = FloatRepr(value.number());
    NumberText number;
    if (shown.front() == '-') {
      number.sign = "-";
      shown.erase(0, 1);
    }
    const std::size_t cut = std::min(shown.find_first_not_of("0123456789"), shown.size());
    number.digits = shown.substr(0, cut);
    number.rest = shown.substr(cut);
    return WriteNumber(spec, std::move(number), out);
  }
  if (spec.type == '\0' || spec.type == 'n') Refuse("the format '" + std::string(text) + "'");
  if (!is_type("eEfFgG%")) FailType(spec.type, value);
  WriteNumber(
      spec, FloatText(value.number(), spec.type, spec.precision.value_or(6), spec.alternate), out);
}

class Brace {
 public:
  Brace(Budget& budget, const Arguments& arguments, const FieldLookup& lookup)
      : budget_(budget), arguments_(arguments), lookup_(lookup) {}

  Text Run(const Text& format, int depth) {
    if (depth > 1) Fail("format fields nest too deep");
    const std::string_view text = format.view();
    budget_.Work(text.size());
    TextBuilder out(budget_);
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const char c = text[at];
      if (c != '{' && c != '}') {
        ++at;
        continue;
      }
      out.Append(format, done, at);
      if (at + 1 < text.size() && text[at + 1] == c) {
        out.Append(format, at, at + 1);
        at += 2;
      } else {
        if (c == '}') Fail("a format string has a single '}'");
        const std::size_t end = EndOf(text, at);
        Field(format, at + 1, end, depth, out);
        at = end + 1;
      }
      done = at;
    }
    out.Append(format, done, text.size());
    return out.Finish();
  }

 private:
  static std::size_t EndOf(std::string_view text, std::size_t open) {
    int depth = 0;
    for (std::size_t at = open; at < text.size(); ++at) {
      if (text[at] == '{') ++depth;
      if (text[at] == '}' && --depth == 0) return at;
    }
    Fail("a format string has a single '{'");
  }

  void Field(const Text& format, std::size_t begin, std::size_t end, int depth, TextBuilder& out) {
    const std::string_view text = format.view();
    // The name ends at the first ! or : outside of brackets.
    std::size_t name_end = begin;
    for (bool inside = false; name_end < end; ++name_end) {
      const char c = text[name_end];
      if (c == '[') inside = true;
      if (c == ']') inside = false;
      if (!inside && (c == '!' || c == ':')) break;
      if (c == '{') Fail("a format field has '{' in its name");
    }
    Value value = Look(std::string(text.substr(begin, name_end - begin)));
    std::size_t at = name_end;
    if (at < end && text[at] == '!') {
      const char conversion = at + 1 < end ? text[at + 1] : '\0';
      at += 2;
      if (at < end && text[at] != ':') Fail("a format field has ':' missing after its conversion");
      TextBuilder shown(budget_);
      if (conversion == 's') {
        AppendStr(budget_, value, shown);
      } else if (conversion == 'r') {
        AppendRepr(budget_, value, shown);
      } else {
        Refuse("the conversion '!" + std::string(1, conversion) + "' of a format field");
      }
      value = MakeString(&budget_, shown.Finish());
    }
    std::string spec;
    if (at < end) spec = Run(format.Slice(at + 1, end), depth + 1).bytes();
    FormatValue(budget_, value, spec, out);
  }

  Value Look(const std::string& name) {
    std::size_t at = std::min(name.find_first_of(".["), name.size());
    Value value = First(name.substr(0, at));
    while (at < name.size()) {
      const bool attribute = name[at] == '.';
      const std::size_t stop =
          attribute ? std::min(name.find_first_of(".[", at + 1), name.size()) : name.find(']', at);
      if (stop == std::string::npos) Fail("a format field lacks ']'");
      const std::string part = name.substr(at + 1, stop - at - 1);
      if (part.empty()) Fail("a format field has an empty name");
      value = lookup_(value, part, attribute);
      at = attribute ? stop : stop + 1;
      if (at < name.size() && name[at] != '.' && name[at] != '[') {
        Fail("a format field has text after ']'");
      }
    }
    return value;
  }

  Value First(const std::string& name) {
    const bool number = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (!name.empty() && !number) {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      Fail("the format string asks for '" + name + "', which is not there");
    }
    if (number == counting_ && started_) Fail("a format string mixes numbered and plain fields");
    started_ = true;
    counting_ = !number;
    std::size_t digits = 0;
    const std::size_t index =
        number ? static_cast<std::size_t>(*ReadNumber(name, digits)) : counted_++;
    if (index >= arguments_.positional.size()) Fail("the format string needs more values");
    return arguments_.positional[index];
  }

  Budget& budget_;
  const Arguments& arguments_;
  const FieldLookup& lookup_;
  bool started_ = false, counting_ = false;
  std::size_t counted_ = 0;
};

}  // namespace

Value PercentFormat(Budget& budget, const Value& format, const Value& values) {
  if (format.As<StringObject>().markup) Refuse("formatting escaped text");
  return Percent(budget, format, values).Run();
}

Value BraceFormat(Budget& budget, const Value& format, const Arguments& arguments,
                  const FieldLookup& lookup) {
  if (format.As<StringObject>().markup) Refuse("formatting escaped text");
  return MakeString(&budget, Brace(budget, arguments, lookup).Run(format.text(), 0));
}

}  // namespace fathom::jinja
