// Truth, comparison, hashing, arithmetic. Printing is in printing.cc, containers in containers.cc.
#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "text/jinja/format.h"

namespace fathom::jinja {
namespace {

// 2^63, the first number above int64.
constexpr double kIntEnd = 9223372036854775808.0;

[[noreturn]] void FailOperands(std::string_view sign, const Value& a, const Value& b) {
  if (a.IsUndefined()) FailUndefined(a);
  if (b.IsUndefined()) FailUndefined(b);
  Fail("'" + std::string(sign) + "' cannot be used on " + QuotedTypeName(a) + " and " +
       QuotedTypeName(b));
}

[[noreturn]] void FailBigInt() {
  throw Fault("an integer beyond 64 bits is not supported in chat templates",
              ErrorCode::kUnsupported);
}

// Numbers of different types are compared exactly: a long double holds every int64 and double.
int CompareNumbers(const Value& a, const Value& b) {
  if (a.IsInteger() && b.IsInteger()) {
    return a.integer() < b.integer() ? -1 : a.integer() > b.integer() ? 1 : 0;
  }
  const auto wide = [](const Value& v) {
    return v.IsInteger() ? static_cast<long double>(v.integer())
                         : static_cast<long double>(v.number());
  };
  const long double x = wide(a), y = wide(b);
  return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;  // 2: not a number
}

bool EqualItems(Budget& budget, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!Equal(budget, a[i], b[i])) return false;
  }
  return true;
}

bool EqualDicts(Budget& budget, const DictObject& a, const DictObject& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    const Value* other = b.Find(budget, key);
    if (other == nullptr || !Equal(budget, value, *other)) return false;
  }
  return true;
}

bool EqualRanges(const RangeObject& a, const RangeObject& b) {
  return a.length == b.length &&
         (a.length == 0 || (a.start == b.start && (a.length == 1 || a.step == b.step)));
}

// ---- Arithmetic ----

// The result of an operation that says whether it overflowed.
template <class Operation>
Value IntResult(Operation operation) {
  int64_t result = 0;
  if (operation(&result)) FailBigInt();
  return Value::Int(result);
}

Value PowerOfInts(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) Fail("0 cannot be raised to a negative power");
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  bool overflow = false;
  while (exponent > 0) {
    if (exponent & 1) overflow |= __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    if (overflow) FailBigInt();
    if (exponent > 0) overflow |= __builtin_mul_overflow(base, base, &base);
  }
  return Value::Int(result);
}

Value ApplyToInts(BinaryOp op, int64_t a, int64_t b) {
  switch (op) {
    case BinaryOp::kAdd:
      return IntResult([=](int64_t* to) { return __builtin_add_overflow(a, b, to); });
    case BinaryOp::kSub:
      return IntResult([=](int64_t* to) { return __builtin_sub_overflow(a, b, to); });
    case BinaryOp::kMul:
      return IntResult([=](int64_t* to) { return __builtin_mul_overflow(a, b, to); });
    case BinaryOp::kDiv:
      if (b == 0) Fail("division by zero");
      return Value::Float(
          static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case BinaryOp::kFloorDiv:
    case BinaryOp::kMod: {
      if (b == 0) Fail("division by zero");
      // The one quotient that does not fit, and whose remainder the machine cannot compute either.
      if (b == -1) {
        if (op == BinaryOp::kMod) return Value::Int(0);
        return IntResult([=](int64_t* to) { return __builtin_sub_overflow(int64_t{0}, a, to); });
      }
      const int64_t remainder = a % b;
      const bool down = remainder != 0 && (remainder < 0) != (b < 0);
      return Value::Int(op == BinaryOp::kMod ? remainder + (down ? b : 0) : a / b - (down ? 1 : 0));
    }
    case BinaryOp::kPow:
      return PowerOfInts(a, b);
  }
  return {};
}

double FloatMod(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) remainder += b;
  } else {
    remainder = std::copysign(0.0, b);
  }
  return remainder;
}

double FloatFloorDiv(double a, double b) {
  const double remainder = FloatMod(a, b);
  const double quotient = (a - remainder) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

Value ApplyToFloats(BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::kDiv || op == BinaryOp::kFloorDiv || op == BinaryOp::kMod;
  if (divides && b == 0) Fail("division by zero");
  switch (op) {
    case BinaryOp::kAdd:
      return Value::Float(a + b);
    case BinaryOp::kSub:
      return Value::Float(a - b);
    case BinaryOp::kMul:
      return Value::Float(a * b);
    case BinaryOp::kDiv:
      return Value::Float(a / b);
    case BinaryOp::kFloorDiv:
      return Value::Float(FloatFloorDiv(a, b));
    case BinaryOp::kMod:
      return Value::Float(FloatMod(a, b));
    case BinaryOp::kPow: {
      if (a == 0 && b < 0) Fail("0 cannot be raised to a negative power");
      if (a < 0 && std::isfinite(b) && b != std::floor(b)) Refuse("a complex number");
      const double result = std::pow(a, b);
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
        Fail("the result of ** is too large");
      }
      return Value::Float(result);
    }
  }
  return {};
}

