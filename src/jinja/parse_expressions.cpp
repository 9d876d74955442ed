// Expressions. Binding, loosest first: if else, or, and, not, comparisons, + -, ~, * / // %, **, signs, then what
// follows a value: .name [key] (call) |filter and `is test`.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "jinja/parser.h"
#include "jinja/whole.h"

namespace ingot::jinja {

Expr Parser::expression(bool with_condition) {
  const Nesting nesting(*this);
  return with_condition ? conditional() : either();
}

Expr Parser::conditional() {
  Expr e = either();
  while (at_name("if")) {
    const int line = take().line;
    const Expr test = either();
    const Nesting nesting(*this);  // a if b else c if d else …
    const Expr no = skip_name("else") ? conditional() : nullptr;
    e = make<Conditional>(line, test, e, no);
  }
  return e;
}

Expr Parser::either() {
  Expr e = both();
  while (at_name("or")) {
    const int line = take().line;
    const Expr right = both();
    e = make<Logical>(line, false, e, right);
  }
  return e;
}

Expr Parser::both() {
  Expr e = negation();
  while (at_name("and")) {
    const int line = take().line;
    const Expr right = negation();
    e = make<Logical>(line, true, e, right);
  }
  return e;
}

Expr Parser::negation() {
  if (!at_name("not")) return comparison();
  const Nesting nesting(*this);
  const int line = take().line;
  const Expr operand = negation();
  return make<Unary>(line, UnaryOp::invert, operand);
}

Expr Parser::comparison() {
  static constexpr std::pair<std::string_view, CompareOp> operators[] = {{"==", CompareOp::eq}, {"!=", CompareOp::ne},
                                                                         {"<", CompareOp::lt},  {"<=", CompareOp::le},
                                                                         {">", CompareOp::gt},  {">=", CompareOp::ge}};
  const int line = now().line;
  const Expr first = sum();
  std::vector<std::pair<CompareOp, Expr>> rest;
  for (;;) {
    std::optional<CompareOp> op;
    for (const auto& [spelling, meaning] : operators)
      if (at_op(spelling)) op = meaning;
    if (at_name("in")) op = CompareOp::in;
    if (at_name("not") && ahead().is(TokenKind::name, "in")) take(), op = CompareOp::not_in;
    if (!op) break;
    take();
    rest.emplace_back(*op, sum());
  }
  return rest.empty() ? first : make<Comparison>(line, first, std::move(rest));
}

Expr Parser::sum() {
  Expr e = concatenation();
  while (at_op("+") || at_op("-")) {
    const BinaryOp op = at_op("+") ? BinaryOp::add : BinaryOp::subtract;
    const int line = take().line;
    const Expr right = concatenation();
    e = make<Binary>(line, op, e, right);
  }
  return e;
}

Expr Parser::concatenation() {
  const int line = now().line;
  std::vector<Expr> parts{product()};
  while (skip_op("~")) parts.push_back(product());
  return parts.size() == 1 ? parts[0] : make<Concatenation>(line, std::move(parts));
}

Expr Parser::product() {
  Expr e = power();
  while (at_op("*") || at_op("/") || at_op("//") || at_op("%")) {
    const BinaryOp op = at_op("*")   ? BinaryOp::multiply
                        : at_op("/") ? BinaryOp::divide
                        : at_op("%") ? BinaryOp::modulo
                                     : BinaryOp::floor_divide;
    const int line = take().line;
    const Expr right = power();
    e = make<Binary>(line, op, e, right);
  }
  return e;
}

Expr Parser::power() {
  Expr e = unary();
  while (at_op("**")) {
    const int line = take().line;
    const Expr right = unary();
    e = make<Binary>(line, BinaryOp::power, e, right);
  }
  return e;
}

Expr Parser::unary(bool with_filters) {
  const int line = now().line;
  Expr e;
  if (at_op("-") || at_op("+")) {
    const Nesting nesting(*this);
    const UnaryOp op = take().text == "-" ? UnaryOp::negate : UnaryOp::plus;
    const Expr operand = unary(false);
    e = make<Unary>(line, op, operand);
  } else {
    e = primary();
  }
  e = postfix(e);
  return with_filters ? filters(e) : e;
}

Expr Parser::number(const Token& token) {
  std::string digits;
  for (const char c : token.text)
    if (c != '_') digits += c;
  if (token.kind == TokenKind::floating) return make<Constant>(token.line, Value(std::strtod(digits.c_str(), nullptr)));
  int base = 10;
  const char* from = digits.data();
  if (digits.size() > 1 && digits[0] == '0' && digits[1] > '9') {
    base = (digits[1] | 0x20) == 'x' ? 16 : (digits[1] | 0x20) == 'o' ? 8 : 2;
    from += 2;
  }
  const bool leading_zero =
      base == 10 && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos;
  if (leading_zero) fail("a number begins with 0", digits);
  if (digits.size() > max_digits) fail("a whole number is too large", "", fmt::format("at most {} digits", max_digits));
  return make<Constant>(token.line, whole(nullptr, from, base));
}

Expr Parser::primary() {
  const Token token = now();
  if (token.kind == TokenKind::name) {
    take();
    if (token.text == "true" || token.text == "True") return make<Constant>(token.line, Value(true));
    if (token.text == "false" || token.text == "False") return make<Constant>(token.line, Value(false));
    if (token.text == "none" || token.text == "None") return make<Constant>(token.line, Value(None{}));
    if (token.text == "varargs") mentioned_ |= varargs;
    if (token.text == "kwargs") mentioned_ |= kwargs;
    if (token.text == "caller") mentioned_ |= caller;
    return make<Name>(token.line, name_id(std::string(token.text)), constant(token.text));
  }
  if (token.kind == TokenKind::string) {
    std::string text;
    while (now().kind == TokenKind::string) text += unescaped(take());
    return make<Constant>(token.line, Value(constant(text)));
  }
  if (token.kind == TokenKind::integer || token.kind == TokenKind::floating) {
    take();
    return number(token);
  }
  const Nesting nesting(*this);
  if (skip_op("(")) {
    const Expr e = tuple(true, true);
    expect_op(")");
    return e;
  }
  if (at_op("[")) return list_display();
  if (at_op("{")) return dict_display();
  unexpected("an expression");
}

Expr Parser::tuple(bool with_condition, bool in_parentheses) {
  const int line = now().line;
  std::vector<Expr> items;
  bool is_tuple = false;
  const auto ended = [&] {
    return now().kind == TokenKind::variable_end || now().kind == TokenKind::block_end || at_op(")");
  };
  while (!ended()) {
    items.push_back(expression(with_condition));
    if (!at_op(",")) break;
    take();
    is_tuple = true;
  }
  if (!is_tuple && items.size() == 1) return items[0];
  if (!is_tuple && !in_parentheses) unexpected("an expression");
  return make<ListDisplay>(line, std::move(items), ListKind::tuple);
}

Expr Parser::list_display() {
  const int line = take().line;
  std::vector<Expr> items;
  while (!at_op("]")) {
    items.push_back(expression());
    if (!skip_op(",")) break;
  }
  expect_op("]");
  return make<ListDisplay>(line, std::move(items), ListKind::list);
}

Expr Parser::dict_display() {
  const int line = take().line;
  std::vector<std::pair<Expr, Expr>> entries;
  while (!at_op("}")) {
    const Expr key = expression();
    expect_op(":");
    entries.emplace_back(key, expression());
    if (!skip_op(",")) break;
  }
  expect_op("}");
  return make<DictDisplay>(line, std::move(entries));
}

Expr Parser::postfix(Expr e) {
  for (;;) {
    if (at_op(".") || at_op("["))
      e = subscript(e);
    else if (at_op("("))
      e = call(e);
    else
      return e;
  }
}

Expr Parser::filters(Expr e) {
  for (;;) {
    if (at_op("|"))
      e = filter(e);
    else if (at_name("is"))
      e = test(e);
    else if (at_op("("))
      e = call(e);
    else
      return e;
  }
}

Expr Parser::subscript(Expr object) {
  const Token opening = take();
  if (opening.text == ".") {
    const Token token = take();
    if (token.kind == TokenKind::name) return make<Attribute>(token.line, object, constant(token.text));
    if (token.kind == TokenKind::integer) return make<Item>(token.line, object, number(token));
    fail("a dot is not followed by a name", std::string(token.text));
  }
  Expr parts[3] = {nullptr, nullptr, nullptr};
  int colons = 0;
  while (!at_op("]")) {
    if (skip_op(":")) {
      if (++colons > 2) unexpected("]");
      continue;
    }
    if (parts[colons]) unexpected("] or :");
    parts[colons] = expression();
  }
  expect_op("]");
  if (colons > 0) return make<Slice>(opening.line, object, parts[0], parts[1], parts[2]);
  if (!parts[0]) fail("a subscript is empty");
  return make<Item>(opening.line, object, parts[0]);
}

Expr Parser::filter(Expr input) {
  Expr e = input;
  do {
    const int line = take().line;  // | or, in a block, the word filter
    std::string name = expect_identifier();
    CallArguments arguments;
    if (at_op("(")) arguments = call_arguments();
    e = make<Filter>(line, e, std::move(name), std::move(arguments));
  } while (at_op("|"));
  return e;
}

Expr Parser::test(Expr input) {
  const int line = take().line;
  const bool negated = skip_name("not");
  std::string name = expect_identifier();
  CallArguments arguments;
  const TokenKind kind = now().kind;
  const bool value_follows = kind == TokenKind::name || kind == TokenKind::string || kind == TokenKind::integer ||
                             kind == TokenKind::floating || at_op("[") || at_op("{");
  if (at_op("(")) {
    arguments = call_arguments();
  } else if (value_follows && !at_name("else") && !at_name("or") && !at_name("and")) {
    if (at_name("is")) fail("tests with `is` cannot be chained");
    const Nesting nesting(*this);
    arguments.positional.push_back(postfix(primary()));
  }
  return make<Test>(line, input, std::move(name), std::move(arguments), negated);
}

CallArguments Parser::call_arguments() {
  const Nesting nesting(*this);
  CallArguments arguments;
  expect_op("(");
  while (!at_op(")")) {
    if (skip_op("*")) {
      if (arguments.star || arguments.double_star) unexpected("one list of further arguments");
      arguments.star = expression();
    } else if (skip_op("**")) {
      if (arguments.double_star) unexpected("one dict of further arguments");
      arguments.double_star = expression();
    } else if (now().kind == TokenKind::name && ahead().is(TokenKind::op, "=")) {
      if (arguments.double_star) unexpected("no argument behind **");
      std::string name = expect_identifier();
      take();
      arguments.named.emplace_back(Text(name, Origin::of_template()), expression());
    } else {
      if (!arguments.named.empty() || arguments.star || arguments.double_star)
        fail("a positional argument follows a named one");
      arguments.positional.push_back(expression());
    }
    if (!skip_op(",")) break;
  }
  expect_op(")");
  return arguments;
}

const Call* Parser::call(Expr callee) {
  const int line = now().line;
  return make<Call>(line, callee, call_arguments());
}

}  // namespace ingot::jinja
