// Statements, by recursive descent. Expressions are in expression_parser.cc.
#include "text/jinja/parser.h"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "text/jinja/expression_parser.h"

namespace fathom::jinja {
namespace {

class Parser : private ExpressionParser {
 public:
  Parser(std::string_view source, Template& result) : ExpressionParser(source), result_(result) {}

  void Run() {
    result_.body = ParseBody({});
    if (!Is(TokenType::kEnd)) Throw("expected the end of the template, found " + Describe());
    result_.names.resize(symbols_.size());
    for (const auto& [name, symbol] : symbols_) {
      result_.names[static_cast<std::size_t>(symbol)] = name;
    }
  }

 private:
  // Up to one of the tags in `ends`, which is left for the caller with "{%" taken.
  Body ParseBody(Names ends) {
    Body body;
    while (!Is(TokenType::kEnd)) {
      const int line = Now().line;
      if (Is(TokenType::kData)) {
        body.push_back(MakeNode(NodeKind::kText, line));
        body.back().text = MakeString(nullptr, Take().text, Origin::kTemplate);
      } else if (Is(TokenType::kVariableBegin)) {
        Take();
        body.push_back(MakeNode(NodeKind::kOutput, line));
        body.back().expression = ParseTuple(true, false, false);
        if (!Is(TokenType::kVariableEnd)) Expected("'}}'");
        Take();
        CheckUses();
      } else {
        Take();  // "{%": nothing else is outside of tags
        if (IsAnyName(ends)) return body;
        ParseStatement(body);
        ExpectBlockEnd();
        CheckUses();
      }
    }
    if (ends.size() > 0) {
      std::string names;
      for (const std::string_view end : ends) {
        names += std::string(names.empty() ? "" : " or ") + "'" + std::string(end) + "'";
      }
      Expected(names);
    }
    return body;
  }

  // The body of a tag whose own parts are read.
  Body ParseBlock(Names ends) {
    SkipOperator(":");
    ExpectBlockEnd();
    CheckUses();
    return ParseBody(ends);
  }

  static Node MakeNode(NodeKind kind, int line) {
    Node node;
    node.kind = kind;
    node.line = line;
    return node;
  }

  void ParseStatement(Body& body) {
    const Level level(*this);
    const int line = Now().line;
    const std::string tag = TakeName("the name of a tag");
    using Method = void (Parser::*)(Node&);
    struct Tag {
      NodeKind kind;
      Method parse;
    };
    static const std::unordered_map<std::string_view, Tag> kTags = {
        {"for", {NodeKind::kFor, &Parser::ParseFor}},
        {"if", {NodeKind::kIf, &Parser::ParseIf}},
        {"set", {NodeKind::kSet, &Parser::ParseSet}},
        {"macro", {NodeKind::kMacro, &Parser::ParseMacro}},
        {"call", {NodeKind::kCallBlock, &Parser::ParseCallBlock}},
        {"filter", {NodeKind::kFilterBlock, &Parser::ParseFilterBlock}},
        {"with", {NodeKind::kWith, &Parser::ParseWith}},
        {"generation", {NodeKind::kScope, &Parser::ParseGeneration}},
        {"break", {NodeKind::kBreak, &Parser::ParseLoopControl}},
        {"continue", {NodeKind::kContinue, &Parser::ParseLoopControl}},
    };
    const auto found = kTags.find(tag);
    if (found != kTags.end()) {
      Node node = MakeNode(found->second.kind, line);
      (this->*found->second.parse)(node);
      body.push_back(std::move(node));
    } else if (tag == "print") {
      ParsePrint(body);
    } else {
      at_ = at_ == 0 ? 0 : at_ - 1;
      for (const std::string_view other :
           {"extends", "include", "import", "from", "block", "autoescape"}) {
        if (tag == other) Unsupported("the tag '" + tag + "'");
      }
      Expected("a tag that Jinja knows");
    }
  }

  // What compiles into a Python function or scope of its own: loop controls do not reach out of a
  // function, and what is only possibly run is decided anew.
  template <class Parse>
  auto Inside(int loops, Parse parse) {
    const int outer_loops = std::exchange(loops_, loops);
    const bool outer_soft = std::exchange(soft_, false);
    auto result = parse();
    loops_ = outer_loops;
    soft_ = outer_soft;
    return result;
  }

  void ParseFor(Node& node) {
    node.target = ParseTarget(false);
    ExpectName("in");
    node.expression = ParseTuple(false, false, false);
    if (SkipName("if")) node.filter = ParseExpression();
    node.recursive = SkipName("recursive");
    node.uses_loop = node.recursive;
    loop_users_.push_back(false);
    node.body = Inside(loops_ + 1, [this] { return ParseBlock({"endfor", "else"}); });
    node.uses_loop |= loop_users_.back();
    loop_users_.pop_back();
    if (Take().text == "else") {
      node.branches.emplace_back();
      node.branches.back().body = Inside(loops_, [this] { return ParseBlock({"endfor"}); });
      Take();
    }
  }

