#include "text/jinja/value.h"

#include <algorithm>

#include "text/jinja/operators.h"

namespace fathom::jinja {
namespace {

// From so many entries on, a dict is searched by hash.
constexpr std::size_t kIndexedFrom = 9;
// What one value in a container takes, its share of the container included.
constexpr std::size_t kValueBytes = sizeof(Value) + 16;

std::size_t CountChars(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

int NestingAround(const std::vector<Value>& items) {
  int nesting = 1;
  for (const Value& item : items) nesting = NestingAround(item, nesting);
  return nesting;
}

Value MakeSequence(Budget* budget, Kind kind, std::vector<Value> items) {
  auto made = std::make_shared<SequenceObject>();
  if (budget != nullptr) budget->Step(1 + items.size() / 8);
  made->nesting = NestingAround(items);
  made->charge = Charge(budget, sizeof(SequenceObject) + kValueBytes * items.size());
  made->items = std::move(items);
  return {kind, std::move(made)};
}

}  // namespace

std::string_view TypeName(Kind kind) {
  switch (kind) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kDictView:
      return "dict view";
    case Kind::kRange:
      return "range";
    case Kind::kIterator:
      return "generator";
    case Kind::kNamespace:
      return "namespace";
    case Kind::kLoop:
      return "loop";
    case Kind::kMacro:
      return "macro";
    case Kind::kFunction:
      return "function";
    case Kind::kCycler:
      return "cycler";
    case Kind::kJoiner:
      return "joiner";
  }
  return "value";
}

const Text& Value::text() const { return As<StringObject>().text; }
const std::vector<Value>& Value::items() const { return As<SequenceObject>().items; }

int NestingAround(const Value& value, int so_far) {
  const int nesting = value.object() == nullptr ? 1 : value.object()->nesting + 1;
  if (nesting > kMaxNesting) {
    throw Fault("values nest deeper than " + std::to_string(kMaxNesting) + " levels",
                ErrorCode::kUnsupported);
  }
  return std::max(nesting, so_far);
}

// ---- Dict
// ----------------------------------------------------------------------------------------

int64_t DictObject::IndexOf(Budget& budget, const Value& key) const {
  // Also where nothing is searched by it: what cannot be hashed is no key.
  const uint64_t hash = HashOf(budget, key);
  if (index_.empty()) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (SameKey(budget, items_[i].first, key)) return static_cast<int64_t>(i);
    }
    return -1;
  }
  const auto [first, last] = index_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    if (SameKey(budget, items_[at->second].first, key)) return at->second;
  }
  return -1;
}

const Value* DictObject::Find(Budget& budget, const Value& key) const {
  const int64_t at = IndexOf(budget, key);
  return at < 0 ? nullptr : &items_[static_cast<std::size_t>(at)].second;
}

const Value* DictObject::Find(Budget& budget, std::string_view key) const {
  const auto matches = [&budget, key](const Value& other) {
    if (!other.IsString() || other.text().size() != key.size()) return false;
    budget.Step(key.size() / 64);
    return other.view() == key;
  };
  if (index_.empty()) {
    for (const auto& [known, value] : items_) {
      if (matches(known)) return &value;
    }
    return nullptr;
  }
  const auto [first, last] = index_.equal_range(HashOf(budget, key));
  for (auto at = first; at != last; ++at) {
    if (matches(items_[at->second].first)) return &items_[at->second].second;
  }
  return nullptr;
}

void DictObject::AddToIndex(Budget& budget, std::size_t at) {
  index_.emplace(HashOf(budget, items_[at].first), static_cast<uint32_t>(at));
}

void DictObject::Set(Budget& budget, const Value& key, Value value) {
  const int64_t at = IndexOf(budget, key);
  if (at >= 0) {
    items_[static_cast<std::size_t>(at)].second = std::move(value);
    return;
  }
  charge.Grow(3 * kValueBytes);
  items_.emplace_back(key, std::move(value));
  if (!index_.empty()) {
    AddToIndex(budget, items_.size() - 1);
  } else if (items_.size() >= kIndexedFrom) {
    for (std::size_t i = 0; i < items_.size(); ++i) AddToIndex(budget, i);
  }
}

