// Length, iteration, membership, subscripts and slices.
#include <algorithm>
#include <limits>
#include <string>

#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

Value CharacterFrom(Budget& budget, const Value& string, std::size_t begin, std::size_t end) {
  return MakeString(&budget, string.text().Slice(begin, end), string.As<StringObject>().markup);
}

Value EntryOf(Budget& budget, const DictViewObject& view, std::size_t index) {
  const auto& [key, value] = view.dict.As<DictObject>().items()[index];
  switch (view.part) {
    case DictViewObject::Part::kKeys:
      return key;
    case DictViewObject::Part::kValues:
      return value;
    case DictViewObject::Part::kItems:
      break;
  }
  return MakeTuple(&budget, {key, value});
}

// A Python index: negative ones count from the end. No value when out of range.
std::optional<int64_t> IndexIn(int64_t index, int64_t size) {
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return index;
}

bool ContainsText(Budget& budget, const Value& container, const Value& item) {
  if (!item.IsString()) {
    if (item.IsUndefined()) FailUndefined(item);
    Fail("'in' on a string needs a string, not " + QuotedTypeName(item));
  }
  return FindText(budget, container.view(), item.view()) != std::string_view::npos;
}

// The resolved parts of a slice: `count` items from `start`, `step` apart.
struct SlicePlan {
  int64_t start, step, count;
};

int64_t SlicePart(const Value& part, int64_t default_value) {
  if (part.IsNone()) return default_value;
  if (part.IsInteger()) return part.integer();
  Fail("a slice needs integers or none, not " + QuotedTypeName(part));
}

SlicePlan PlanSlice(int64_t size, const Value& start, const Value& stop, const Value& step) {
  const int64_t stride = SlicePart(step, 1);
  if (stride == 0) Fail("a slice cannot have step 0");
  const int64_t low = stride > 0 ? 0 : -1;
  const int64_t high = stride > 0 ? size : size - 1;
  const auto clip = [&](int64_t at) {
    if (at < 0) at += size;  // no overflow: size is not negative
    return std::clamp(at, low, high);
  };
  const int64_t first = start.IsNone() ? (stride > 0 ? low : high) : clip(SlicePart(start, 0));
  const int64_t last = stop.IsNone() ? (stride > 0 ? high : low) : clip(SlicePart(stop, 0));
  const int64_t distance = stride > 0 ? last - first : first - last;
  if (distance <= 0) return {first, 1, 0};
  // Beyond the size every step gives one item.
  const int64_t bounded = std::clamp(stride, -size - 1, size + 1);
  const int64_t size_of_step = bounded > 0 ? bounded : -bounded;
  return {first, bounded, (distance + size_of_step - 1) / size_of_step};
}

}  // namespace

// ---- Characters
// ----------------------------------------------------------------------------------

Characters::Characters(Budget& budget, const StringObject& string) : string_(string) {
  if (string.ascii()) return;
  budget.WorkOnCharacters(string.text.size());
  charge_ = Charge(&budget, sizeof(uint32_t) * (string.chars + 1));
  bytes_.reserve(string.chars + 1);
  for (std::size_t at = 0; at < string.text.size();) {
    bytes_.push_back(static_cast<uint32_t>(at));
    at += DecodeUtf8(string.text.bytes().data(), at).size;
  }
  bytes_.push_back(static_cast<uint32_t>(string.text.size()));
}

std::size_t Characters::ByteOf(int64_t character) const {
  const auto at = static_cast<std::size_t>(character);
  return string_.ascii() ? at : bytes_[at];
}

int64_t Characters::CharacterAt(std::size_t byte) const {
  if (string_.ascii()) return static_cast<int64_t>(byte);
  return std::lower_bound(bytes_.begin(), bytes_.end(), byte) - bytes_.begin();
}

// ---- Length and iteration
// ------------------------------------------------------------------------

std::optional<int64_t> LengthOf(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return static_cast<int64_t>(value.As<StringObject>().chars);
    case Kind::kList:
    case Kind::kTuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::kDict:
      return static_cast<int64_t>(value.As<DictObject>().size());
    case Kind::kDictView:
      return LengthOf(value.As<DictViewObject>().dict);
    case Kind::kRange:
      return value.As<RangeObject>().length;
    default:
      return std::nullopt;
  }
}

int64_t Length(const Value& value) {
  const std::optional<int64_t> length = LengthOf(value);
  if (value.Is(Kind::kLoop)) Refuse("the length of a loop");
  if (!length) Fail("a value of type " + QuotedTypeName(value) + " has no length");
  return *length;
}

bool IsIterable(const Value& value) { return LengthOf(value) || value.Is(Kind::kIterator); }

Cursor::Cursor(Budget& budget, const Value& iterable) : budget_(&budget), iterable_(iterable) {
  if (iterable.Is(Kind::kLoop)) Refuse("iterating over a loop");
  if (!IsIterable(iterable))
    Fail("a value of type " + QuotedTypeName(iterable) + " cannot be iterated over");
}

