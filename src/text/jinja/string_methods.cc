// The methods of Python's str. Whatever is cut out keeps its origin; padding counts as data.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "text/jinja/arguments.h"
#include "text/jinja/casing.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

struct Call {
  Budget& budget;
  const Value& self;
  const std::string& name;
  const Arguments& arguments;
  const FieldLookup& lookup;

  const Text& text() const { return self.text(); }
  Bound Bind(std::initializer_list<std::string_view> names, std::size_t required,
             bool keywords = false) const {
    return {name, arguments, names, required, keywords};
  }
  // A part of the string, which is escaped text if the whole is.
  Value Part(std::size_t begin, std::size_t end) const {
    return MakeString(&budget, text().Slice(begin, end), self.As<StringObject>().markup);
  }
  void NeedPlain() const {
    if (self.As<StringObject>().markup) Refuse(name + "() of escaped text");
  }
};

Value Cut(Budget& budget, const Value& self, std::size_t begin, std::size_t end) {
  if (begin == 0 && end == self.text().size()) return self;
  return MakeString(&budget, self.text().Slice(begin, end), self.As<StringObject>().markup);
}

// The start of the character that ends at `end`.
std::size_t Before(std::string_view text, std::size_t end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

// ---- Searching ------------------------------------------------------------------------

// The bytes [begin, end) that a method looks at, from its arguments for characters.
struct Window {
  std::size_t begin = 0, end = 0;
  bool valid = true;  // false: the start is beyond the end, where nothing is found
};

Window WindowOf(const Bound& bound, std::size_t first, const Characters& characters) {
  const int64_t size = characters.size();
  const auto read = [&](std::size_t index, int64_t default_value) {
    const Value* value = bound[index];
    if (value == nullptr || value->IsNone()) return default_value;
    int64_t at = bound.Integer(index, 0);
    if (at < 0) at = std::max<int64_t>(at + size, 0);
    return at;
  };
  const int64_t begin = read(first, 0);
  const int64_t end = std::min(read(first + 1, size), size);
  Window window;
  window.valid = begin <= end;
  if (window.valid) {
    window.begin = characters.ByteOf(begin);
    window.end = characters.ByteOf(end);
  }
  return window;
}

Value Find(const Call& call, bool last, bool must) {
  const Bound bound = call.Bind({"sub", "start", "end"}, 1);
  const std::string_view sub = bound.String(0).view();
  const Characters characters(call.budget, call.self.As<StringObject>());
  const Window window = WindowOf(bound, 1, characters);
  std::size_t found = std::string_view::npos;
  if (window.valid) {
    const std::string_view part =
        call.text().view().substr(window.begin, window.end - window.begin);
    found = last ? FindLastText(call.budget, part, sub) : FindText(call.budget, part, sub);
  }
  if (found == std::string_view::npos) {
    if (must) Fail("the text that " + call.name + "() looks for is not there");
    return Value::Int(-1);
  }
  return Value::Int(characters.CharacterAt(window.begin + found));
}

Value Count(const Call& call) {
  const Bound bound = call.Bind({"sub", "start", "end"}, 1);
  const std::string_view sub = bound.String(0).view();
  const Characters characters(call.budget, call.self.As<StringObject>());
  const Window window = WindowOf(bound, 1, characters);
  if (!window.valid) return Value::Int(0);
  if (sub.empty()) {
    return Value::Int(characters.CharacterAt(window.end) - characters.CharacterAt(window.begin) +
                      1);
  }
  const std::string_view part = call.text().view().substr(window.begin, window.end - window.begin);
  int64_t count = 0;
  for (std::size_t at = FindText(call.budget, part, sub); at != std::string_view::npos;
       at = FindText(call.budget, part, sub, at + sub.size())) {
    ++count;
  }
  return Value::Int(count);
}

Value StartsOrEnds(const Call& call, bool starts) {
  const Bound bound = call.Bind({starts ? "prefix" : "suffix", "start", "end"}, 1);
  std::vector<Value> wanted;
  if (bound[0]->Is(Kind::kTuple)) {
    wanted = bound[0]->items();
  } else {
    wanted = {*bound[0]};
  }
  const bool whole = bound[1] == nullptr && bound[2] == nullptr;
  Window window{0, call.text().size()};
  if (!whole) {
    window = WindowOf(bound, 1, Characters(call.budget, call.self.As<StringObject>()));
  }
  bool found = false;
  for (const Value& one : wanted) {
    if (!one.IsString()) {
      if (one.IsUndefined()) FailUndefined(one);
      Fail(call.name + "() needs a string or a tuple of strings");
    }
    call.budget.Work(one.text().size());
    if (!window.valid) continue;
    const std::string_view part =
        call.text().view().substr(window.begin, window.end - window.begin);
    found = found || (starts ? part.starts_with(one.view()) : part.ends_with(one.view()));
  }
  return Value::Bool(found);
}

// ---- Splitting ------------------------------------------------------------------------

std::vector<Value> SplitSpaces(const Call& call, int64_t most) {
  const std::string_view text = call.text().view();
  std::vector<Value> parts;
  std::size_t at = 0;
  const auto skip = [&](bool spaces) {
    while (at < text.size()) {
      const Utf8Char next = DecodeUtf8(text.data(), at);
      if (IsSpace(next.code) != spaces) break;
      at += next.size;
    }
  };
  for (skip(true); at < text.size(); skip(true)) {
    const std::size_t begin = at;
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(call.Part(begin, text.size()));
      break;
    }
    skip(false);
    parts.push_back(call.Part(begin, at));
  }
  return parts;
}