Value Repeat(Budget& budget, const Value& sequence, const Value& count) {
  const int64_t times = std::max<int64_t>(count.integer(), 0);
  const auto size = sequence.IsString() ? sequence.text().size() : sequence.items().size();
  // Asked for before it is made: the product may be astronomically large.
  constexpr uint64_t kMost = uint64_t{1} << 40;
  if (size > 0 && static_cast<uint64_t>(times) > kMost / size) budget.Take(kMost);
  const std::size_t total = size * static_cast<std::size_t>(times);
  if (sequence.IsString()) {
    const Charge asked(&budget, total);
    TextBuilder out(budget);
    for (int64_t i = 0; size > 0 && i < times; ++i) out.Append(sequence.text());
    return MakeString(&budget, out.Finish(), sequence.As<StringObject>().markup);
  }
  const Charge asked(&budget, total * sizeof(Value));
  budget.Step(total);
  std::vector<Value> items;
  items.reserve(total);
  for (int64_t i = 0; size > 0 && i < times; ++i) {
    items.insert(items.end(), sequence.items().begin(), sequence.items().end());
  }
  return sequence.Is(Kind::kList) ? MakeList(&budget, std::move(items))
                                  : MakeTuple(&budget, std::move(items));
}

Value AddStrings(Budget& budget, const Value& a, const Value& b) {
  const bool markup = a.As<StringObject>().markup || b.As<StringObject>().markup;
  TextBuilder out(budget);
  for (const Value* part : {&a, &b}) {
    const bool escape = markup && !part->As<StringObject>().markup;
    out.Append(escape ? Escape(budget, *part).text() : part->text());
  }
  return MakeString(&budget, out.Finish(), markup);
}

Value AddSequences(Budget& budget, const Value& a, const Value& b) {
  budget.Step(a.items().size() + b.items().size());
  std::vector<Value> items;
  items.reserve(a.items().size() + b.items().size());
  items.insert(items.end(), a.items().begin(), a.items().end());
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.Is(Kind::kList) ? MakeList(&budget, std::move(items))
                           : MakeTuple(&budget, std::move(items));
}

}  // namespace

void FailUndefined(const Value& value) {
  const auto* known = static_cast<const UndefinedObject*>(value.object());
  Fail(known != nullptr ? known->message : "a value is undefined");
}

// ---- Keys
// ----------------------------------------------------------------------------------------

uint64_t HashOf(Budget& budget, std::string_view key) {
  budget.Work(key.size());
  return std::hash<std::string_view>()(key);
}

uint64_t HashOf(Budget& budget, const Value& key) {
  switch (key.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return 0x6E6F6E65;
    case Kind::kBool:
    case Kind::kInt:
      return std::hash<int64_t>()(key.integer());
    case Kind::kFloat: {
      // Equal numbers are one key, whatever their type.
      const double number = key.number();
      if (number == std::floor(number) && number >= -kIntEnd && number < kIntEnd) {
        return std::hash<int64_t>()(static_cast<int64_t>(number));
      }
      return std::hash<double>()(number);
    }
    case Kind::kString:
      return HashOf(budget, key.view());
    case Kind::kTuple: {
      uint64_t hash = 0x7475706C65;
      for (const Value& item : key.items()) {
        budget.Step();
        hash = hash * 0x9E3779B97F4A7C15u + HashOf(budget, item);
      }
      return hash;
    }
    case Kind::kList:
    case Kind::kDict:
      Fail("a " + std::string(TypeName(key.kind())) + " cannot be a key or a member of a set");
    default:
      Refuse("a " + std::string(TypeName(key.kind())) + " as a key");
  }
}

bool SameKey(Budget& budget, const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) return CompareNumbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.IsString()) {
    if (a.text().size() != b.text().size()) return false;
    budget.Step(a.text().size() / 64);
    return a.view() == b.view();
  }
  if (a.IsNone() || a.IsUndefined()) return true;
  if (!a.Is(Kind::kTuple) || a.items().size() != b.items().size()) return false;
  for (std::size_t i = 0; i < a.items().size(); ++i) {
    budget.Step();
    if (!SameKey(budget, a.items()[i], b.items()[i])) return false;
  }
  return true;
}

