// What a template consists of: expressions, which give values, and statements, which write text. The parser makes them;
// a template owns all of them in one list, so that they refer to each other by plain pointers and a deep template is
// torn down without recursion.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/value.h"

namespace ingot::jinja {

class Renderer;

struct Node {
  virtual ~Node() = default;
  int line = 0;
};

struct Expression : Node {
  /// Called through Renderer::evaluate, which counts steps and depth.
  virtual Value value(Renderer& r) const = 0;
};
using Expr = const Expression*;

/// How a statement ended.
enum class Flow : uint8_t { next, break_loop, continue_loop };

struct Statement : Node {
  virtual Flow run(Renderer& r) const = 0;
};
using Body = std::vector<const Statement*>;

/// Variables are known by number.
using NameId = int;

// ---- expressions

struct Constant : Expression {
  explicit Constant(Value v) : constant(std::move(v)) {}
  Value value(Renderer&) const override { return constant; }
  Value constant;
};

struct Name : Expression {
  Name(NameId i, StringRef s) : id(i), spelling(std::move(s)) {}
  Value value(Renderer& r) const override;
  NameId id;
  StringRef spelling;
};

struct ListDisplay : Expression {  // [a, b] and (a, b)
  ListDisplay(std::vector<Expr> i, ListKind k) : items(std::move(i)), kind(k) {}
  Value value(Renderer& r) const override;
  std::vector<Expr> items;
  ListKind kind;
};

struct DictDisplay : Expression {
  explicit DictDisplay(std::vector<std::pair<Expr, Expr>> e) : entries(std::move(e)) {}
  Value value(Renderer& r) const override;
  std::vector<std::pair<Expr, Expr>> entries;
};

struct Attribute : Expression {  // object.name
  Attribute(Expr o, StringRef n) : object(o), name(std::move(n)) {}
  Value value(Renderer& r) const override;
  Expr object;
  StringRef name;
};

struct Item : Expression {  // object[key]
  Item(Expr o, Expr k) : object(o), key(k) {}
  Value value(Renderer& r) const override;
  Expr object, key;
};

struct Slice : Expression {  // object[start:stop:step]; parts may be null
  Slice(Expr o, Expr a, Expr b, Expr c) : object(o), start(a), stop(b), step(c) {}
  Value value(Renderer& r) const override;
  Expr object, start, stop, step;
};

struct CallArguments {
  std::vector<Expr> positional;
  std::vector<std::pair<Text, Expr>> named;
  Expr star = nullptr, double_star = nullptr;
  Arguments evaluate(Renderer& r) const;
};

struct Call : Expression {
  Call(Expr c, CallArguments a) : callee(c), arguments(std::move(a)) {}
  Value value(Renderer& r) const override;
  Expr callee;
  CallArguments arguments;
};

struct Filter : Expression {
  Filter(Expr i, std::string n, CallArguments a) : input(i), name(std::move(n)), arguments(std::move(a)) {}
  Value value(Renderer& r) const override;
  Expr input;  // null: the text of a block, which the renderer holds
  std::string name;
  CallArguments arguments;
};

struct Test : Expression {  // input is name(arguments)
  Test(Expr i, std::string n, CallArguments a, bool no)
      : input(i), name(std::move(n)), arguments(std::move(a)), negated(no) {}
  Value value(Renderer& r) const override;
  Expr input;
  std::string name;
  CallArguments arguments;
  bool negated;
};

enum class UnaryOp : uint8_t { negate, plus, invert };
struct Unary : Expression {
  Unary(UnaryOp o, Expr e) : op(o), operand(e) {}
  Value value(Renderer& r) const override;
  UnaryOp op;
  Expr operand;
};

enum class BinaryOp : uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
struct Binary : Expression {
  Binary(BinaryOp o, Expr l, Expr r) : op(o), left(l), right(r) {}
  Value value(Renderer& r) const override;
  BinaryOp op;
  Expr left, right;
};

struct Logical : Expression {  // and, or: one of the operands
  Logical(bool a, Expr l, Expr r) : is_and(a), left(l), right(r) {}
  Value value(Renderer& r) const override;
  bool is_and;
  Expr left, right;
};

struct Concatenation : Expression {  // a ~ b ~ c
  explicit Concatenation(std::vector<Expr> p) : parts(std::move(p)) {}
  Value value(Renderer& r) const override;
  std::vector<Expr> parts;
};

enum class CompareOp : uint8_t { eq, ne, lt, le, gt, ge, in, not_in };
struct Comparison : Expression {  // a < b < c
  Comparison(Expr f, std::vector<std::pair<CompareOp, Expr>> c) : first(f), rest(std::move(c)) {}
  Value value(Renderer& r) const override;
  Expr first;
  std::vector<std::pair<CompareOp, Expr>> rest;
};

struct Conditional : Expression {  // yes if test else no
  Conditional(Expr t, Expr y, Expr n) : test(t), yes(y), no(n) {}
  Value value(Renderer& r) const override;
  Expr test, yes, no;  // no may be null
};

// ---- statements

struct Literal : Statement {
  explicit Literal(std::string_view t) : text(t) {}
  Flow run(Renderer& r) const override;
  std::string_view text;  // into the template's source
};

struct Output : Statement {  // {{ expression }}
  explicit Output(Expr e) : expression(e) {}
  Flow run(Renderer& r) const override;
  Expr expression;
};

struct If : Statement {
  Flow run(Renderer& r) const override;
  std::vector<std::pair<Expr, Body>> branches;
  Body otherwise;
};

/// What a value is assigned to: a variable, a namespace's attribute, or several of these.
struct Target {
  NameId name = -1;
  StringRef spelling, attribute;  // attribute is null but in ns.x
  std::vector<Target> parts;      // not empty: the value is taken apart
};

struct For : Statement {
  Flow run(Renderer& r) const override;
  Target target;
  Expr sequence = nullptr, condition = nullptr;  // condition may be null
  bool recursive = false;
  Body body, otherwise;
};

struct Set : Statement {
  Flow run(Renderer& r) const override;
  Target target;
  Expr expression = nullptr;  // null: what `body` writes, through `filter` if there is one
  Expr filter = nullptr;
  Body body;
};

struct MacroDefinition : Statement {
  Flow run(Renderer& r) const override;
  StringRef spelling;
  NameId name = -1;
  std::vector<std::pair<NameId, Expr>> parameters;  // default may be null
  std::vector<StringRef> parameter_names;
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // the body speaks of them
  Body body;
};

struct CallBlock : Statement {  // {% call(x) f() %}: the body is f's caller()
  Flow run(Renderer& r) const override;
  const MacroDefinition* caller = nullptr;
  const Call* call = nullptr;
};

struct FilterBlock : Statement {
  Flow run(Renderer& r) const override;
  Expr filter = nullptr;
  Body body;
};

struct With : Statement {  // also {% generation %}, without variables
  Flow run(Renderer& r) const override;
  std::vector<std::pair<Target, Expr>> variables;
  Body body;
};

struct Jump : Statement {  // break, continue
  explicit Jump(Flow f) : flow(f) {}
  Flow run(Renderer&) const override { return flow; }
  Flow flow;
};

// ---- the whole

struct Program {
  std::string source;  ///< normalized; literals point into it
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::string> names;  ///< by NameId
  Body body;
  NameId find(std::string_view name) const;  ///< -1: the template does not speak of it
};

/// Errors: syntax, statements that are not supported; with the line.
std::unique_ptr<const Program> parse(std::string_view source);

}  // namespace ingot::jinja