// ---- Making
// --------------------------------------------------------------------------------------

Value MakeUndefined(Budget& budget, std::string message) {
  budget.Work(message.size());
  auto made = std::make_shared<UndefinedObject>();
  made->charge = Charge(&budget, sizeof(UndefinedObject) + message.size());
  made->message = std::move(message);
  return {Kind::kUndefined, std::move(made)};
}

Value MakeString(Budget* budget, Text text, bool markup) {
  if (budget != nullptr) budget->Work(text.footprint());
  auto made = std::make_shared<StringObject>();
  made->charge = Charge(budget, sizeof(StringObject) + text.footprint());
  made->chars = CountChars(text.view());
  made->text = std::move(text);
  made->markup = markup;
  return {Kind::kString, std::move(made)};
}

Value MakeString(Budget* budget, std::string bytes, Origin origin) {
  return MakeString(budget, Text(std::move(bytes), origin));
}

Value MakeList(Budget* budget, std::vector<Value> items) {
  return MakeSequence(budget, Kind::kList, std::move(items));
}

Value MakeTuple(Budget* budget, std::vector<Value> items) {
  return MakeSequence(budget, Kind::kTuple, std::move(items));
}

Value MakeIterator(Budget* budget, std::vector<Value> items) {
  auto made = std::make_shared<IteratorObject>();
  if (budget != nullptr) budget->Step(1 + items.size() / 8);
  made->nesting = NestingAround(items);
  made->charge = Charge(budget, sizeof(IteratorObject) + kValueBytes * items.size());
  made->items = std::move(items);
  return {Kind::kIterator, std::move(made)};
}

Value MakeRange(Budget& budget, int64_t start, int64_t stop, int64_t step) {
  auto made = std::make_shared<RangeObject>();
  made->charge = Charge(&budget, sizeof(RangeObject));
  made->start = start;
  made->stop = stop;
  made->step = step;
  // Bounds are 64-bit, so their distance fits in 128.
  __extension__ using Wide = __int128;
  const Wide distance = step > 0 ? Wide{stop} - start : Wide{start} - stop;
  const Wide stride = step > 0 ? Wide{step} : -Wide{step};
  const Wide length = distance <= 0 ? Wide{0} : (distance + stride - 1) / stride;
  // The sandbox's own bound.
  constexpr int64_t kMaxRange = 100000;
  if (length > kMaxRange) {
    Fail("range too big: the sandbox allows " + std::to_string(kMaxRange) + " numbers");
  }
  made->length = static_cast<int64_t>(length);
  return {Kind::kRange, std::move(made)};
}

Value MakeDictView(Budget& budget, const Value& dict, DictViewObject::Part part) {
  auto made = std::make_shared<DictViewObject>();
  made->charge = Charge(&budget, sizeof(DictViewObject));
  made->nesting = NestingAround(dict);
  made->part = part;
  made->dict = dict;
  return {Kind::kDictView, std::move(made)};
}

Value MakeFunction(Budget& budget, std::string name) {
  auto made = std::make_shared<FunctionObject>();
  made->charge = Charge(&budget, sizeof(FunctionObject) + name.size());
  made->name = std::move(name);
  return {Kind::kFunction, std::move(made)};
}

Value MakeMethod(Budget& budget, const Value& self, std::string name) {
  Value made = MakeFunction(budget, std::move(name));
  auto& function = made.As<FunctionObject>();
  function.nesting = NestingAround(self);
  function.bound = true;
  function.self = self;
  return made;
}

DictBuilder::DictBuilder(Budget& budget) : budget_(budget), dict_(std::make_shared<DictObject>()) {
  dict_->charge = Charge(&budget, sizeof(DictObject));
  dict_->nesting = 1;
}

void DictBuilder::Set(const Value& key, Value value) {
  budget_.Step();
  dict_->nesting = NestingAround(key, NestingAround(value, dict_->nesting));
  dict_->Set(budget_, key, std::move(value));
}

Value DictBuilder::Finish() { return {Kind::kDict, std::move(dict_)}; }

std::string QuotedTypeName(const Value& value) {
  return "'" + std::string(TypeName(value.kind())) + "'";
}

}  // namespace fathom::jinja