std::vector<Value> SplitSpacesFromRight(const Call& call, int64_t most) {
  const std::string_view text = call.text().view();
  std::vector<Value> parts;
  std::size_t end = text.size();
  const auto skip = [&](bool spaces) {
    while (end > 0) {
      const std::size_t before = Before(text, end);
      if (IsSpace(DecodeUtf8(text.data(), before).code) != spaces) break;
      end = before;
    }
  };
  for (skip(true); end > 0; skip(true)) {
    const std::size_t stop = end;
    if (static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(call.Part(0, stop));
      break;
    }
    skip(false);
    parts.push_back(call.Part(end, stop));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Value Split(const Call& call, bool right) {
  const Bound bound = call.Bind({"sep", "maxsplit"}, 0, true);
  const int64_t most = bound.Integer(1, -1);
  if (bound[0] == nullptr || bound[0]->IsNone()) {
    call.budget.WorkOnCharacters(call.text().size());
    return MakeList(&call.budget, right && most >= 0 ? SplitSpacesFromRight(call, most)
                                                     : SplitSpaces(call, most));
  }
  const std::string_view separator = bound.String(0).view();
  if (separator.empty()) Fail(call.name + "() needs a separator that is not empty");
  const std::string_view text = call.text().view();
  std::vector<Value> parts;
  if (right && most >= 0) {
    std::size_t end = text.size();
    while (static_cast<int64_t>(parts.size()) < most && end >= separator.size()) {
      const std::size_t found = FindLastText(call.budget, text.substr(0, end), separator);
      if (found == std::string_view::npos) break;
      parts.push_back(call.Part(found + separator.size(), end));
      end = found;
    }
    parts.push_back(call.Part(0, end));
    std::reverse(parts.begin(), parts.end());
    return MakeList(&call.budget, std::move(parts));
  }
  std::size_t begin = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const std::size_t found = FindText(call.budget, text, separator, begin);
    if (found == std::string_view::npos) break;
    parts.push_back(call.Part(begin, found));
    begin = found + separator.size();
  }
  parts.push_back(call.Part(begin, text.size()));
  return MakeList(&call.budget, std::move(parts));
}

Value Partition(const Call& call, bool right) {
  const Bound bound = call.Bind({"sep"}, 1);
  const Value& separator = bound.String(0);
  if (separator.view().empty()) Fail(call.name + "() needs a separator that is not empty");
  const std::string_view text = call.text().view();
  const std::size_t found = right ? FindLastText(call.budget, text, separator.view())
                                  : FindText(call.budget, text, separator.view());
  if (found == std::string_view::npos) {
    const Value empty = MakeString(&call.budget, Text());
    return right ? MakeTuple(&call.budget, {empty, empty, call.self})
                 : MakeTuple(&call.budget, {call.self, empty, empty});
  }
  const std::size_t after = found + separator.text().size();
  return MakeTuple(&call.budget,
                   {call.Part(0, found), call.Part(found, after), call.Part(after, text.size())});
}

// ---- Padding --------------------------------------------------------------------------

Value Padded(const Call& call, char side) {
  const Bound bound = call.Bind({"width", "fillchar"}, 1);
  const int64_t width = bound.Integer(0, 0);
  Text fill(" ", Origin::kData);
  if (bound[1] != nullptr) {
    if (bound.String(1).As<StringObject>().chars != 1) bound.FailArgument(1, "one character");
    fill = bound[1]->text();
  }
  const auto size = static_cast<int64_t>(call.self.As<StringObject>().chars);
  const int64_t missing = std::max<int64_t>(width - size, 0);
  const int64_t middle = missing / 2 + (missing & width & 1);
  const int64_t left = side == 'l' ? 0 : side == 'r' ? missing : middle;
  TextBuilder out(call.budget);
  for (int64_t i = 0; i < left; ++i) out.Append(fill);
  out.Append(call.text());
  for (int64_t i = left; i < missing; ++i) out.Append(fill);
  return MakeString(&call.budget, out.Finish());
}

Value ZeroFilled(const Call& call) {
  const Bound bound = call.Bind({"width"}, 1);
  const int64_t missing =
      bound.Integer(0, 0) - static_cast<int64_t>(call.self.As<StringObject>().chars);
  const std::string& bytes = call.text().bytes();
  const std::size_t sign = !bytes.empty() && (bytes[0] == '+' || bytes[0] == '-') ? 1 : 0;
  TextBuilder out(call.budget);
  out.Append(call.text(), 0, sign);
  for (int64_t i = 0; i < missing; ++i) out.Append("0");
  out.Append(call.text(), sign, bytes.size());
  return MakeString(&call.budget, out.Finish());
}

Value Affix(const Call& call, bool prefix) {
  const Bound bound = call.Bind({prefix ? "prefix" : "suffix"}, 1);
  const std::string_view affix = bound.String(0).view();
  const std::string_view text = call.text().view();
  call.budget.Work(affix.size());
  if (prefix && text.starts_with(affix)) return call.Part(affix.size(), text.size());
  if (!prefix && text.ends_with(affix)) return call.Part(0, text.size() - affix.size());
  return call.self;
}

Value Cased(const Call& call, CaseChange change) {
  call.Bind({}, 0);
  return MakeString(&call.budget, ChangeCase(call.budget, call.text(), change),
                    call.self.As<StringObject>().markup);
}

Value Test(const Call& call, CharTest test) {
  call.Bind({}, 0);
  return Value::Bool(AllAre(call.budget, call.text().view(), test));
}

Value CallReplace(const Call& call) {
  const Bound bound = call.Bind({"old", "new", "count"}, 2);
  return Replace(call.budget, call.self, bound.String(0).view(), bound.String(1).text(),
                 bound.Integer(2, -1));
}

Value CallStrip(const Call& call, bool left, bool right) {
  const Bound bound = call.Bind({"chars"}, 0);
  const Value* chars = bound[0] != nullptr && !bound[0]->IsNone() ? &bound.String(0) : nullptr;
  return Strip(call.budget, call.self, chars, left, right);
}

using Method = Value (*)(const Call&);

const std::unordered_map<std::string_view, Method>& Methods() {
  static const std::unordered_map<std::string_view, Method> methods = {
      {"capitalize", [](const Call& c) { return Cased(c, CaseChange::kCapitalize); }},
      {"lower", [](const Call& c) { return Cased(c, CaseChange::kLower); }},
      {"title", [](const Call& c) { return Cased(c, CaseChange::kTitle); }},
      {"upper", [](const Call& c) { return Cased(c, CaseChange::kUpper); }},
      {"center", [](const Call& c) { return c.NeedPlain(), Padded(c, 'c'); }},
      {"ljust", [](const Call& c) { return c.NeedPlain(), Padded(c, 'l'); }},
      {"rjust", [](const Call& c) { return c.NeedPlain(), Padded(c, 'r'); }},
      {"zfill", [](const Call& c) { return c.NeedPlain(), ZeroFilled(c); }},
      {"count", [](const Call& c) { return Count(c); }},
      {"endswith", [](const Call& c) { return StartsOrEnds(c, false); }},
      {"startswith", [](const Call& c) { return StartsOrEnds(c, true); }},
      {"find", [](const Call& c) { return Find(c, false, false); }},
      {"rfind", [](const Call& c) { return Find(c, true, false); }},
      {"index", [](const Call& c) { return Find(c, false, true); }},
      {"rindex", [](const Call& c) { return Find(c, true, true); }},
      {"format",
       [](const Call& c) { return BraceFormat(c.budget, c.self, c.arguments, c.lookup); }},
      {"isalnum", [](const Call& c) { return Test(c, CharTest::kAlnum); }},
      {"isalpha", [](const Call& c) { return Test(c, CharTest::kAlpha); }},
      {"isascii", [](const Call& c) { return Test(c, CharTest::kAscii); }},
      {"isdecimal", [](const Call& c) { return Test(c, CharTest::kDecimal); }},
      {"isdigit", [](const Call& c) { return Test(c, CharTest::kDigit); }},
      {"isnumeric", [](const Call& c) { return Test(c, CharTest::kNumeric); }},
      {"isprintable", [](const Call& c) { return Test(c, CharTest::kPrintable); }},
      {"isspace", [](const Call& c) { return Test(c, CharTest::kSpace); }},
      {"islower",
       [](const Call& c) {
         c.Bind({}, 0);
         return Value::Bool(IsLowerText(c.budget, c.text().view()));
       }},
      {"isupper",
       [](const Call& c) {
         c.Bind({}, 0);
         return Value::Bool(IsUpperText(c.budget, c.text().view()));
       }},
      {"join",
       [](const Call& c) {
         c.NeedPlain();
         const Bound bound = c.Bind({"iterable"}, 1);
         return Join(c.budget, c.self, *bound[0], false);
       }},
      {"strip", [](const Call& c) { return CallStrip(c, true, true); }},
      {"lstrip", [](const Call& c) { return CallStrip(c, true, false); }},
      {"rstrip", [](const Call& c) { return CallStrip(c, false, true); }},
      {"partition", [](const Call& c) { return Partition(c, false); }},
      {"rpartition", [](const Call& c) { return Partition(c, true); }},
      {"removeprefix", [](const Call& c) { return Affix(c, true); }},
      {"removesuffix", [](const Call& c) { return Affix(c, false); }},
      {"replace", [](const Call& c) { return c.NeedPlain(), CallReplace(c); }},
      {"split", [](const Call& c) { return Split(c, false); }},
      {"rsplit", [](const Call& c) { return Split(c, true); }},
      {"splitlines",
       [](const Call& c) {
         const Bound bound = c.Bind({"keepends"}, 0, true);
         return MakeList(&c.budget, SplitLines(c.budget, c.self, bound.Flag(0)));
       }},
  };
  return methods;
}

}  // namespace