// ---- Truth and comparison
// ------------------------------------------------------------------------

bool Truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    default:
      return LengthOf(value).value_or(1) != 0;
  }
}

bool Identical(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.object() != nullptr || b.object() != nullptr) return a.object() == b.object();
  if (a.Is(Kind::kFloat)) return false;
  return a.IsNone() || a.IsUndefined() || a.integer() == b.integer();
}

bool Equal(Budget& budget, const Value& a, const Value& b) {
  budget.Step();
  if (a.IsNumber() && b.IsNumber()) return CompareNumbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.object() == b.object()) return true;
  switch (a.kind()) {
    case Kind::kUndefined:
      return true;
    case Kind::kString:
      budget.Work(std::min(a.text().size(), b.text().size()));
      return a.view() == b.view();
    case Kind::kList:
    case Kind::kTuple:
      return EqualItems(budget, a.items(), b.items());
    case Kind::kDict:
      return EqualDicts(budget, a.As<DictObject>(), b.As<DictObject>());
    case Kind::kRange:
      return EqualRanges(a.As<RangeObject>(), b.As<RangeObject>());
    case Kind::kDictView:
      Refuse("comparing views of dicts");
    default:
      return false;
  }
}

bool Less(Budget& budget, const Value& a, const Value& b, bool or_equal) {
  budget.Step();
  if (a.IsNumber() && b.IsNumber()) {
    const int order = CompareNumbers(a, b);
    return order == -1 || (or_equal && order == 0);
  }
  if (a.IsString() && b.IsString()) {
    // UTF-8 sorts as its code points do.
    budget.Work(std::min(a.text().size(), b.text().size()));
    const int order = a.view().compare(b.view());
    return order < 0 || (or_equal && order == 0);
  }
  if (a.IsSequence() && a.kind() == b.kind()) {
    const std::size_t common = std::min(a.items().size(), b.items().size());
    for (std::size_t i = 0; i < common; ++i) {
      if (!Equal(budget, a.items()[i], b.items()[i])) {
        return Less(budget, a.items()[i], b.items()[i], or_equal);
      }
    }
    return a.items().size() < b.items().size() ||
           (or_equal && a.items().size() == b.items().size());
  }
  if (a.Is(Kind::kDictView) && b.Is(Kind::kDictView)) Refuse("comparing views of dicts");
  FailOperands(or_equal ? "<=" : "<", a, b);
}

// ---- Arithmetic
// ----------------------------------------------------------------------------------

std::string_view OpSign(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSub:
      return "-";
    case BinaryOp::kMul:
      return "*";
    case BinaryOp::kDiv:
      return "/";
    case BinaryOp::kFloorDiv:
      return "//";
    case BinaryOp::kMod:
      return "%";
    case BinaryOp::kPow:
      return "**";
  }
  return "?";
}

Value Apply(Budget& budget, BinaryOp op, const Value& a, const Value& b) {
  if (a.IsInteger() && b.IsInteger()) return ApplyToInts(op, a.integer(), b.integer());
  if (a.IsNumber() && b.IsNumber()) return ApplyToFloats(op, a.number(), b.number());
  if (op == BinaryOp::kMod && a.IsString()) return PercentFormat(budget, a, b);
  if (op == BinaryOp::kAdd && a.IsString() && b.IsString()) return AddStrings(budget, a, b);
  if (op == BinaryOp::kAdd && a.IsSequence() && a.kind() == b.kind()) {
    return AddSequences(budget, a, b);
  }
  if (op == BinaryOp::kMul) {
    if ((a.IsString() || a.IsSequence()) && b.IsInteger()) return Repeat(budget, a, b);
    if ((b.IsString() || b.IsSequence()) && a.IsInteger()) return Repeat(budget, b, a);
  }
  FailOperands(OpSign(op), a, b);
}

Value Negate(const Value& value) {
  if (value.IsInteger()) return ApplyToInts(BinaryOp::kSub, 0, value.integer());
  if (value.Is(Kind::kFloat)) return Value::Float(-value.number());
  if (value.IsUndefined()) FailUndefined(value);
  Fail("'-' cannot be used on " + QuotedTypeName(value));
}

Value Plus(const Value& value) {
  if (value.IsInteger()) return Value::Int(value.integer());
  if (value.Is(Kind::kFloat)) return value;
  if (value.IsUndefined()) FailUndefined(value);
  Fail("'+' cannot be used on " + QuotedTypeName(value));
}

}  // namespace fathom::jinja
