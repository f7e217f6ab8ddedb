#include "text/jinja/expression_parser.h"

#include "text/jinja/filters.h"

namespace fathom::jinja {

const Token& ExpressionParser::Take() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::IsOperator(std::string_view text) const {
  return Is(TokenType::kOperator) && Now().text == text;
}

bool ExpressionParser::IsAnyName(Names names) const {
  return std::any_of(names.begin(), names.end(), [this](std::string_view n) { return IsName(n); });
}

bool ExpressionParser::SkipOperator(std::string_view text) {
  if (!IsOperator(text)) return false;
  Take();
  return true;
}

bool ExpressionParser::SkipName(std::string_view text) {
  if (!IsName(text)) return false;
  Take();
  return true;
}

std::string ExpressionParser::Describe() const {
  switch (Now().type) {
    case TokenType::kEnd:
      return "the end of the template";
    case TokenType::kData:
      return "text";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    case TokenType::kString:
      return "a string";
    case TokenType::kInteger:
    case TokenType::kFloat:
      return "a number";
    default:
      return "'" + Now().text + "'";
  }
}

void ExpressionParser::Throw(const std::string& message) const {
  throw SyntaxError{Now().line, message};
}

void ExpressionParser::Unsupported(const std::string& what) const {
  throw SyntaxError{Now().line, what + " is not supported in chat templates", true};
}

void ExpressionParser::Expected(const std::string& what) const {
  Throw("expected " + what + ", found " + Describe());
}

void ExpressionParser::ExpectOperator(std::string_view text) {
  if (!SkipOperator(text)) Expected("'" + std::string(text) + "'");
}

void ExpressionParser::ExpectName(std::string_view text) {
  if (!SkipName(text)) Expected("'" + std::string(text) + "'");
}

void ExpressionParser::ExpectBlockEnd() {
  if (!Is(TokenType::kBlockEnd)) Expected("'%}'");
  Take();
}

std::string ExpressionParser::TakeName(const std::string& what) {
  if (!Is(TokenType::kName)) Expected(what);
  return Take().text;
}

int ExpressionParser::SymbolOf(const std::string& name) {
  return symbols_.emplace(name, static_cast<int>(symbols_.size())).first->second;
}

void ExpressionParser::TooDeep() const {
  Throw("expressions and tags nest deeper than " + std::to_string(kMaxDepth) + " levels");
}

ExprPtr ExpressionParser::Make(ExprKind kind, int line) const {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = line;
  return expr;
}

ExprPtr ExpressionParser::Done(ExprPtr expr) const {
  const auto look = [&](const ExprPtr& part) {
    if (part != nullptr) expr->depth = std::max(expr->depth, part->depth + 1);
  };
  for (const ExprPtr& part : expr->parts) look(part);
  if (expr->arguments != nullptr) {
    for (const ExprPtr& part : expr->arguments->positional) look(part);
    for (const auto& [name, part] : expr->arguments->named) look(part);
    look(expr->arguments->more_positional);
    look(expr->arguments->more_named);
  }
  if (expr->depth > kMaxDepth) TooDeep();
  return expr;
}

ExprPtr ExpressionParser::Const(Value value, int line) const {
  ExprPtr expr = Make(ExprKind::kConst, line);
  expr->value = std::move(value);
  return expr;
}

ExprPtr ExpressionParser::Binary(BinaryOp op, int line, ExprPtr left, ExprPtr right) const {
  ExprPtr expr = Make(ExprKind::kBinary, line, std::move(left), std::move(right));
  expr->op = op;
  return expr;
}

ExprPtr ExpressionParser::ParseExpression(bool with_condition) {
  const Level level(*this);
  const int line = Now().line;
  const std::size_t first = uses_.size();
  ExprPtr expr = ParseOr();
  while (with_condition && SkipName("if")) {
    // What follows an "if" may be left out at run time, and so may what stands before it: unknown
    // filters in there are found only then.
    for (std::size_t i = first; i < uses_.size(); ++i) uses_[i].soft = true;
    ExprPtr condition = ParseOr();
    ExprPtr otherwise;
    if (SkipName("else")) otherwise = ParseExpression();
    for (std::size_t i = first; i < uses_.size(); ++i) uses_[i].soft = true;
    expr = Make(ExprKind::kCondition, line, std::move(condition), std::move(expr),
                std::move(otherwise));
  }
  return expr;
}

ExprPtr ExpressionParser::ParseOr() {
  const int line = Now().line;
  ExprPtr left = ParseAnd();
  while (SkipName("or")) left = Make(ExprKind::kOr, line, std::move(left), ParseAnd());
  return left;
}

ExprPtr ExpressionParser::ParseAnd() {
  const int line = Now().line;
  ExprPtr left = ParseNot();
  while (SkipName("and")) left = Make(ExprKind::kAnd, line, std::move(left), ParseNot());
  return left;
}

ExprPtr ExpressionParser::ParseNot() {
  const int line = Now().line;
  if (!SkipName("not")) return ParseCompare();
  const Level level(*this);
  return Make(ExprKind::kNot, line, ParseNot());
}

bool ExpressionParser::ReadCompare(CompareOp* op) {
  static const std::unordered_map<std::string_view, CompareOp> kOps = {
      {"==", CompareOp::kEqual},  {"!=", CompareOp::kNotEqual},
      {"<", CompareOp::kLess},    {"<=", CompareOp::kLessEqual},
      {">", CompareOp::kGreater}, {">=", CompareOp::kGreaterEqual}};
  if (Is(TokenType::kOperator)) {
    const auto found = kOps.find(Now().text);
    if (found == kOps.end()) return false;
    *op = found->second;
  } else if (IsName("in")) {
    *op = CompareOp::kIn;
  } else if (IsName("not") && Following().type == TokenType::kName && Following().text == "in") {
    *op = CompareOp::kNotIn;
    Take();
  } else {
    return false;
  }
  Take();
  return true;
}

ExprPtr ExpressionParser::ParseCompare() {
  const int line = Now().line;
  ExprPtr left = ParseSum();
  CompareOp op;
  if (!ReadCompare(&op)) return left;
  ExprPtr expr = Make(ExprKind::kCompare, line);
  expr->parts.push_back(std::move(left));
  do {
    expr->compares.push_back(op);
    expr->parts.push_back(ParseSum());
  } while (ReadCompare(&op));
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParseSum() {
  const int line = Now().line;
  ExprPtr left = ParseConcat();
  while (IsOperator("+") || IsOperator("-")) {
    const BinaryOp op = Take().text == "+" ? BinaryOp::kAdd : BinaryOp::kSub;
    left = Binary(op, line, std::move(left), ParseConcat());
  }
  return left;
}

ExprPtr ExpressionParser::ParseConcat() {
  const int line = Now().line;
  ExprPtr first = ParseProduct();
  if (!IsOperator("~")) return first;
  ExprPtr expr = Make(ExprKind::kConcat, line);
  expr->parts.push_back(std::move(first));
  while (SkipOperator("~")) expr->parts.push_back(ParseProduct());
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParseProduct() {
  const int line = Now().line;
  ExprPtr left = ParsePower();
  while (IsOperator("*") || IsOperator("/") || IsOperator("//") || IsOperator("%")) {
    const std::string sign = Take().text;
    const BinaryOp op = sign == "*"    ? BinaryOp::kMul
                        : sign == "/"  ? BinaryOp::kDiv
                        : sign == "//" ? BinaryOp::kFloorDiv
                                       : BinaryOp::kMod;
    left = Binary(op, line, std::move(left), ParsePower());
  }
  return left;
}

ExprPtr ExpressionParser::ParsePower() {
  const int line = Now().line;
  ExprPtr left = ParseUnary(true);
  while (SkipOperator("**")) {
    left = Binary(BinaryOp::kPow, line, std::move(left), ParseUnary(true));
  }
  return left;
}

ExprPtr ExpressionParser::ParseUnary(bool with_filter) {
  const Level level(*this);
  const int line = Now().line;
  ExprPtr expr;
  if (SkipOperator("-")) {
    expr = Make(ExprKind::kNegate, line, ParseUnary(false));
  } else if (SkipOperator("+")) {
    expr = Make(ExprKind::kPlus, line, ParseUnary(false));
  } else {
    expr = ParsePrimary(false);
  }
  expr = ParsePostfix(std::move(expr));
  return with_filter ? ParseFiltersAndTests(std::move(expr)) : std::move(expr);
}

ExprPtr ExpressionParser::ParsePrimary(bool as_target) {
  const int line = Now().line;
  switch (Now().type) {
    case TokenType::kName:
      return ParseNameOrConstant(as_target);
    case TokenType::kString: {
      std::string text = Take().text;
      while (Is(TokenType::kString)) text += Take().text;
      return Const(MakeString(nullptr, std::move(text), Origin::kTemplate), line);
    }
    case TokenType::kInteger:
      return Const(Value::Int(Take().integer), line);
    case TokenType::kFloat:
      return Const(Value::Float(Take().number), line);
    default:
      break;
  }
  if (SkipOperator("(")) {
    ExprPtr expr = ParseTuple(true, false, true);
    ExpectOperator(")");
    return expr;
  }
  if (SkipOperator("[")) return ParseList(line);
  if (SkipOperator("{")) return ParseDict(line);
  Expected("an expression");
}

ExprPtr ExpressionParser::ParseNameOrConstant(bool as_target) {
  const int line = Now().line;
  const std::string name = Take().text;
  if (name == "true" || name == "True") return Const(Value::Bool(true), line);
  if (name == "false" || name == "False") return Const(Value::Bool(false), line);
  if (name == "none" || name == "None") return Const(Value::None(), line);
  ExprPtr expr = Make(ExprKind::kName, line);
  expr->symbol = SymbolOf(name);
  expr->name = name;
  if (as_target && SkipOperator(".")) {
    expr->kind = ExprKind::kNamespaceRef;
    expr->name = TakeName("the name of an attribute");
    return expr;
  }
  NoteUse(name);
  return expr;
}

ExprPtr ExpressionParser::ParseList(int line) {
  ExprPtr expr = Make(ExprKind::kList, line);
  while (!IsOperator("]")) {
    if (!expr->parts.empty()) ExpectOperator(",");
    if (IsOperator("]")) break;
    expr->parts.push_back(ParseExpression());
  }
  ExpectOperator("]");
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParseDict(int line) {
  ExprPtr expr = Make(ExprKind::kDict, line);
  while (!IsOperator("}")) {
    if (!expr->parts.empty()) ExpectOperator(",");
    if (IsOperator("}")) break;
    expr->parts.push_back(ParseExpression());
    ExpectOperator(":");
    expr->parts.push_back(ParseExpression());
  }
  ExpectOperator("}");
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParseTuple(bool with_condition, bool as_target, bool parenthesized) {
  const int line = Now().line;
  std::vector<ExprPtr> parts;
  bool is_tuple = false;
  while (true) {
    if (!parts.empty()) ExpectOperator(",");
    if (Is(TokenType::kVariableEnd) || Is(TokenType::kBlockEnd) || IsOperator(")")) {
      break;
    }
    parts.push_back(as_target ? ParsePrimary(true) : ParseExpression(with_condition));
    if (!IsOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !parts.empty()) return std::move(parts[0]);
  if (!is_tuple && !parenthesized) Expected("an expression");
  ExprPtr expr = Make(ExprKind::kTuple, line);
  expr->parts = std::move(parts);
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParsePostfix(ExprPtr expr) {
  while (true) {
    if (IsOperator(".") || IsOperator("[")) {
      expr = ParseSubscript(std::move(expr));
    } else if (IsOperator("(")) {
      expr = ParseCall(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr ExpressionParser::ParseFiltersAndTests(ExprPtr expr) {
  while (true) {
    if (IsOperator("|")) {
      expr = ParseFilter(std::move(expr));
    } else if (IsName("is")) {
      expr = ParseTest(std::move(expr));
    } else if (IsOperator("(")) {
      expr = ParseCall(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr ExpressionParser::ParseSubscript(ExprPtr object) {
  const int line = Now().line;
  if (Take().text == ".") {
    if (Is(TokenType::kName)) {
      ExprPtr expr = Make(ExprKind::kAttribute, line, std::move(object));
      expr->name = Take().text;
      return expr;
    }
    if (!Is(TokenType::kInteger)) Expected("a name or a number after '.'");
    return Make(ExprKind::kItem, line, std::move(object), Const(Value::Int(Take().integer), line));
  }
  std::vector<ExprPtr> keys;
  bool sliced = false;
  while (!IsOperator("]")) {
    if (!keys.empty()) ExpectOperator(",");
    keys.push_back(ParseKey(&sliced));
  }
  ExpectOperator("]");
  if (sliced) {
    if (keys.size() != 1) Unsupported("a slice among other subscripts");
    keys[0]->parts[0] = std::move(object);
    return Done(std::move(keys[0]));
  }
  if (keys.size() == 1) {
    return Make(ExprKind::kItem, line, std::move(object), std::move(keys[0]));
  }
  ExprPtr tuple = Make(ExprKind::kTuple, line);
  tuple->parts = std::move(keys);
  return Make(ExprKind::kItem, line, std::move(object), Done(std::move(tuple)));
}

ExprPtr ExpressionParser::ParseKey(bool* sliced) {
  const int line = Now().line;
  ExprPtr start, stop, step;
  if (!IsOperator(":")) {
    start = ParseExpression();
    if (!IsOperator(":")) return start;
  }
  *sliced = true;
  const auto part_follows = [this] { return !IsOperator("]") && !IsOperator(","); };
  Take();
  if (!IsOperator(":") && part_follows()) stop = ParseExpression();
  if (SkipOperator(":") && part_follows()) step = ParseExpression();
  return Make(ExprKind::kSlice, line, ExprPtr(), std::move(start), std::move(stop),
              std::move(step));
}

std::unique_ptr<CallArguments> ExpressionParser::ParseArguments() {
  auto arguments = std::make_unique<CallArguments>();
  const auto ensure = [this](bool valid) {
    if (!valid) Throw("the arguments of a call are in the wrong order");
  };
  ExpectOperator("(");
  for (bool first = true; !IsOperator(")"); first = false) {
    if (!first) ExpectOperator(",");
    if (IsOperator(")")) break;
    const bool starred = arguments->more_positional != nullptr;
    const bool double_starred = arguments->more_named != nullptr;
    if (SkipOperator("*")) {
      ensure(!starred && !double_starred);
      arguments->more_positional = ParseExpression();
    } else if (SkipOperator("**")) {
      ensure(!double_starred);
      arguments->more_named = ParseExpression();
    } else if (Is(TokenType::kName) && Following().type == TokenType::kOperator &&
               Following().text == "=") {
      ensure(!double_starred);
      const std::string name = Take().text;
      Take();
      for (const auto& known : arguments->named) {
        if (known.first == name) Throw("the argument '" + name + "' is given twice");
      }
      arguments->named.emplace_back(name, ParseExpression());
    } else {
      ensure(!starred && !double_starred && arguments->named.empty());
      arguments->positional.push_back(ParseExpression());
    }
  }
  ExpectOperator(")");
  return arguments;
}

ExprPtr ExpressionParser::ParseCall(ExprPtr callee) {
  ExprPtr expr = Make(ExprKind::kCall, Now().line, std::move(callee));
  expr->arguments = ParseArguments();
  return Done(std::move(expr));
}

std::string ExpressionParser::ParseDottedName(const std::string& what) {
  std::string name = TakeName(what);
  while (SkipOperator(".")) name += "." + TakeName(what);
  return name;
}

ExprPtr ExpressionParser::ParseFilter(ExprPtr input, bool with_bar) {
  if (with_bar) ExpectOperator("|");
  const int line = Now().line;
  ExprPtr expr = Make(ExprKind::kFilter, line, std::move(input));
  expr->name = ParseDottedName("the name of a filter");
  uses_.push_back({line, "filter", expr->name, !IsFilter(expr->name), soft_});
  expr->arguments = std::make_unique<CallArguments>();
  if (IsOperator("(")) expr->arguments = ParseArguments();
  return Done(std::move(expr));
}

ExprPtr ExpressionParser::ParseTest(ExprPtr input) {
  const int line = Take().line;
  const bool negated = SkipName("not");
  ExprPtr expr = Make(ExprKind::kTest, line, std::move(input));
  expr->name = ParseDottedName("the name of a test");
  uses_.push_back({line, "test", expr->name, !IsTest(expr->name), soft_});
  expr->arguments = std::make_unique<CallArguments>();
  const bool opens = IsOperator("[") || IsOperator("{");
  if (IsOperator("(")) {
    expr->arguments = ParseArguments();
  } else if (opens || Is(TokenType::kString) || Is(TokenType::kInteger) || Is(TokenType::kFloat) ||
             (Is(TokenType::kName) && !IsAnyName({"else", "or", "and"}))) {
    if (IsName("is")) Throw("tests with 'is' cannot be chained");
    expr->arguments->positional.push_back(ParsePostfix(ParsePrimary(false)));
  }
  expr = Done(std::move(expr));
  if (negated) expr = Make(ExprKind::kNot, line, std::move(expr));
  return expr;
}

void ExpressionParser::NoteUse(const std::string& name) {
  if (targets_) return;
  if (name == "loop" && !loop_users_.empty()) {
    // The innermost loop around it is meant; outer ones keep their variable at little cost.
    for (std::size_t i = 0; i < loop_users_.size(); ++i) loop_users_[i] = true;
  }
  for (Signature* signature : signatures_) {
    signature->uses_caller |= name == "caller";
    signature->uses_varargs |= name == "varargs";
    signature->uses_kwargs |= name == "kwargs";
  }
}

void ExpressionParser::CheckUses() {
  for (const Use& use : uses_) {
    if (use.unknown && !use.soft) {
      throw SyntaxError{use.line,
                        "there is no " + std::string(use.kind) + " named '" + use.name + "'"};
    }
  }
  uses_.clear();
}

}  // namespace fathom::jinja
