// The lower half of the parser: tokens, expressions, and the book-keeping of the names, filters and
// tests they use. Statements are in parser.cc. Not for anyone else.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace fathom::jinja {

// After Jinja's grammar: the same precedences, and the same places where it is lenient. All of it
// throws SyntaxError.
class ExpressionParser {
 protected:
  explicit ExpressionParser(std::string_view source) : tokens_(Tokenize(source)) {}
  ~ExpressionParser() = default;

  using Names = std::initializer_list<std::string_view>;

  // ---- Tokens ----

  const Token& Now() const { return tokens_[at_]; }
  const Token& Following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& Take();
  bool Is(TokenType type) const { return Now().type == type; }
  bool IsOperator(std::string_view text) const;
  bool IsName(std::string_view text) const { return Is(TokenType::kName) && Now().text == text; }
  bool IsAnyName(Names names) const;
  bool SkipOperator(std::string_view text);
  bool SkipName(std::string_view text);
  std::string Describe() const;
  [[noreturn]] void Throw(const std::string& message) const;
  [[noreturn]] void Unsupported(const std::string& what) const;
  [[noreturn]] void Expected(const std::string& what) const;
  void ExpectOperator(std::string_view text);
  void ExpectName(std::string_view text);
  void ExpectBlockEnd();
  std::string TakeName(const std::string& what);

  int SymbolOf(const std::string& name);

  // One level of the grammar's recursion.
  class Level {
   public:
    explicit Level(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) parser_.TooDeep();
    }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };
  [[noreturn]] void TooDeep() const;

  // ---- Making expressions ----

  ExprPtr Make(ExprKind kind, int line) const;
  // Every expression passes here once its parts are known.
  ExprPtr Done(ExprPtr expr) const;
  template <class... Parts>
  ExprPtr Make(ExprKind kind, int line, Parts... parts) const {
    ExprPtr expr = Make(kind, line);
    (expr->parts.push_back(std::move(parts)), ...);
    return Done(std::move(expr));
  }
  ExprPtr Const(Value value, int line) const;
  ExprPtr Binary(BinaryOp op, int line, ExprPtr left, ExprPtr right) const;

  // ---- Expressions, from the loosest to the tightest ----

  ExprPtr ParseExpression(bool with_condition = true);
  ExprPtr ParseOr();
  ExprPtr ParseAnd();
  ExprPtr ParseNot();
  bool ReadCompare(CompareOp* op);
  ExprPtr ParseCompare();
  ExprPtr ParseSum();
  ExprPtr ParseConcat();
  ExprPtr ParseProduct();
  ExprPtr ParsePower();
  ExprPtr ParseUnary(bool with_filter);
  ExprPtr ParsePrimary(bool as_target);
  ExprPtr ParseNameOrConstant(bool as_target);
  ExprPtr ParseList(int line);
  ExprPtr ParseDict(int line);

  // Expressions with commas between them make a tuple. As a target only names and literals are
  // read.
  ExprPtr ParseTuple(bool with_condition, bool as_target, bool parenthesized);

  // ---- What follows an expression ----

  ExprPtr ParsePostfix(ExprPtr expr);
  ExprPtr ParseFiltersAndTests(ExprPtr expr);
  ExprPtr ParseSubscript(ExprPtr object);

  // One subscript; a slice has its object still missing.
  ExprPtr ParseKey(bool* sliced);
  std::unique_ptr<CallArguments> ParseArguments();
  ExprPtr ParseCall(ExprPtr callee);
  std::string ParseDottedName(const std::string& what);

  // One filter; the input is null for the text of a block.
  ExprPtr ParseFilter(ExprPtr input, bool with_bar = true);
  ExprPtr ParseTest(ExprPtr input);

  // ---- What names and filters are used ----

  void NoteUse(const std::string& name);

  // An unknown filter or test is a mistake of the template even where it is never reached, except
  // in the branches of an if.
  void CheckUses();

  struct Use {
    int line;
    const char* kind;
    std::string name;
    bool unknown;
    bool soft;
  };

  const std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;         // loops around here that a break can end
  bool soft_ = false;     // inside a branch that may not be run
  bool targets_ = false;  // names are being assigned to
  std::unordered_map<std::string, int> symbols_;
  std::vector<bool> loop_users_;        // for each loop around here
  std::vector<Signature*> signatures_;  // of the macros around here
  std::vector<Use> uses_;
};

}  // namespace fathom::jinja
