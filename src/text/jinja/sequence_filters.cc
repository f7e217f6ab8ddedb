// Filters over lists, dicts and other iterables. Where Jinja gives a generator, an iterator over
// what is already computed is given here: it can be passed once and has no length.
#include <algorithm>
#include <unordered_map>

#include "text/jinja/arguments.h"
#include "text/jinja/casing.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"

namespace fathom::jinja {
namespace {

using In = Interpreter&;

// ---- Attributes by path
// --------------------------------------------------------------------------

// The keys of "user.name.0"; none for a missing or none attribute.
std::vector<Value> PathOf(In in, const Value* attribute) {
  std::vector<Value> path;
  if (attribute == nullptr || attribute->IsNone()) return path;
  if (!attribute->IsString()) return {*attribute};
  const std::string_view text = attribute->view();
  in.budget().Work(text.size());
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string part(text.substr(begin, end - begin));
    const bool number = !part.empty() && part.size() < 18 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    path.push_back(number ? Value::Int(std::stoll(part)) : MakeString(&in.budget(), part));
    if (end == text.size()) return path;
    begin = end + 1;
  }
}

Value Follow(In in, Value item, const std::vector<Value>& path, const Value* otherwise = nullptr) {
  for (const Value& key : path) {
    item = in.GetItem(item, key);
    if (otherwise != nullptr && !otherwise->IsNone() && item.IsUndefined()) item = *otherwise;
  }
  return item;
}

Value WithoutCase(In in, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.IsString()) return value;
  return MakeString(&in.budget(), ChangeCase(in.budget(), value.text(), CaseChange::kLower));
}

struct Keyed {
  Value key, item;
};

void SortByKey(In in, std::vector<Keyed>& items, bool reverse) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? Less(in.budget(), b.key, a.key) : Less(in.budget(), a.key, b.key);
  });
}

Value ItemsOf(In in, std::vector<Keyed> items) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (Keyed& one : items) values.push_back(std::move(one.item));
  return MakeList(&in.budget(), std::move(values));
}

// ---- Order
// ---------------------------------------------------------------------------------------

Value Sort(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  // "a,b" sorts by a, then by b.
  std::vector<std::vector<Value>> paths;
  if (bound[2] != nullptr && bound[2]->IsString()) {
    const std::string_view text = bound[2]->view();
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const Value one = MakeString(&in.budget(), std::string(text.substr(begin, end - begin)));
      paths.push_back(PathOf(in, &one));
      begin = end + 1;
    }
  } else {
    paths.push_back(PathOf(in, bound[2]));
  }
  std::vector<Keyed> items;
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    std::vector<Value> keys;
    for (const auto& path : paths) {
      keys.push_back(WithoutCase(in, Follow(in, item, path), bound.Flag(1)));
    }
    items.push_back({MakeList(&in.budget(), std::move(keys)), item});
  }
  SortByKey(in, items, bound.Flag(0));
  return ItemsOf(in, std::move(items));
}

Value DictSort(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"}, 0);
  const std::string by = bound[1] == nullptr ? "key" : bound.String(1).text().bytes();
  if (by != "key" && by != "value") Fail("the filter 'dictsort' sorts by 'key' or 'value'");
  if (input.IsUndefined()) FailUndefined(input);
  if (!input.Is(Kind::kDict)) Fail("the filter 'dictsort' needs a dict");
  std::vector<Keyed> items;
  for (const auto& [key, value] : input.As<DictObject>().items()) {
    items.push_back({WithoutCase(in, by == "key" ? key : value, bound.Flag(0)),
                     MakeTuple(&in.budget(), {key, value})});
  }
  SortByKey(in, items, bound.Flag(2));
  return ItemsOf(in, std::move(items));
}

Value GroupBy(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const std::vector<Value> path = PathOf(in, bound[0]);
  std::vector<Keyed> items;
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    items.push_back({WithoutCase(in, Follow(in, item, path, bound[1]), bound.Flag(2)), item});
  }
  SortByKey(in, items, false);
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < items.size();) {
    std::size_t end = begin;
    std::vector<Value> members;
    while (end < items.size() && Equal(in.budget(), items[begin].key, items[end].key)) {
      members.push_back(items[end++].item);
    }
    if (end == begin) members.push_back(items[end++].item);  // a key unequal to itself
    const Value key = bound.Flag(2) ? items[begin].key : Follow(in, members[0], path, bound[1]);
    const Value group = MakeTuple(&in.budget(), {key, MakeList(&in.budget(), std::move(members))});
    group.As<SequenceObject>().group = true;
    groups.push_back(group);
    begin = end;
  }
  return MakeList(&in.budget(), std::move(groups));
}