Value CallStringMethod(Budget& budget, const Value& self, const std::string& name,
                       const Arguments& arguments, const FieldLookup& lookup) {
  const auto found = Methods().find(name);
  if (found == Methods().end()) Refuse("the method " + name + "() of a string");
  return found->second({budget, self, name, arguments, lookup});
}

Value Strip(Budget& budget, const Value& self, const Value* chars, bool left, bool right) {
  const std::string_view text = self.view();
  const auto strippable = [&budget, chars](char32_t code) {
    if (chars == nullptr) return IsSpace(code);
    std::string character;
    AppendCodePoint(code, character);
    return FindText(budget, chars->view(), character) != std::string_view::npos;
  };
  std::size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const Utf8Char next = DecodeUtf8(text.data(), begin);
    if (!strippable(next.code)) break;
    begin += next.size;
  }
  while (right && end > begin) {
    const std::size_t before = Before(text, end);
    if (!strippable(DecodeUtf8(text.data(), before).code)) break;
    end = before;
  }
  budget.WorkOnCharacters(text.size() - (end - begin));
  return Cut(budget, self, begin, end);
}

Value Replace(Budget& budget, const Value& self, std::string_view old, const Text& with,
              int64_t count) {
  const Text& text = self.text();
  if (count == 0) return self;
  TextBuilder out(budget);
  std::size_t done = 0;
  if (old.empty()) {
    // Before each character and at the end.
    for (std::size_t at = 0;; at += DecodeUtf8(text.bytes().data(), at).size) {
      out.Append(text, done, at);
      done = at;
      if (count-- == 0) break;
      out.Append(with);
      if (at >= text.size()) break;
    }
  } else {
    for (std::size_t at = FindText(budget, text.view(), old);
         at != std::string_view::npos && count != 0;
         at = FindText(budget, text.view(), old, done)) {
      out.Append(text, done, at);
      out.Append(with);
      done = at + old.size();
      --count;
    }
  }
  out.Append(text, done, text.size());
  return MakeString(&budget, out.Finish());
}

