// A parsed template. Names are numbered; Template::names has their texts. Nothing in here changes
// once parsed, so that many threads may render the same template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/operators.h"
#include "text/jinja/value.h"

namespace fathom::jinja {

// Expressions and tags nest at most this deep.
inline constexpr int kMaxDepth = 200;

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional;  // *expression; may be null
  ExprPtr more_named;       // **expression; may be null
};

enum class ExprKind {
  kConst,         // value
  kName,          // symbol
  kNamespaceRef,  // symbol.name; only as the target of a set
  kList,
  kTuple,
  kDict,       // parts: key, value, key, value, ...
  kAttribute,  // parts[0].name
  kItem,       // parts[0][parts[1]]
  kSlice,      // parts[0][parts[1]:parts[2]:parts[3]]; null where absent
  kCall,       // parts[0](arguments)
  kFilter,     // parts[0] | name(arguments); a null part is the text of the block around it
  kTest,       // parts[0] is name(arguments)
  kNot,
  kAnd,
  kOr,
  kCompare,  // parts[0] compares[0] parts[1] compares[1] parts[2] ...
  kBinary,   // parts[0] op parts[1]
  kConcat,   // parts joined by ~
  kNegate,
  kPlus,
  kCondition,  // parts[1] if parts[0] else parts[2], which may be null
};

enum class CompareOp { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct Expr {
  ExprKind kind = ExprKind::kConst;
  int line = 0;
  int depth = 1;  // of the tree below, for the bound on it
  Value value;
  int symbol = -1;
  std::string name;
  BinaryOp op = BinaryOp::kAdd;
  std::vector<CompareOp> compares;
  std::vector<ExprPtr> parts;
  std::unique_ptr<CallArguments> arguments;
};

struct Node;
using Body = std::vector<Node>;

// Of a macro or a call block.
struct Signature {
  std::string name;
  std::vector<int> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  // Whether the body speaks of these names; what is not spoken of is not accepted.
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

enum class NodeKind {
  kText,         // text
  kOutput,       // expression
  kIf,           // branches: condition (null for else) and body
  kFor,          // target, expression, filter; body; branches[0]: the else part
  kSet,          // target, expression
  kSetBlock,     // target, body, expression: the filters or null
  kMacro,        // symbol, signature, body
  kCallBlock,    // expression (a call), signature, body
  kFilterBlock,  // expression, body
  kWith,         // targets and values, body
  kScope,        // body in a scope of its own: {% generation %}
  kBreak,
  kContinue,
};

struct Branch {
  ExprPtr condition;
  Body body;
};

struct Node {
  NodeKind kind = NodeKind::kText;
  int line = 0;
  Value text;
  int symbol = -1;
  ExprPtr target;
  ExprPtr expression;
  ExprPtr filter;
  bool recursive = false;
  bool uses_loop = false;
  Body body;
  std::vector<Branch> branches;
  std::vector<std::pair<ExprPtr, ExprPtr>> assignments;
  std::unique_ptr<Signature> signature;
};

struct Template {
  std::string name;  // for messages
  Body body;
  std::vector<std::string> names;  // by symbol
};

}  // namespace fathom::jinja
