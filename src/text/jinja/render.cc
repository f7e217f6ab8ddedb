#include "text/jinja/render.h"

#include "base/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/value.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

Value DataString(Budget& budget, const std::string& text) {
  std::string clean;
  AppendUtf8(text, clean);
  return MakeString(&budget, std::move(clean), Origin::kData);
}

Value FromJson(Budget& budget, const OrderedJson& json) {
  const Budget::Level level(budget);
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return Value::Bool(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return Value::Int(json.get<int64_t>());
    case OrderedJson::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
        Refuse("an integer beyond 64 bits");
      }
      return Value::Int(json.get<int64_t>());
    case OrderedJson::value_t::number_float:
      return Value::Float(json.get<double>());
    case OrderedJson::value_t::string:
      return DataString(budget, json.get_ref<const std::string&>());
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      for (const OrderedJson& item : json) items.push_back(FromJson(budget, item));
      return MakeList(&budget, std::move(items));
    }
    case OrderedJson::value_t::object: {
      DictBuilder dict(budget);
      for (const auto& [key, value] : json.items()) {
        dict.Set(DataString(budget, key), FromJson(budget, value));
      }
      return dict.Finish();
    }
    default:
      return Value::None();
  }
}

// Long conversations are worked on for longer.
std::size_t CountValues(const OrderedJson& json) {
  std::size_t count = 1;
  if (json.is_structured()) {
    for (const OrderedJson& item : json) count += CountValues(item);
  }
  return count;
}

Limits LimitsFor(const Inputs& inputs) {
  constexpr uint64_t kStepsPerValue = 1000;
  Limits limits = inputs.limits;
  for (const auto& [name, value] : inputs.data) limits.steps += kStepsPerValue * CountValues(value);
  return limits;
}

// One printable line of bounded length.
std::string Line(const std::string& message) {
  constexpr std::size_t kLongest = 500;
  std::string clean;
  AppendUtf8(message, clean);
  if (clean.size() > kLongest) {
    std::size_t end = kLongest;
    while ((static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
    clean.resize(end);
    clean += "...";
  }
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  while (!clean.empty() && (clean.back() == ' ' || clean.back() == '.')) clean.pop_back();
  return clean;
}

}  // namespace

std::vector<TextSpan> Render(const Template& source, const Inputs& inputs) {
  Interpreter interpreter(source, LimitsFor(inputs), inputs.now);
  try {
    for (const auto& [name, text] : inputs.tokens) {
      interpreter.SetVariable(name, MakeString(nullptr, text, Origin::kTemplate));
    }
    for (const auto& [name, value] : inputs.data) {
      interpreter.SetVariable(name, FromJson(interpreter.budget(), value));
    }
    const Text text = interpreter.Run();
    const Charge charge(&interpreter.budget(), text.size() + sizeof(TextSpan) * text.runs().size());
    std::vector<TextSpan> spans;
    std::size_t begin = 0;
    for (const OriginRun& run : text.runs()) {
      spans.push_back(
          {text.bytes().substr(begin, run.end - begin), run.origin == Origin::kTemplate});
      begin = run.end;
    }
    return spans;
  } catch (const Fault& fault) {
    throw Error(fault.code(), source.name + ", line " + std::to_string(interpreter.line()) + ": " +
                                  Line(fault.what()));
  }
}

}  // namespace fathom::jinja