Value Extreme(In in, const Value& input, const Arguments& arguments, bool greatest) {
  const Bound bound(greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"}, 0);
  const std::vector<Value> path = PathOf(in, bound[1]);
  Cursor cursor(in.budget(), input);
  Value best, best_key, item;
  bool found = false;
  while (cursor.Next(&item)) {
    const Value key = WithoutCase(in, Follow(in, item, path), bound.Flag(0));
    if (!found ||
        (greatest ? Less(in.budget(), best_key, key) : Less(in.budget(), key, best_key))) {
      best = item;
      best_key = key;
    }
    found = true;
  }
  return found ? best : MakeUndefined(in.budget(), "the sequence is empty and has no extreme item");
}

Value Unique(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"}, 0);
  const std::vector<Value> path = PathOf(in, bound[1]);
  DictBuilder builder(in.budget());
  const Value seen = builder.Finish();
  std::vector<Value> items;
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    const Value key = WithoutCase(in, Follow(in, item, path), bound.Flag(0));
    auto& keys = seen.As<DictObject>();
    if (keys.Find(in.budget(), key) != nullptr) continue;
    keys.Set(in.budget(), key, Value::None());
    items.push_back(item);
  }
  return MakeIterator(&in.budget(), std::move(items));
}

Value Reverse(In in, const Value& input, const Arguments& arguments) {
  const Bound none("reverse", arguments, {}, 0);
  if (input.IsString()) {
    return Slice(in.budget(), input, Value::None(), Value::None(), Value::Int(-1));
  }
  std::vector<Value> items = ToVector(in.budget(), input);
  std::reverse(items.begin(), items.end());
  return input.Is(Kind::kIterator) ? MakeList(&in.budget(), std::move(items))
                                   : MakeIterator(&in.budget(), std::move(items));
}

// ---- Single items
// --------------------------------------------------------------------------------

Value First(In in, const Value& input, const Arguments& arguments) {
  const Bound none("first", arguments, {}, 0);
  Cursor cursor(in.budget(), input);
  Value item;
  return cursor.Next(&item)
             ? item
             : MakeUndefined(in.budget(), "the sequence is empty and has no first item");
}

Value Last(In in, const Value& input, const Arguments& arguments) {
  const Bound none("last", arguments, {}, 0);
  if (input.Is(Kind::kIterator)) Fail("the filter 'last' needs a sequence, not a generator");
  const int64_t length = Length(input);
  if (length == 0) return MakeUndefined(in.budget(), "the sequence is empty and has no last item");
  if (!input.Is(Kind::kDict) && !input.Is(Kind::kDictView)) {
    return *Subscript(in.budget(), input, Value::Int(length - 1));
  }
  return ToVector(in.budget(), input).back();
}

Value LengthFilter(In, const Value& input, const Arguments& arguments) {
  const Bound none("length", arguments, {}, 0);
  return Value::Int(Length(input));
}

Value Sum(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"}, 0);
  const std::vector<Value> path = PathOf(in, bound[0]);
  Value sum = bound.Or(1, Value::Int(0));
  if (sum.IsString()) Fail("the filter 'sum' does not add strings");
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    sum = Apply(in.budget(), BinaryOp::kAdd, sum, Follow(in, item, path));
  }
  return sum;
}

// ---- Whole sequences
// -----------------------------------------------------------------------------

Value JoinFilter(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("join", arguments, {"d", "attribute"}, 0);
  const Value separator =
      bound[0] == nullptr ? MakeString(nullptr, Text()) : ToStr(in.budget(), *bound[0]);
  if (bound[1] == nullptr || bound[1]->IsNone()) return Join(in.budget(), separator, input, true);
  const std::vector<Value> path = PathOf(in, bound[1]);
  std::vector<Value> items = ToVector(in.budget(), input);
  for (Value& item : items) item = Follow(in, item, path);
  return Join(in.budget(), separator, MakeList(&in.budget(), std::move(items)), true);
}

Value ToList(In in, const Value& input, const Arguments& arguments) {
  const Bound none("list", arguments, {}, 0);
  return MakeList(&in.budget(), ToVector(in.budget(), input));
}

Value Items(In in, const Value& input, const Arguments& arguments) {
  const Bound none("items", arguments, {}, 0);
  if (input.IsUndefined()) return MakeIterator(&in.budget(), {});
  if (!input.Is(Kind::kDict)) Fail("the filter 'items' needs a dict");
  const Value view = MakeDictView(in.budget(), input, DictViewObject::Part::kItems);
  return MakeIterator(&in.budget(), ToVector(in.budget(), view));
}

Value Batch(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t size = bound.Integer(0, 1);
  const bool fill = bound[1] != nullptr && !bound[1]->IsNone();
  std::vector<Value> rows, row;
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    if (static_cast<int64_t>(row.size()) == size) {
      rows.push_back(MakeList(&in.budget(), std::exchange(row, {})));
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    for (; fill && static_cast<int64_t>(row.size()) < size; in.budget().Step()) {
      row.push_back(*bound[1]);
    }
    rows.push_back(MakeList(&in.budget(), std::move(row)));
  }
  return MakeIterator(&in.budget(), std::move(rows));
}

