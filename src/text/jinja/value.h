// The values a template computes with: Python's, as far as templates see them. A Value is a small
// handle; strings and containers are shared and never change once made, except a namespace's
// attributes and the position of an iterator. What they can do is in operators.h and methods.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/budget.h"
#include "text/jinja/text.h"

namespace fathom::jinja {

enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kDictView,
  kRange,
  kIterator,  // what Python's generators and iterators are: one pass, no length
  kNamespace,
  kLoop,
  kMacro,
  kFunction,
  kCycler,
  kJoiner,
};

// Python's name of the type: "int", "NoneType", "list".
std::string_view TypeName(Kind kind);

// Containers nest at most this deep, so that walking them needs bounded stack.
inline constexpr int kMaxNesting = 200;

struct Object {
  virtual ~Object() = default;
  int nesting = 0;  // 0 for what holds no values; else one more than the deepest of what it holds
};

class Value {
 public:
  Value() = default;  // undefined
  static Value None() { return Value(Kind::kNone, 0); }
  static Value Bool(bool value) { return Value(Kind::kBool, value ? 1 : 0); }
  static Value Int(int64_t value) { return Value(Kind::kInt, value); }
  static Value Float(double value) {
    Value made(Kind::kFloat, 0);
    made.float_ = value;
    return made;
  }
  Value(Kind kind, std::shared_ptr<Object> object) : kind_(kind), object_(std::move(object)) {}

  Kind kind() const { return kind_; }
  bool Is(Kind kind) const { return kind_ == kind; }
  bool IsUndefined() const { return kind_ == Kind::kUndefined; }
  bool IsNone() const { return kind_ == Kind::kNone; }
  bool IsString() const { return kind_ == Kind::kString; }
  bool IsInteger() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  bool IsNumber() const { return IsInteger() || kind_ == Kind::kFloat; }
  bool IsSequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }

  int64_t integer() const { return int_; }  // of kBool and kInt
  double number() const {                   // of any number
    return kind_ == Kind::kFloat ? float_ : static_cast<double>(int_);
  }
  Object* object() const { return object_.get(); }
  template <class T>
  T& As() const {
    return static_cast<T&>(*object_);
  }

  const Text& text() const;  // of kString
  std::string_view view() const { return text().view(); }
  const std::vector<Value>& items() const;  // of kList and kTuple

 private:
  Value(Kind kind, int64_t value) : kind_(kind), int_(value) {}

  Kind kind_ = Kind::kUndefined;
  union {
    int64_t int_ = 0;
    double float_;
  };
  std::shared_ptr<Object> object_;
};

// Says where an undefined value comes from.
struct UndefinedObject : Object {
  std::string message;
  Charge charge;
};

struct StringObject : Object {
  Text text;
  bool markup = false;    // Python's Markup: "+" escapes what it is joined with
  std::size_t chars = 0;  // code points
  bool ascii() const { return chars == text.size(); }
  Charge charge;
};

struct SequenceObject : Object {
  std::vector<Value> items;
  bool group = false;  // of the filter groupby: [0] is also .grouper, [1] is also .list
  Charge charge;
};

// In the order of insertion. Keys are hashable values (numbers, strings, none, tuples of such).
class DictObject : public Object {
 public:
  const std::vector<std::pair<Value, Value>>& items() const { return items_; }
  std::size_t size() const { return items_.size(); }
  const Value* Find(Budget& budget, const Value& key) const;
  const Value* Find(Budget& budget, std::string_view key) const;
  // Keeps the place (and the key) of what is there already. What is new is charged.
  void Set(Budget& budget, const Value& key, Value value);
  Charge charge;

 private:
  int64_t IndexOf(Budget& budget, const Value& key) const;
  void AddToIndex(Budget& budget, std::size_t at);

  std::vector<std::pair<Value, Value>> items_;
  // By hash; empty while there are few. A tree, because keys can be chosen that all fall into one
  // bucket of a table, and walking that is no work that could be counted.
  std::multimap<uint64_t, uint32_t> index_;
};

struct DictViewObject : Object {
  enum class Part { kKeys, kValues, kItems };
  Part part = Part::kKeys;
  Value dict;
  Charge charge;
};

struct RangeObject : Object {
  int64_t start = 0, stop = 0, step = 1, length = 0;
  Charge charge;
  // Unsigned, because a slice may look one step beyond the ends.
  int64_t At(int64_t index) const {
    return static_cast<int64_t>(static_cast<uint64_t>(start) +
                                static_cast<uint64_t>(index) * static_cast<uint64_t>(step));
  }
};

struct IteratorObject : Object {
  std::vector<Value> items;
  std::size_t next = 0;
  Charge charge;
};

struct NamespaceObject : Object {
  DictObject attributes;
};

// A function or a filter-like method: `name` is looked up when it is called, on `self` if bound.
struct FunctionObject : Object {
  std::string name;
  bool bound = false;
  Value self;
  Charge charge;
};

struct CyclerObject : Object {
  std::vector<Value> items;
  std::size_t position = 0;
  Charge charge;
};

struct JoinerObject : Object {
  Value separator;
  bool used = false;
  Charge charge;
};

// ---- Making values, which is work and takes memory. A null budget is for literals.
// -----------------------------------------------

Value MakeUndefined(Budget& budget, std::string message);
Value MakeString(Budget* budget, Text text, bool markup = false);
Value MakeString(Budget* budget, std::string bytes, Origin origin = Origin::kData);
Value MakeList(Budget* budget, std::vector<Value> items);
Value MakeTuple(Budget* budget, std::vector<Value> items);
Value MakeIterator(Budget* budget, std::vector<Value> items);
Value MakeRange(Budget& budget, int64_t start, int64_t stop, int64_t step);
Value MakeDictView(Budget& budget, const Value& dict, DictViewObject::Part part);
Value MakeFunction(Budget& budget, std::string name);
Value MakeMethod(Budget& budget, const Value& self, std::string name);

// Collects the entries of a dict; a later value for the same key takes the place of the earlier.
class DictBuilder {
 public:
  explicit DictBuilder(Budget& budget);
  void Set(const Value& key, Value value);  // Fault for a key that cannot be hashed
  Value Finish();

 private:
  Budget& budget_;
  std::shared_ptr<DictObject> dict_;
};

// One more than the nesting of `value`; Fault beyond kMaxNesting.
int NestingAround(const Value& value, int so_far = 0);

// "'string'": the name of the value's type, in quotes.
std::string QuotedTypeName(const Value& value);

}  // namespace fathom::jinja
