// Expressions of the interpreter.
#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"

namespace fathom::jinja {

Value Interpreter::Evaluate(const Expr& expr, const ScopePtr& scope) {
  const Budget::Level level(budget_);
  budget_.Step();
  line_ = expr.line;
  switch (expr.kind) {
    case ExprKind::kConst:
      return expr.value;
    case ExprKind::kName:
    case ExprKind::kNamespaceRef:
      return Lookup(expr, scope);
    case ExprKind::kList:
      return MakeList(&budget_, EvaluateAll(expr.parts, scope));
    case ExprKind::kTuple:
      return MakeTuple(&budget_, EvaluateAll(expr.parts, scope));
    case ExprKind::kDict:
      return EvaluateDict(expr, scope);
    case ExprKind::kAttribute:
      return GetAttribute(Evaluate(*expr.parts[0], scope), expr.name);
    case ExprKind::kItem: {
      const Value object = Evaluate(*expr.parts[0], scope);
      return GetItem(object, Evaluate(*expr.parts[1], scope));
    }
    case ExprKind::kSlice:
      return EvaluateSlice(expr, scope);
    case ExprKind::kCall:
      return EvaluateCall(expr, scope, nullptr);
    case ExprKind::kFilter:
      return EvaluateFilter(expr, scope);
    case ExprKind::kTest:
      return EvaluateTest(expr, scope);
    case ExprKind::kNot:
      return Value::Bool(!Truth(Evaluate(*expr.parts[0], scope)));
    case ExprKind::kAnd: {
      Value left = Evaluate(*expr.parts[0], scope);
      return Truth(left) ? Evaluate(*expr.parts[1], scope) : left;
    }
    case ExprKind::kOr: {
      Value left = Evaluate(*expr.parts[0], scope);
      return Truth(left) ? left : Evaluate(*expr.parts[1], scope);
    }
    case ExprKind::kCompare:
      return EvaluateCompare(expr, scope);
    case ExprKind::kBinary: {
      const Value left = Evaluate(*expr.parts[0], scope);
      const Value right = Evaluate(*expr.parts[1], scope);
      line_ = expr.line;
      return Apply(budget_, expr.op, left, right);
    }
    case ExprKind::kConcat:
      return EvaluateConcat(expr, scope);
    case ExprKind::kNegate:
      return Negate(Evaluate(*expr.parts[0], scope));
    case ExprKind::kPlus:
      return Plus(Evaluate(*expr.parts[0], scope));
    case ExprKind::kCondition:
      if (Truth(Evaluate(*expr.parts[0], scope))) return Evaluate(*expr.parts[1], scope);
      if (expr.parts[2] != nullptr) return Evaluate(*expr.parts[2], scope);
      return MakeUndefined(budget_, "the 'if' without 'else' was false");
  }
  return {};
}

Value Interpreter::Lookup(const Expr& name, const ScopePtr& scope) {
  const Value* found = nullptr;
  std::size_t passed = 0;  // scopes and variables
  for (const Scope* at = scope.get(); at != nullptr && found == nullptr; at = at->parent.get()) {
    found = at->Find(name.symbol);
    passed += 8 + at->values.size();
  }
  budget_.Step(passed / 64);
  if (found != nullptr) return *found;
  const std::string& text = template_.names[static_cast<std::size_t>(name.symbol)];
  if (IsGlobal(text)) return MakeFunction(budget_, text);
  return MakeUndefined(budget_, "'" + text + "' is undefined");
}

std::vector<Value> Interpreter::EvaluateAll(const std::vector<ExprPtr>& parts,
                                            const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const ExprPtr& part : parts) values.push_back(Evaluate(*part, scope));
  return values;
}

Value Interpreter::EvaluateDict(const Expr& expr, const ScopePtr& scope) {
  DictBuilder dict(budget_);
  for (std::size_t i = 0; i + 1 < expr.parts.size(); i += 2) {
    const Value key = Evaluate(*expr.parts[i], scope);
    dict.Set(key, Evaluate(*expr.parts[i + 1], scope));
  }
  return dict.Finish();
}

Value Interpreter::EvaluateSlice(const Expr& expr, const ScopePtr& scope) {
  const Value object = Evaluate(*expr.parts[0], scope);
  Value bounds[3] = {Value::None(), Value::None(), Value::None()};
  for (std::size_t i = 0; i < 3; ++i) {
    if (expr.parts[i + 1] != nullptr) bounds[i] = Evaluate(*expr.parts[i + 1], scope);
  }
  return Slice(budget_, object, bounds[0], bounds[1], bounds[2]);
}

Value Interpreter::EvaluateConcat(const Expr& expr, const ScopePtr& scope) {
  TextBuilder out(budget_);
  for (const ExprPtr& part : expr.parts) AppendStr(budget_, Evaluate(*part, scope), out);
  return MakeString(&budget_, out.Finish());
}

