// Statements: output, assignments, branches, loops, macros. Expressions are in expressions.cc.
#include "text/jinja/interpreter.h"

#include <algorithm>

#include "text/jinja/arguments.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"

namespace fathom::jinja {

const Value* Scope::Find(int symbol) const {
  for (const auto& [known, value] : values) {
    if (known == symbol) return &value;
  }
  return nullptr;
}

void Scope::Set(int symbol, Value value) {
  budget.Step(values.size() / 64);
  for (auto& [known, old] : values) {
    if (known == symbol) {
      old = std::move(value);
      return;
    }
  }
  charge.Grow(2 * sizeof(values[0]));  // a vector has up to as much again in reserve
  values.emplace_back(symbol, std::move(value));
}

void Scope::Clear() {
  values.clear();
  charge = Charge(&budget, sizeof(Scope));
}

Interpreter::Interpreter(const Template& source, const Limits& limits, std::function<std::tm()> now)
    : template_(source),
      now_(std::move(now)),
      budget_(limits),
      root_(std::make_shared<Scope>(budget_)) {
  for (std::size_t i = 0; i < source.names.size(); ++i) {
    const int symbol = static_cast<int>(i);
    if (source.names[i] == "loop") loop_symbol_ = symbol;
    if (source.names[i] == "caller") caller_symbol_ = symbol;
    if (source.names[i] == "varargs") varargs_symbol_ = symbol;
    if (source.names[i] == "kwargs") kwargs_symbol_ = symbol;
  }
}

Interpreter::~Interpreter() {
  // First apart, then away: nothing that goes holds anything more.
  std::vector<ScopePtr> scopes;
  std::vector<DictObject> attributes;
  for (const auto& macro : macros_) scopes.push_back(std::move(macro->scope));
  for (const auto& space : namespaces_) {
    attributes.push_back(std::exchange(space->attributes, DictObject()));
  }
}

void Interpreter::SetVariable(const std::string& name, Value value) {
  const auto found = std::find(template_.names.begin(), template_.names.end(), name);
  if (found == template_.names.end()) return;  // the template never asks for it
  root_->Set(static_cast<int>(found - template_.names.begin()), std::move(value));
}

Text Interpreter::Run() {
  TextBuilder out(budget_);
  out_ = &out;
  // The template's own variables stand before those it is given.
  Execute(template_.body, NewScope(root_));
  return out.Finish();
}

ScopePtr Interpreter::NewScope(const ScopePtr& parent) {
  auto scope = std::make_shared<Scope>(budget_);
  scope->parent = parent;
  return scope;
}

template <class Write>
Value Interpreter::Capture(Write write) {
  TextBuilder captured(budget_);
  TextBuilder* const outer = std::exchange(out_, &captured);
  struct Restore {
    TextBuilder*& out;
    TextBuilder* outer;
    ~Restore() { out = outer; }
  } restore{out_, outer};
  write();
  return MakeString(&budget_, captured.Finish());
}

// ---- Bodies
// --------------------------------------------------------------------------------------

Interpreter::Flow Interpreter::Execute(const Body& body, const ScopePtr& scope) {
  for (const Node& node : body) {
    const Flow flow = Execute(node, scope);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const Node& node, const ScopePtr& scope) {
  const Budget::Level level(budget_);
  budget_.Step();
  line_ = node.line;
  switch (node.kind) {
    case NodeKind::kText:
      out_->Append(node.text.text());
      break;
    case NodeKind::kOutput:
      AppendStr(budget_, Evaluate(*node.expression, scope), *out_);
      break;
    case NodeKind::kIf:
      for (const Branch& branch : node.branches) {
        if (branch.condition == nullptr || Truth(Evaluate(*branch.condition, scope))) {
          return Execute(branch.body, scope);
        }
      }
      break;
    case NodeKind::kFor:
      return RunLoop(node, scope, Evaluate(*node.expression, scope), 0);
    case NodeKind::kSet:
      Assign(*node.target, Evaluate(*node.expression, scope), scope);
      break;
    case NodeKind::kSetBlock: {
      Flow flow = Flow::kNormal;
      RunSetBlock(node, scope, &flow);
      return flow;
    }
    case NodeKind::kMacro:
      scope->Set(node.symbol, MakeMacro(node, scope));
      break;
    case NodeKind::kCallBlock:
      RunCallBlock(node, scope);
      break;
    case NodeKind::kFilterBlock: {
      Flow flow = Flow::kNormal;
      const Value text = Capture([&] { flow = Execute(node.body, NewScope(scope)); });
      if (flow != Flow::kNormal) return flow;
      const Value* const outer = std::exchange(block_text_, &text);
      const Value filtered = Evaluate(*node.expression, scope);
      block_text_ = outer;
      AppendStr(budget_, filtered, *out_);
      break;
    }
    case NodeKind::kWith: {
      const ScopePtr inner = NewScope(scope);
      for (const auto& [target, value] : node.assignments) {
        Assign(*target, Evaluate(*value, scope), inner);
      }
      return Execute(node.body, inner);
    }
    case NodeKind::kScope:
      return Execute(node.body, NewScope(scope));
    case NodeKind::kBreak:
      return Flow::kBreak;
    case NodeKind::kContinue:
      return Flow::kContinue;
  }
  if (out_->size() > budget_.limits().output) {
    throw Fault(
        "the prompt is longer than " + std::to_string(budget_.limits().output >> 20) + " MiB",
        ErrorCode::kUnsupported);
  }
  return Flow::kNormal;
}

void Interpreter::RunSetBlock(const Node& node, const ScopePtr& scope, Flow* flow) {
  const Value text = Capture([&] { *flow = Execute(node.body, NewScope(scope)); });
  if (*flow != Flow::kNormal) return;
  if (node.expression == nullptr) return Assign(*node.target, text, scope);
  const Value* const outer = std::exchange(block_text_, &text);
  const Value filtered = Evaluate(*node.expression, scope);
  block_text_ = outer;
  Assign(*node.target, filtered, scope);
}

void Interpreter::Assign(const Expr& target, const Value& value, const ScopePtr& scope) {
  budget_.Step();
  if (target.kind == ExprKind::kName) return scope->Set(target.symbol, value);
  if (target.kind == ExprKind::kNamespaceRef) {
    const Value space = Lookup(target, scope);
    if (!space.Is(Kind::kNamespace)) {
      Fail("'" + template_.names[static_cast<std::size_t>(target.symbol)] +
           "' is no namespace, so its attribute '" + target.name + "' cannot be set");
    }
    CheckNamespaceName(target.name);
    auto& object = space.As<NamespaceObject>();
    const Value name = MakeString(&budget_, target.name, Origin::kTemplate);
    object.nesting = NestingAround(value, object.nesting);
    object.attributes.Set(budget_, name, value);
    return;
  }
  // A tuple takes an iterable apart.
  const std::vector<Value> items = ToVector(budget_, value);
  if (items.size() != target.parts.size()) {
    Fail("expected " + std::to_string(target.parts.size()) + " values to assign, found " +
         std::to_string(items.size()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) Assign(*target.parts[i], items[i], scope);
}

// ---- Loops
// ---------------------------------------------------------------------------------------

// The next item that the loop's own filter lets through.
bool Interpreter::PullFiltered(LoopObject& loop, const ScopePtr& scope, Value* item) {
  while (loop.source->Next(item)) {
    if (loop.node->filter == nullptr) return true;
    const ScopePtr inner = NewScope(scope);
    Assign(*loop.node->target, *item, inner);
    if (Truth(Evaluate(*loop.node->filter, inner))) return true;
  }
  return false;
}

bool Interpreter::Pull(LoopObject& loop, const ScopePtr& scope, Value* item) {
  if (loop.ahead_at < loop.ahead.size()) {
    *item = std::exchange(loop.ahead[loop.ahead_at++], Value());
    if (loop.ahead_at == loop.ahead.size()) {
      loop.ahead.clear();
      loop.ahead_charge = Charge(&budget_, 0);
      loop.ahead_at = 0;
    }
    return true;
  }
  return PullFiltered(loop, scope, item);
}

Interpreter::Flow Interpreter::RunLoop(const Node& node, const ScopePtr& scope,
                                       const Value& iterable, int64_t depth0) {
  auto loop = std::make_shared<LoopObject>();
  loop->charge = Charge(&budget_, sizeof(LoopObject) + sizeof(Cursor));
  loop->ahead_charge = Charge(&budget_, 0);
  loop->node = &node;
  loop->scope = scope;
  loop->source = std::make_unique<Cursor>(budget_, iterable);
  loop->nesting = NestingAround(iterable);
  loop->depth0 = depth0;
  // What an ended loop knows is not needed any more, and might hold the loop itself.
  struct End {
    LoopObject& loop;
    ~End() { loop.last_changed.clear(); }
  } end{*loop};
  ScopePtr inner;
  bool completed = false;  // an iteration that ended with neither break nor continue
  for (Value item; Pull(*loop, scope, &item);) {
    ++loop->index0;
    loop->before = std::exchange(loop->current, item);
    if (inner != nullptr && inner.use_count() == 1) {
      inner->Clear();
    } else {
      inner = NewScope(scope);
    }
    if (node.uses_loop) inner->Set(loop_symbol_, Value(Kind::kLoop, loop));
    Assign(*node.target, item, inner);
    const Flow flow = Execute(node.body, inner);
    if (flow == Flow::kBreak) break;
    completed |= flow == Flow::kNormal;
  }
  if (completed || node.branches.empty()) return Flow::kNormal;
  return Execute(node.branches[0].body, NewScope(scope));
}

int64_t Interpreter::LoopLength(LoopObject& loop) {
  if (loop.length) return *loop.length;
  const std::optional<int64_t> known = LengthOf(loop.source->iterable());
  if (known && loop.node->filter == nullptr) {
    loop.length = known;
    return *known;
  }
  const ScopePtr scope = loop.scope.lock();
  for (Value item; scope != nullptr && PullFiltered(loop, scope, &item);) {
    loop.ahead_charge.Grow(sizeof(Value));
    loop.ahead.push_back(item);
  }
  loop.length = loop.index0 + 1 + static_cast<int64_t>(loop.ahead.size() - loop.ahead_at);
  return *loop.length;
}

Value Interpreter::LoopAttribute(const Value& value, const std::string& name) {
  auto& loop = value.As<LoopObject>();
  const auto peek = [&]() -> const Value* {
    if (loop.ahead_at == loop.ahead.size()) {
      const ScopePtr scope = loop.scope.lock();
      Value item;
      if (scope == nullptr || !PullFiltered(loop, scope, &item)) return nullptr;
      loop.ahead_charge.Grow(sizeof(Value));
      loop.ahead.push_back(item);
    }
    return &loop.ahead[loop.ahead_at];
  };
  if (name == "index") return Value::Int(loop.index0 + 1);
  if (name == "index0") return Value::Int(loop.index0);
  if (name == "first") return Value::Bool(loop.index0 == 0);
  if (name == "last") return Value::Bool(peek() == nullptr);
  if (name == "length") return Value::Int(LoopLength(loop));
  if (name == "revindex") return Value::Int(LoopLength(loop) - loop.index0);
  if (name == "revindex0") return Value::Int(LoopLength(loop) - loop.index0 - 1);
  if (name == "depth") return Value::Int(loop.depth0 + 1);
  if (name == "depth0") return Value::Int(loop.depth0);
  if (name == "previtem") {
    return loop.index0 == 0 ? MakeUndefined(budget_, "there is no previous item") : loop.before;
  }
  if (name == "nextitem") {
    const Value* next = peek();
    return next == nullptr ? MakeUndefined(budget_, "there is no next item") : *next;
  }
  if (name == "cycle" || name == "changed") return MakeMethod(budget_, value, name);
  return MakeUndefined(budget_, "a loop has no attribute '" + name + "'");
}

Value Interpreter::CallLoop(const Value& value, const std::string& name,
                            const Arguments& arguments) {
  auto& loop = value.As<LoopObject>();
  if (!arguments.named.empty()) Fail("loop." + name + "() takes no named arguments");
  if (name == "cycle") {
    if (arguments.positional.empty()) Fail("loop.cycle() needs something to cycle through");
    return arguments
        .positional[static_cast<std::size_t>(loop.index0) % arguments.positional.size()];
  }
  bool same = loop.changed_before && loop.last_changed.size() == arguments.positional.size();
  for (std::size_t i = 0; same && i < loop.last_changed.size(); ++i) {
    same = Equal(budget_, loop.last_changed[i], arguments.positional[i]);
  }
  loop.changed_before = true;
  loop.changed_charge = Charge(&budget_, sizeof(Value) * arguments.positional.size());
  loop.last_changed = arguments.positional;
  return Value::Bool(!same);
}

// ---- Macros
// --------------------------------------------------------------------------------------

Value Interpreter::MakeMacro(const Node& node, const ScopePtr& scope) {
  auto macro = std::make_shared<MacroObject>();
  // The scope lives as long as the macro, that is to the end; its values count for themselves.
  macro->charge = Charge(&budget_, sizeof(MacroObject) + 64);
  macro->node = &node;
  macro->scope = scope;
  macros_.push_back(macro);
  return {Kind::kMacro, std::move(macro)};
}

void Interpreter::RunCallBlock(const Node& node, const ScopePtr& scope) {
  const Value caller = MakeMacro(node, scope);
  AppendStr(budget_, EvaluateCall(*node.expression, scope, &caller), *out_);
}

void Interpreter::BindMacro(const MacroObject& macro, const Arguments& arguments,
                            const ScopePtr& scope) {
  const Signature& signature = *macro.node->signature;
  const std::size_t count = signature.parameters.size();
  const std::size_t given = std::min(arguments.positional.size(), count);
  std::vector<std::pair<std::string, Value>> named = arguments.named;
  const Charge charge(&budget_, sizeof(named[0]) * named.size());
  const auto take = [&](const std::string& name, Value* value) {
    budget_.Step(named.size() / 8);
    for (auto at = named.begin(); at != named.end(); ++at) {
      if (at->first == name) {
        *value = at->second;
        named.erase(at);
        return true;
      }
    }
    return false;
  };
  for (std::size_t i = 0; i < given; ++i) {
    scope->Set(signature.parameters[i], arguments.positional[i]);
  }
  bool explicit_caller = false;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = template_.names[static_cast<std::size_t>(signature.parameters[i])];
    explicit_caller |= name == "caller";
    if (i < given) continue;
    Value value;
    if (take(name, &value)) {
      scope->Set(signature.parameters[i], std::move(value));
    } else {
      missing.push_back(i);
    }
  }
  if (signature.uses_caller && !explicit_caller) {
    Value caller = MakeUndefined(budget_, "no caller is defined");
    take("caller", &caller);
    scope->Set(caller_symbol_, std::move(caller));
  }
  if (signature.uses_kwargs) {
    DictBuilder rest(budget_);
    for (auto& [name, value] : named)
      rest.Set(MakeString(&budget_, name, Origin::kTemplate), value);
    scope->Set(kwargs_symbol_, rest.Finish());
  } else if (!named.empty()) {
    Fail("the macro '" + signature.name + "' has no parameter '" + named.front().first + "'");
  }
  const bool too_many = arguments.positional.size() > count;
  if (signature.uses_varargs) {
    std::vector<Value> rest;
    if (too_many) {
      rest.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                  arguments.positional.end());
    }
    scope->Set(varargs_symbol_, MakeTuple(&budget_, std::move(rest)));
  } else if (too_many) {
    Fail("the macro '" + signature.name + "' takes at most " + std::to_string(count) +
         " arguments, not " + std::to_string(arguments.positional.size()));
  }
  // Defaults see the parameters before them.
  const std::size_t first_default = count - signature.defaults.size();
  for (const std::size_t i : missing) {
    const std::string& name = template_.names[static_cast<std::size_t>(signature.parameters[i])];
    scope->Set(signature.parameters[i],
               i < first_default
                   ? MakeUndefined(budget_, "the parameter '" + name + "' was not given")
                   : Evaluate(*signature.defaults[i - first_default], scope));
  }
}

Value Interpreter::CallMacro(const MacroObject& macro, const Arguments& arguments) {
  const Budget::Level level(budget_);
  budget_.Step();
  const ScopePtr scope = NewScope(macro.scope);
  BindMacro(macro, arguments, scope);
  return Capture([&] { Execute(macro.node->body, scope); });
}

Value Interpreter::Call(const Value& callee, const Arguments& arguments) {
  switch (callee.kind()) {
    case Kind::kUndefined:
      FailUndefined(callee);
    case Kind::kMacro: {
      const int line = line_;
      Value result = CallMacro(callee.As<MacroObject>(), arguments);
      line_ = line;
      return result;
    }
    case Kind::kLoop: {
      auto& loop = callee.As<LoopObject>();
      const Bound bound("loop", arguments, {"iterable"}, 1);
      if (!loop.node->recursive) Fail("only a loop marked 'recursive' can be called");
      const ScopePtr scope = loop.scope.lock();
      if (scope == nullptr) Fail("a loop that has ended cannot be called");
      return Capture([&] { RunLoop(*loop.node, scope, *bound[0], loop.depth0 + 1); });
    }
    case Kind::kJoiner: {
      const Bound none("joiner", arguments, {}, 0);
      auto& joiner = callee.As<JoinerObject>();
      if (std::exchange(joiner.used, true)) return joiner.separator;
      return MakeString(nullptr, Text());
    }
    case Kind::kFunction:
      break;
    default:
      Fail("a value of type '" + std::string(TypeName(callee.kind())) + "' cannot be called");
  }
  const auto& function = callee.As<FunctionObject>();
  if (!function.bound) return CallGlobal(function.name, arguments);
  if (function.self.Is(Kind::kLoop)) return CallLoop(function.self, function.name, arguments);
  const FieldLookup lookup = [this](const Value& object, const std::string& name, bool attribute) {
    if (attribute) return GetAttribute(object, name);
    const bool number =
        name.find_first_not_of("0123456789") == std::string::npos && name.size() < 18;
    return GetItem(object, number ? Value::Int(std::stoll(name)) : MakeString(&budget_, name));
  };
  return CallMethod(budget_, function.self, function.name, arguments, lookup);
}

}  // namespace fathom::jinja