bool Cursor::Next(Value* value) {
  budget_->Step();
  switch (iterable_.kind()) {
    case Kind::kString: {
      if (at_ >= iterable_.text().size()) return false;
      const std::size_t size = DecodeUtf8(iterable_.text().bytes().data(), at_).size;
      *value = CharacterFrom(*budget_, iterable_, at_, at_ + size);
      at_ += size;
      return true;
    }
    case Kind::kIterator: {
      // Shared: whoever asks next gets the next item.
      auto& iterator = iterable_.As<IteratorObject>();
      if (iterator.next >= iterator.items.size()) return false;
      *value = iterator.items[iterator.next++];
      return true;
    }
    default:
      break;
  }
  if (at_ >= static_cast<std::size_t>(*LengthOf(iterable_))) return false;
  const std::size_t at = at_++;
  switch (iterable_.kind()) {
    case Kind::kDict:
      *value = iterable_.As<DictObject>().items()[at].first;
      break;
    case Kind::kDictView:
      *value = EntryOf(*budget_, iterable_.As<DictViewObject>(), at);
      break;
    case Kind::kRange:
      *value = Value::Int(iterable_.As<RangeObject>().At(static_cast<int64_t>(at)));
      break;
    default:
      *value = iterable_.items()[at];
  }
  return true;
}

std::vector<Value> ToVector(Budget& budget, const Value& iterable) {
  std::vector<Value> items;
  Cursor cursor(budget, iterable);
  Charge charge(&budget, 0);
  for (Value item; cursor.Next(&item);) {
    charge.Grow(sizeof(Value));
    items.push_back(item);
  }
  return items;
}

// ---- Membership
// ----------------------------------------------------------------------------------

bool Contains(Budget& budget, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kString:
      return ContainsText(budget, container, item);
    case Kind::kDict:
      return container.As<DictObject>().Find(budget, item) != nullptr;
    case Kind::kDictView: {
      const auto& view = container.As<DictViewObject>();
      if (view.part == DictViewObject::Part::kKeys) return Contains(budget, view.dict, item);
      break;
    }
    default:
      break;
  }
  if (!IsIterable(container)) {
    Fail("'in' needs something to look in, not a value of type " + QuotedTypeName(container));
  }
  Cursor cursor(budget, container);
  for (Value other; cursor.Next(&other);) {
    if (Equal(budget, other, item)) return true;
  }
  return false;
}

// ---- Subscripts
// ----------------------------------------------------------------------------------

std::optional<Value> Subscript(Budget& budget, const Value& container, const Value& key) {
  budget.Step();
  switch (container.kind()) {
    case Kind::kUndefined:
      FailUndefined(container);
    case Kind::kDict: {
      const bool hashable = !key.Is(Kind::kList) && !key.Is(Kind::kDict);
      const Value* found = hashable ? container.As<DictObject>().Find(budget, key) : nullptr;
      if (found == nullptr) return std::nullopt;
      return *found;
    }
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
      break;
    default:
      return std::nullopt;
  }
  if (!key.IsInteger()) return std::nullopt;
  const std::optional<int64_t> index = IndexIn(key.integer(), *LengthOf(container));
  if (!index) return std::nullopt;
  if (container.Is(Kind::kRange)) return Value::Int(container.As<RangeObject>().At(*index));
  if (!container.IsString()) return container.items()[static_cast<std::size_t>(*index)];
  const auto& string = container.As<StringObject>();
  const Characters characters(budget, string);
  return CharacterFrom(budget, container, characters.ByteOf(*index), characters.ByteOf(*index + 1));
}

Value Slice(Budget& budget, const Value& container, const Value& start, const Value& stop,
            const Value& step) {
  if (container.IsUndefined()) FailUndefined(container);
  for (const Value* part : {&start, &stop, &step}) {
    if (part->IsUndefined()) FailUndefined(*part);
  }
  if (!container.IsString() && !container.IsSequence() && !container.Is(Kind::kRange)) {
    Fail("a value of type " + QuotedTypeName(container) + " cannot be sliced");
  }
  const SlicePlan plan = PlanSlice(*LengthOf(container), start, stop, step);
  if (container.Is(Kind::kRange)) {
    const auto& range = container.As<RangeObject>();
    if (plan.count == 0) return MakeRange(budget, 0, 0, 1);
    int64_t stride = 0, stop_at = 0;
    const int64_t first = range.At(plan.start);
    if (__builtin_mul_overflow(range.step, plan.step, &stride) ||
        __builtin_mul_overflow(stride, plan.count, &stop_at) ||
        __builtin_add_overflow(first, stop_at, &stop_at)) {
      Refuse("a slice of so wide a range");
    }
    return MakeRange(budget, first, stop_at, stride);
  }
  budget.Step(static_cast<uint64_t>(plan.count) / 8);
  if (container.IsSequence()) {
    std::vector<Value> items;
    items.reserve(static_cast<std::size_t>(plan.count));
    for (int64_t i = 0; i < plan.count; ++i) {
      items.push_back(container.items()[static_cast<std::size_t>(plan.start + i * plan.step)]);
    }
    return container.Is(Kind::kList) ? MakeList(&budget, std::move(items))
                                     : MakeTuple(&budget, std::move(items));
  }
  const auto& string = container.As<StringObject>();
  const Characters characters(budget, string);
  TextBuilder out(budget);
  if (plan.step == 1 && plan.count > 0) {
    out.Append(string.text, characters.ByteOf(plan.start),
               characters.ByteOf(plan.start + plan.count));
  } else {
    for (int64_t i = 0; i < plan.count; ++i) {
      const int64_t at = plan.start + i * plan.step;
      out.Append(string.text, characters.ByteOf(at), characters.ByteOf(at + 1));
    }
  }
  return MakeString(&budget, out.Finish(), string.markup);
}

}  // namespace fathom::jinja
