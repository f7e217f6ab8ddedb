// What Python's operators and built-in functions do with values: truth, comparison, arithmetic,
// printing, iteration, subscripts. All of them throw Fault where Python raises. Text keeps its
// origin (text.h); what is made up here, like the digits of a number, counts as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace fathom::jinja {

// ---- Identity of dict keys
// -----------------------------------------------------------------------

uint64_t HashOf(Budget& budget, const Value& key);  // Fault for what cannot be hashed
uint64_t HashOf(Budget& budget, std::string_view key);
bool SameKey(Budget& budget, const Value& a, const Value& b);  // of hashable values

// ---- Truth and comparison
// ------------------------------------------------------------------------

bool Truth(const Value& value);
bool Equal(Budget& budget, const Value& a, const Value& b);
// a < b, or a <= b with `or_equal`. Fault for values that have no order.
bool Less(Budget& budget, const Value& a, const Value& b, bool or_equal = false);
bool Contains(Budget& budget, const Value& container, const Value& item);
bool Identical(const Value& a, const Value& b);  // Python's `is`

// ---- Printing
// ------------------------------------------------------------------------------------

void AppendStr(Budget& budget, const Value& value, TextBuilder& out);   // str(value)
void AppendRepr(Budget& budget, const Value& value, TextBuilder& out);  // repr(value)
// str(value) as a value; a string is returned as it is.
Value ToStr(Budget& budget, const Value& value);
std::string FloatRepr(double value);
// HTML escaping, as Markup does it.
Value Escape(Budget& budget, const Value& value);

// ---- Arithmetic
// ----------------------------------------------------------------------------------

enum class BinaryOp { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
std::string_view OpSign(BinaryOp op);
Value Apply(Budget& budget, BinaryOp op, const Value& a, const Value& b);
Value Negate(const Value& value);
Value Plus(const Value& value);

// ---- Containers
// ----------------------------------------------------------------------------------

// Whether iter(value) and len(value) work.
bool IsIterable(const Value& value);
std::optional<int64_t> LengthOf(const Value& value);
// Fault where len() raises.
int64_t Length(const Value& value);

// One pass over any iterable.
class Cursor {
 public:
  Cursor(Budget& budget, const Value& iterable);
  bool Next(Value* value);
  const Value& iterable() const { return iterable_; }

 private:
  Budget* budget_;
  Value iterable_;
  std::size_t at_ = 0;  // index, or byte of a string
};

std::vector<Value> ToVector(Budget& budget, const Value& iterable);  // list(iterable)

// container[key] for numbers and dict keys; no value where Python raises TypeError or LookupError.
std::optional<Value> Subscript(Budget& budget, const Value& container, const Value& key);
// container[start:stop:step]; each of the three may be none.
Value Slice(Budget& budget, const Value& container, const Value& start, const Value& stop,
            const Value& step);

// The string with byte positions for each code point, for what counts characters.
class Characters {
 public:
  Characters(Budget& budget, const StringObject& string);
  int64_t size() const { return static_cast<int64_t>(string_.chars); }
  std::size_t ByteOf(int64_t character) const;  // 0 to size()
  int64_t CharacterAt(std::size_t byte) const;  // of a byte that starts a character, or the end

 private:
  const StringObject& string_;
  Charge charge_;
  std::vector<uint32_t> bytes_;  // empty where all is ASCII
};

// The message for an operation on an undefined value.
[[noreturn]] void FailUndefined(const Value& value);

}  // namespace fathom::jinja