  void ParseIf(Node& node) {
    while (true) {
      const bool outer_soft = std::exchange(soft_, true);
      node.branches.emplace_back();
      node.branches.back().condition = ParseTuple(false, false, false);
      node.branches.back().body = ParseBlock({"elif", "else", "endif"});
      const std::string end = Take().text;
      if (end == "else") {
        node.branches.emplace_back();
        node.branches.back().body = ParseBlock({"endif"});
        Take();
      }
      soft_ = outer_soft;
      if (end != "elif") return;
    }
  }

  ExprPtr ParseTarget(bool with_namespace) {
    ExprPtr target = ParseTargetTuple(with_namespace);
    CheckTarget(*target);
    return target;
  }

  ExprPtr ParseTargetTuple(bool with_namespace) {
    targets_ = true;
    ExprPtr target = ParseTuple(false, true, false);
    targets_ = false;
    if (!with_namespace && HasNamespaceRef(*target)) {
      Throw("only 'set' may assign to an attribute");
    }
    return target;
  }

  static bool HasNamespaceRef(const Expr& target) {
    if (target.kind == ExprKind::kNamespaceRef) return true;
    return target.kind == ExprKind::kTuple &&
           std::any_of(target.parts.begin(), target.parts.end(),
                       [](const ExprPtr& part) { return HasNamespaceRef(*part); });
  }

  void CheckTarget(const Expr& target) const {
    if (target.kind == ExprKind::kTuple || target.kind == ExprKind::kList) {
      if (target.kind == ExprKind::kList) Throw("a list cannot be assigned to");
      for (const ExprPtr& part : target.parts) CheckTarget(*part);
    } else if (target.kind != ExprKind::kName && target.kind != ExprKind::kNamespaceRef) {
      Throw("expected a name to assign to");
    }
  }

  void ParseSet(Node& node) {
    node.target = ParseTarget(true);
    if (SkipOperator("=")) {
      node.expression = ParseTuple(true, false, false);
      return;
    }
    node.kind = NodeKind::kSetBlock;
    while (IsOperator("|")) node.expression = ParseFilter(std::move(node.expression));
    node.body = Inside(loops_, [this] { return ParseBlock({"endset"}); });
    Take();
  }

  void ParseSignature(Signature& signature) {
    ExpectOperator("(");
    while (!IsOperator(")")) {
      if (!signature.parameters.empty()) ExpectOperator(",");
      signature.parameters.push_back(SymbolOf(TakeName("the name of a parameter")));
      if (SkipOperator("=")) {
        signature.defaults.push_back(ParseExpression());
      } else if (!signature.defaults.empty()) {
        Throw("a parameter without a default follows one with a default");
      }
    }
    ExpectOperator(")");
  }

  Body ParseMacroBody(Signature& signature, std::string_view end) {
    signatures_.push_back(&signature);
    Body body = Inside(0, [&] { return ParseBlock({end}); });
    signatures_.pop_back();
    Take();
    return body;
  }

  void ParseMacro(Node& node) {
    node.signature = std::make_unique<Signature>();
    node.signature->name = TakeName("the name of a macro");
    node.symbol = SymbolOf(node.signature->name);
    ParseSignature(*node.signature);
    node.body = ParseMacroBody(*node.signature, "endmacro");
  }

  void ParseCallBlock(Node& node) {
    node.signature = std::make_unique<Signature>();
    node.signature->name = "caller";
    if (IsOperator("(")) ParseSignature(*node.signature);
    node.expression = ParseExpression();
    if (node.expression->kind != ExprKind::kCall) Throw("expected a call");
    node.body = ParseMacroBody(*node.signature, "endcall");
  }

  void ParseFilterBlock(Node& node) {
    node.expression = ParseFilter(nullptr, false);
    while (IsOperator("|")) node.expression = ParseFilter(std::move(node.expression));
    node.body = Inside(loops_, [this] { return ParseBlock({"endfilter"}); });
    Take();
  }

  void ParseWith(Node& node) {
    while (!Is(TokenType::kBlockEnd)) {
      if (!node.assignments.empty()) ExpectOperator(",");
      ExprPtr target = ParseTarget(false);
      ExpectOperator("=");
      node.assignments.emplace_back(std::move(target), ParseExpression());
    }
    node.body = Inside(loops_, [this] { return ParseBlock({"endwith"}); });
    Take();
  }

  void ParseGeneration(Node& node) {
    node.body = Inside(0, [this] { return ParseBlock({"endgeneration"}); });
    Take();
  }

  void ParseLoopControl(Node& node) {
    if (loops_ == 0) {
      Throw(std::string(node.kind == NodeKind::kBreak ? "'break'" : "'continue'") +
            " stands outside of a loop");
    }
  }

  void ParsePrint(Body& body) {
    for (bool first = true; !Is(TokenType::kBlockEnd); first = false) {
      if (!first) ExpectOperator(",");
      body.push_back(MakeNode(NodeKind::kOutput, Now().line));
      body.back().expression = ParseExpression();
    }
  }

  Template& result_;
};

}  // namespace

Template Parse(std::string_view source, const std::string& name) {
  Template result;
  result.name = name;
  try {
    Parser(source, result).Run();
  } catch (const SyntaxError& error) {
    throw Error(error.unsupported ? ErrorCode::kUnsupported : ErrorCode::kInvalidFile,
                name + ", line " + std::to_string(error.line) + ": " + error.message);
  }
  return result;
}

}  // namespace fathom::jinja