Value Interpreter::EvaluateCompare(const Expr& expr, const ScopePtr& scope) {
  Value left = Evaluate(*expr.parts[0], scope);
  for (std::size_t i = 0; i < expr.compares.size(); ++i) {
    Value right = Evaluate(*expr.parts[i + 1], scope);
    bool holds = false;
    switch (expr.compares[i]) {
      case CompareOp::kEqual:
        holds = Equal(budget_, left, right);
        break;
      case CompareOp::kNotEqual:
        holds = !Equal(budget_, left, right);
        break;
      case CompareOp::kLess:
        holds = Less(budget_, left, right);
        break;
      case CompareOp::kLessEqual:
        holds = Less(budget_, left, right, true);
        break;
      case CompareOp::kGreater:
        holds = Less(budget_, right, left);
        break;
      case CompareOp::kGreaterEqual:
        holds = Less(budget_, right, left, true);
        break;
      case CompareOp::kIn:
        holds = Contains(budget_, right, left);
        break;
      case CompareOp::kNotIn:
        holds = !Contains(budget_, right, left);
        break;
    }
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

// ---- Calls
// ---------------------------------------------------------------------------------------

// What a named argument takes beside the bytes of its name.
constexpr std::size_t kNamedBytes = sizeof(std::pair<std::string, Value>);

Arguments Interpreter::EvaluateArguments(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments result;
  result.charge = Charge(&budget_, 0);
  result.positional = EvaluateAll(arguments.positional, scope);
  for (const auto& [name, value] : arguments.named) {
    result.named.emplace_back(name, Evaluate(*value, scope));
    result.charge.Grow(kNamedBytes + name.size());
  }
  if (arguments.more_positional != nullptr) {
    for (Value& value : ToVector(budget_, Evaluate(*arguments.more_positional, scope))) {
      result.positional.push_back(std::move(value));
      result.charge.Grow(sizeof(Value));
    }
  }
  if (arguments.more_named != nullptr) {
    const Value more = Evaluate(*arguments.more_named, scope);
    if (!more.Is(Kind::kDict)) Fail("what follows '**' in a call must be a dict");
    for (const auto& [key, value] : more.As<DictObject>().items()) {
      if (!key.IsString()) Fail("the names of arguments must be strings");
      // Each is compared with those before it, and copied.
      budget_.Step(result.named.size() / 8 + key.text().size() / 64);
      result.charge.Grow(kNamedBytes + key.text().size());
      const auto same = [&key = key](const auto& known) { return known.first == key.view(); };
      if (std::any_of(result.named.begin(), result.named.end(), same)) {
        Fail("the argument '" + std::string(key.view()) + "' is given twice");
      }
      result.named.emplace_back(key.view(), value);
    }
  }
  return result;
}

Value Interpreter::EvaluateCall(const Expr& expr, const ScopePtr& scope, const Value* caller) {
  const Value callee = Evaluate(*expr.parts[0], scope);
  Arguments arguments = EvaluateArguments(*expr.arguments, scope);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = expr.line;
  return Call(callee, arguments);
}

Value Interpreter::EvaluateFilter(const Expr& expr, const ScopePtr& scope) {
  const Value input = expr.parts[0] == nullptr ? *block_text_ : Evaluate(*expr.parts[0], scope);
  const Arguments arguments = EvaluateArguments(*expr.arguments, scope);
  line_ = expr.line;
  return CallFilter(*this, expr.name, input, arguments);
}

Value Interpreter::EvaluateTest(const Expr& expr, const ScopePtr& scope) {
  const Value input = Evaluate(*expr.parts[0], scope);
  const Arguments arguments = EvaluateArguments(*expr.arguments, scope);
  line_ = expr.line;
  return Value::Bool(CallTest(*this, expr.name, input, arguments));
}

// ---- Attributes
// ----------------------------------------------------------------------------------

Value Interpreter::GetAttribute(const Value& object, const std::string& name) {
  budget_.Step();
  if (object.Is(Kind::kLoop)) return LoopAttribute(object, name);
  if (object.Is(Kind::kMacro)) {
    const Signature& signature = *object.As<MacroObject>().node->signature;
    if (name == "name") return MakeString(&budget_, signature.name, Origin::kTemplate);
    if (name == "arguments") Refuse("the attribute 'arguments' of a macro");
  }
  if (std::optional<Value> found = Attribute(budget_, object, name)) return *found;
  if (object.Is(Kind::kDict)) {
    if (const Value* found = object.As<DictObject>().Find(budget_, std::string_view(name)))
      return *found;
  }
  return MakeUndefined(budget_, "a value of type '" + std::string(TypeName(object.kind())) +
                                    "' has no attribute '" + name + "'");
}

Value Interpreter::GetItem(const Value& object, const Value& key) {
  if (std::optional<Value> found = Subscript(budget_, object, key)) return *found;
  if (key.IsString()) {
    budget_.Work(key.text().size());
    const std::string name(key.view());
    if (object.Is(Kind::kLoop)) return LoopAttribute(object, name);
    if (std::optional<Value> found = Attribute(budget_, object, name)) return *found;
  }
  TextBuilder shown(budget_);
  if (key.IsString() || key.IsNumber()) AppendRepr(budget_, key, shown);
  return MakeUndefined(budget_, "a value of type '" + std::string(TypeName(object.kind())) +
                                    "' has no item " + shown.Finish().bytes());
}

}  // namespace fathom::jinja
