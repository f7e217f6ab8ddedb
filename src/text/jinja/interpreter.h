// Runs a Template. One Interpreter renders once: it holds the budget, the output and what must be
// taken apart at the end (a macro and the scope it was made in hold each other). Throws Fault; the
// place is in line().
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/format.h"
#include "text/jinja/value.h"

namespace fathom::jinja {

// The variables of a body. A name that is not here is looked for in the scope around it.
struct Scope {
  explicit Scope(Budget& its_budget) : budget(its_budget) { Clear(); }

  const Value* Find(int symbol) const;
  void Set(int symbol, Value value);
  void Clear();

  Budget& budget;
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<int, Value>> values;
  Charge charge;
};
using ScopePtr = std::shared_ptr<Scope>;

struct MacroObject : Object {
  const Node* node = nullptr;
  ScopePtr scope;
  Charge charge;
};

// A running loop, and after it what it was.
struct LoopObject : Object {
  const Node* node = nullptr;
  std::weak_ptr<Scope> scope;
  std::unique_ptr<Cursor> source;
  int64_t index0 = -1;
  int64_t depth0 = 0;
  Value current, before;
  std::vector<Value> ahead;  // items taken from the source early, in order
  std::size_t ahead_at = 0;
  std::optional<int64_t> length;
  std::vector<Value> last_changed;
  bool changed_before = false;
  Charge charge, ahead_charge, changed_charge;
};

class Interpreter {
 public:
  // `now` answers strftime_now and may be empty.
  Interpreter(const Template& source, const Limits& limits, std::function<std::tm()> now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void SetVariable(const std::string& name, Value value);
  Text Run();

  int line() const { return line_; }  // of what was evaluated last
  Budget& budget() { return budget_; }

  // ---- For filters and tests ----
  Value GetAttribute(const Value& object, const std::string& name);  // object.name
  Value GetItem(const Value& object, const Value& key);              // object[key]
  Value Call(const Value& callee, const Arguments& arguments);

 private:
  enum class Flow { kNormal, kBreak, kContinue };

  // ---- Statements (interpreter.cc) ----
  Flow Execute(const Body& body, const ScopePtr& scope);
  Flow Execute(const Node& node, const ScopePtr& scope);
  Flow RunLoop(const Node& node, const ScopePtr& scope, const Value& iterable, int64_t depth0);
  bool Pull(LoopObject& loop, const ScopePtr& scope, Value* item);
  bool PullFiltered(LoopObject& loop, const ScopePtr& scope, Value* item);
  void RunSetBlock(const Node& node, const ScopePtr& scope, Flow* flow);
  void RunCallBlock(const Node& node, const ScopePtr& scope);
  void Assign(const Expr& target, const Value& value, const ScopePtr& scope);
  // What `write` writes, as a value.
  template <class Write>
  Value Capture(Write write);
  ScopePtr NewScope(const ScopePtr& parent);
  Value MakeMacro(const Node& node, const ScopePtr& scope);
  Value CallMacro(const MacroObject& macro, const Arguments& arguments);
  void BindMacro(const MacroObject& macro, const Arguments& arguments, const ScopePtr& scope);
  Value LoopAttribute(const Value& loop, const std::string& name);
  int64_t LoopLength(LoopObject& loop);
  Value CallLoop(const Value& loop, const std::string& name, const Arguments& arguments);

  // ---- Expressions (expressions.cc) ----
  Value Evaluate(const Expr& expr, const ScopePtr& scope);
  Value Lookup(const Expr& name, const ScopePtr& scope);
  Value EvaluateDict(const Expr& expr, const ScopePtr& scope);
  Value EvaluateSlice(const Expr& expr, const ScopePtr& scope);
  Value EvaluateCall(const Expr& expr, const ScopePtr& scope, const Value* caller);
  Value EvaluateFilter(const Expr& expr, const ScopePtr& scope);
  Value EvaluateTest(const Expr& expr, const ScopePtr& scope);
  Value EvaluateCompare(const Expr& expr, const ScopePtr& scope);
  Value EvaluateConcat(const Expr& expr, const ScopePtr& scope);
  Arguments EvaluateArguments(const CallArguments& arguments, const ScopePtr& scope);
  std::vector<Value> EvaluateAll(const std::vector<ExprPtr>& parts, const ScopePtr& scope);

  // ---- Global functions (globals.cc) ----
  Value CallGlobal(const std::string& name, const Arguments& arguments);
  Value MakeNamespace(const Arguments& arguments);
  Value MakeDict(const Arguments& arguments);
  Value FormatNow(const Arguments& arguments);
  void CheckNamespaceName(std::string_view name) const;

  const Template& template_;
  std::function<std::tm()> now_;
  Budget budget_;
  ScopePtr root_;
  TextBuilder* out_ = nullptr;
  const Value* block_text_ = nullptr;  // the input of the filters of a block
  int line_ = 1;
  int loop_symbol_ = -1, caller_symbol_ = -1, varargs_symbol_ = -1, kwargs_symbol_ = -1;
  // Kept to the end: these hold values that may hold them.
  std::vector<std::shared_ptr<MacroObject>> macros_;
  std::vector<std::shared_ptr<NamespaceObject>> namespaces_;
};

// Whether a global function has this name ("range", "namespace", ...).
bool IsGlobal(std::string_view name);

}  // namespace fathom::jinja
