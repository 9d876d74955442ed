// The parser: tokens to nodes, by recursive descent. Internal to its two files, one for expressions and one for
// statements.
#pragma once
#include <initializer_list>
#include <string>
#include <vector>

#include "base/keyed_hash.h"
#include "jinja/lexer.h"
#include "jinja/nodes.h"

namespace ingot::jinja {

class Parser {
 public:
  explicit Parser(std::string_view source);
  std::unique_ptr<Program> run();

 private:
  // Counts how deep the parser is inside itself, for as long as it lives.
  class Nesting {
   public:
    explicit Nesting(Parser& p) : parser_(p) {
      if (++parser_.depth_ > max_nesting)
        parser_.fail("the template is nested too deeply", "", "at most " + std::to_string(max_nesting) + " levels");
    }
    ~Nesting() { parser_.depth_--; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };

  // ---- tokens
  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool at_op(std::string_view op) const { return now().is(TokenKind::op, op); }
  bool at_name(std::string_view name) const { return now().is(TokenKind::name, name); }
  bool skip_op(std::string_view op) { return at_op(op) && (take(), true); }
  bool skip_name(std::string_view name) { return at_name(name) && (take(), true); }
  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  std::string expect_identifier();
  void expect(TokenKind kind, const char* spelling);
  [[noreturn]] void fail(const std::string& what, const std::string& got = "", const std::string& expected = "",
                         const std::string& advice = "") const;
  [[noreturn]] void unexpected(const std::string& expected) const;

  template <typename T, typename... Parts> T* make(int line, Parts&&... parts) {
    auto node = std::make_unique<T>(std::forward<Parts>(parts)...);
    T* plain = node.get();
    plain->line = line;
    program_->nodes.push_back(std::move(node));
    return plain;
  }
  NameId name_id(const std::string& name);
  StringRef constant(std::string_view text) const {
    return std::make_shared<const String>(nullptr, Text(text, Origin::of_template()));
  }

  // ---- expressions, loosest first
  Expr expression(bool with_condition = true);
  Expr conditional();
  Expr either();
  Expr both();
  Expr negation();
  Expr comparison();
  Expr sum();
  Expr concatenation();
  Expr product();
  Expr power();
  Expr unary(bool with_filters = true);
  Expr primary();
  Expr postfix(Expr e);
  Expr filters(Expr e);
  Expr filter(Expr input);
  Expr test(Expr input);
  Expr subscript(Expr object);
  Expr tuple(bool with_condition, bool in_parentheses);
  Expr number(const Token& token);
  Expr list_display();
  Expr dict_display();
  CallArguments call_arguments();
  const Call* call(Expr callee);

  // ---- statements
  Body body(std::initializer_list<std::string_view> ends);
  const Statement* statement();
  const Statement* if_statement(int line);
  const Statement* for_statement(int line);
  const Statement* set_statement(int line);
  const Statement* macro_statement(int line);
  const Statement* call_statement(int line);
  const Statement* filter_statement(int line);
  const Statement* with_statement(int line);
  const Statement* block_statement(int line, std::string_view end);
  const Statement* jump_statement(int line, Flow flow);
  void parameters(MacroDefinition& macro);
  void macro_body(MacroDefinition& macro, std::string_view end);
  Target target(bool with_attribute);
  Target single_target(bool with_attribute);
  void end_block() { expect(TokenKind::block_end, "%}"); }

  std::unique_ptr<Program> program_ = std::make_unique<Program>();
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
  HashMap<std::string, NameId> ids_;
  // Whether the macro that is being read speaks of these, as bits of `Mentioned`.
  enum Mentioned : unsigned { varargs = 1, kwargs = 2, caller = 4 };
  unsigned mentioned_ = 0;
};

}  // namespace ingot::jinja