Value SliceFilter(In in, const Value& input, const Arguments& arguments) {
  const Bound bound("slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t slices = bound.Integer(0, 1);
  if (slices == 0) Fail("the filter 'slice' cannot make 0 slices");
  const std::vector<Value> items = ToVector(in.budget(), input);
  const auto size = static_cast<int64_t>(items.size());
  const bool fill = bound[1] != nullptr && !bound[1]->IsNone();
  const int64_t each = slices > 0 ? size / slices : 0;
  const int64_t longer = slices > 0 ? size % slices : 0;
  std::vector<Value> rows;
  int64_t begin = 0;
  for (int64_t i = 0; i < slices; ++i) {
    in.budget().Step();
    const int64_t end = begin + each + (i < longer ? 1 : 0);
    std::vector<Value> row(items.begin() + begin, items.begin() + end);
    if (fill && i >= longer) row.push_back(*bound[1]);
    rows.push_back(MakeList(&in.budget(), std::move(row)));
    begin = end;
  }
  return MakeIterator(&in.budget(), std::move(rows));
}

// ---- Filters and tests over items
// ----------------------------------------------------------------

// The arguments from `first` on.
Arguments Rest(const Arguments& arguments, std::size_t first) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(first),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

std::string NameIn(const Arguments& arguments, std::size_t index, const char* what) {
  const Value& name = arguments.positional[index];
  if (!name.IsString()) Fail(std::string("the name of a ") + what + " must be a string");
  return std::string(name.view());
}

Value Map(In in, const Value& input, const Arguments& arguments) {
  std::vector<Value> results;
  if (!Truth(input) && !input.Is(Kind::kIterator)) return MakeIterator(&in.budget(), {});
  Cursor cursor(in.budget(), input);
  if (arguments.positional.empty() && !arguments.named.empty()) {
    const Bound bound("map", arguments, {"attribute", "default"}, 1);
    const std::vector<Value> path = PathOf(in, bound[0]);
    for (Value item; cursor.Next(&item);) results.push_back(Follow(in, item, path, bound[1]));
    return MakeIterator(&in.budget(), std::move(results));
  }
  if (arguments.positional.empty()) Fail("the filter 'map' needs a filter or an attribute");
  const std::string name = NameIn(arguments, 0, "filter");
  const Arguments rest = Rest(arguments, 1);
  for (Value item; cursor.Next(&item);) results.push_back(CallFilter(in, name, item, rest));
  return MakeIterator(&in.budget(), std::move(results));
}

Value Choose(In in, const Value& input, const Arguments& arguments, bool by_attribute, bool keep) {
  std::vector<Value> chosen;
  if (!Truth(input) && !input.Is(Kind::kIterator)) return MakeIterator(&in.budget(), {});
  const std::size_t skip = by_attribute ? 1 : 0;
  if (arguments.positional.size() < skip) Fail("the name of an attribute is missing");
  const std::vector<Value> path = PathOf(in, by_attribute ? &arguments.positional[0] : nullptr);
  const bool has_test = arguments.positional.size() > skip;
  const std::string name = has_test ? NameIn(arguments, skip, "test") : "";
  const Arguments rest = has_test ? Rest(arguments, skip + 1) : Arguments();
  Cursor cursor(in.budget(), input);
  for (Value item; cursor.Next(&item);) {
    const Value looked = Follow(in, item, path);
    const bool passes = has_test ? CallTest(in, name, looked, rest) : Truth(looked);
    if (passes == keep) chosen.push_back(item);
  }
  return MakeIterator(&in.budget(), std::move(chosen));
}

const std::unordered_map<std::string_view, Filter> kSequenceFilters = {
    {"batch", Batch},
    {"count", LengthFilter},
    {"dictsort", DictSort},
    {"first", First},
    {"groupby", GroupBy},
    {"items", Items},
    {"join", JoinFilter},
    {"last", Last},
    {"length", LengthFilter},
    {"list", ToList},
    {"map", Map},
    {"max", [](In in, const Value& v, const Arguments& a) { return Extreme(in, v, a, true); }},
    {"min", [](In in, const Value& v, const Arguments& a) { return Extreme(in, v, a, false); }},
    {"reject",
     [](In in, const Value& v, const Arguments& a) { return Choose(in, v, a, false, false); }},
    {"rejectattr",
     [](In in, const Value& v, const Arguments& a) { return Choose(in, v, a, true, false); }},
    {"reverse", Reverse},
    {"select",
     [](In in, const Value& v, const Arguments& a) { return Choose(in, v, a, false, true); }},
    {"selectattr",
     [](In in, const Value& v, const Arguments& a) { return Choose(in, v, a, true, true); }},
    {"slice", SliceFilter},
    {"sort", Sort},
    {"sum", Sum},
    {"unique", Unique},
};

}  // namespace

void AddSequenceFilterNames(std::vector<std::string_view>& names) {
  for (const auto& [name, filter] : kSequenceFilters) names.push_back(name);
}

Filter FindSequenceFilter(std::string_view name) {
  const auto found = kSequenceFilters.find(name);
  return found == kSequenceFilters.end() ? nullptr : found->second;
}

}  // namespace fathom::jinja