std::vector<Value> SplitLines(Budget& budget, const Value& self, bool keep_ends) {
  const std::string_view text = self.view();
  budget.WorkOnCharacters(text.size());
  std::vector<Value> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    std::size_t end = at;
    while (at < text.size()) {
      const Utf8Char next = DecodeUtf8(text.data(), at);
      end = at;
      at += next.size;
      if (IsLineBreak(next.code)) {
        if (next.code == '\r' && at < text.size() && text[at] == '\n') ++at;
        break;
      }
      end = at;
    }
    lines.push_back(Cut(budget, self, begin, keep_ends ? at : end));
  }
  return lines;
}

Value Center(Budget& budget, const Value& self, int64_t width) {
  Arguments arguments;
  arguments.positional = {Value::Int(width)};
  return CallStringMethod(budget, self, "center", arguments, nullptr);
}

Value Join(Budget& budget, const Value& separator, const Value& items, bool convert) {
  TextBuilder out(budget);
  Cursor cursor(budget, items);
  bool first = true;
  for (Value item; cursor.Next(&item);) {
    if (!first) out.Append(separator.text());
    first = false;
    if (!convert && !item.IsString()) {
      if (item.IsUndefined()) FailUndefined(item);
      Fail("join() needs strings, but got a value of type '" + std::string(TypeName(item.kind())) +
           "'");
    }
    AppendStr(budget, item, out);
  }
  return MakeString(&budget, out.Finish());
}

}  // namespace fathom::jinja
