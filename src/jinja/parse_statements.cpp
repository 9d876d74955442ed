// Statements, and the frame: text, {{ }} and {% %} in turn.
#include <fmt/core.h>

#include <algorithm>

#include "base/checked.h"
#include "jinja/parser.h"

namespace ingot::jinja {

Parser::Parser(std::string_view source) {
  program_->source = normalized_source(source);
  tokens_ = tokenize(program_->source);
}

std::unique_ptr<Program> Parser::run() {
  program_->body = body({});
  return std::move(program_);
}

std::unique_ptr<const Program> parse(std::string_view source) { return Parser(source).run(); }

NameId Program::find(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? -1 : static_cast<NameId>(found - names.begin());
}

// ---- tokens

void Parser::fail(const std::string& what, const std::string& got, const std::string& expected,
                  const std::string& advice) const {
  fail_at(now().line, what, got, expected, advice);
}

void Parser::unexpected(const std::string& expected) const {
  const Token& token = now();
  const std::string got = token.kind == TokenKind::end            ? "the end of the template"
                          : token.kind == TokenKind::block_end    ? "%}"
                          : token.kind == TokenKind::variable_end ? "}}"
                                                                  : std::string(token.text);
  fail("malformed tag", got, expected);
}

void Parser::expect(TokenKind kind, const char* spelling) {
  if (now().kind != kind) unexpected(spelling);
  take();
}
void Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) unexpected(std::string(op));
}
void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) unexpected(std::string(name));
}
std::string Parser::expect_identifier() {
  if (now().kind != TokenKind::name) unexpected("a name");
  return std::string(take().text);
}

NameId Parser::name_id(const std::string& name) {
  const auto [at, is_new] = ids_.emplace(name, narrow<NameId>(program_->names.size()));
  if (is_new) program_->names.push_back(name);
  return at->second;
}

// ---- bodies

/// Up to the block that begins with one of `ends`, whose name is the next token; without `ends`, to the end of the
/// template.
Body Parser::body(std::initializer_list<std::string_view> ends) {
  const Nesting nesting(*this);
  Body statements;
  for (;;) {
    const Token& token = now();
    if (token.kind == TokenKind::data) {
      statements.push_back(make<Literal>(token.line, token.text));
      take();
    } else if (token.kind == TokenKind::variable_begin) {
      const int line = take().line;
      const Expr e = tuple(true, false);
      expect(TokenKind::variable_end, "}}");
      statements.push_back(make<Output>(line, e));
    } else if (token.kind == TokenKind::block_begin) {
      take();
      if (std::ranges::any_of(ends, [&](std::string_view end) { return at_name(end); })) return statements;
      statements.push_back(statement());
    } else {
      if (ends.size() > 0) unexpected(fmt::format("{{% {} %}}", *(ends.end() - 1)));
      return statements;
    }
  }
}

const Statement* Parser::statement() {
  const int line = now().line;
  const std::string word = expect_identifier();
  if (word == "if") return if_statement(line);
  if (word == "for") return for_statement(line);
  if (word == "set") return set_statement(line);
  if (word == "macro") return macro_statement(line);
  if (word == "call") return call_statement(line);
  if (word == "filter") return filter_statement(line);
  if (word == "with") return with_statement(line);
  if (word == "generation") return block_statement(line, "endgeneration");
  if (word == "break") return jump_statement(line, Flow::break_loop);
  if (word == "continue") return jump_statement(line, Flow::continue_loop);
  fail_at(line, "there is no statement '" + word + "' here", "",
          "if, for, set, macro, call, filter, with, generation, break, continue or raw",
          "chat templates cannot use other files, blocks or extensions");
}

const Statement* Parser::if_statement(int line) {
  If* node = make<If>(line);
  do {
    const Expr condition = tuple(false, false);
    end_block();
    Body branch = body({"elif", "else", "endif"});
    node->branches.emplace_back(condition, std::move(branch));
  } while (skip_name("elif"));
  if (skip_name("else")) {
    end_block();
    node->otherwise = body({"endif"});
  }
  expect_name("endif");
  end_block();
  return node;
}

const Statement* Parser::for_statement(int line) {
  For* node = make<For>(line);
  node->target = target(false);
  expect_name("in");
  node->sequence = tuple(false, false);
  if (skip_name("if")) node->condition = expression();
  node->recursive = skip_name("recursive");
  end_block();
  loops_++;
  node->body = body({"else", "endfor"});
  loops_--;
  if (skip_name("else")) {
    end_block();
    node->otherwise = body({"endfor"});
  }
  expect_name("endfor");
  end_block();
  return node;
}

const Statement* Parser::set_statement(int line) {
  Set* node = make<Set>(line);
  node->target = target(true);
  if (skip_op("=")) {
    node->expression = tuple(true, false);
    end_block();
    return node;
  }
  if (at_op("|")) node->filter = filter(nullptr);
  end_block();
  node->body = body({"endset"});
  expect_name("endset");
  end_block();
  return node;
}

Target Parser::target(bool with_attribute) {
  Target first = single_target(with_attribute);
  if (!at_op(",")) return first;
  Target all;
  all.parts.push_back(std::move(first));
  while (skip_op(",")) {
    if (now().kind != TokenKind::name && !at_op("(")) break;
    if (at_name("in")) break;
    all.parts.push_back(single_target(with_attribute));
  }
  return all;
}

Target Parser::single_target(bool with_attribute) {
  const Nesting nesting(*this);
  if (skip_op("(")) {
    Target inside = target(with_attribute);
    expect_op(")");
    return inside;
  }
  const std::string name = expect_identifier();
  for (const char* constant : {"true", "false", "none", "True", "False", "None"})
    if (name == constant) fail("a constant cannot be assigned to", name);
  Target single{name_id(name), constant(name), nullptr, {}};
  if (with_attribute && skip_op(".")) single.attribute = constant(expect_identifier());
  return single;
}

const Statement* Parser::macro_statement(int line) {
  MacroDefinition* node = make<MacroDefinition>(line);
  node->spelling = constant(expect_identifier());
  node->name = name_id(node->spelling->text.bytes());
  parameters(*node);
  end_block();
  macro_body(*node, "endmacro");
  return node;
}

void Parser::parameters(MacroDefinition& macro) {
  expect_op("(");
  while (!at_op(")")) {
    std::string name = expect_identifier();
    Expr otherwise = nullptr;
    if (skip_op("="))
      otherwise = expression();
    else if (!macro.parameters.empty() && macro.parameters.back().second)
      fail("a parameter without a default follows one with a default", name);
    macro.parameters.emplace_back(name_id(name), otherwise);
    macro.parameter_names.push_back(constant(name));
    if (!skip_op(",")) break;
  }
  expect_op(")");
}

void Parser::macro_body(MacroDefinition& macro, std::string_view end) {
  const unsigned mentioned_outside = std::exchange(mentioned_, 0);
  const int loops_outside = std::exchange(loops_, 0);
  macro.body = body({end});
  expect_name(end);
  end_block();
  macro.takes_varargs = mentioned_ & varargs;
  macro.takes_kwargs = mentioned_ & kwargs;
  macro.takes_caller = mentioned_ & caller;
  for (const char* name : {"varargs", "kwargs", "caller"}) name_id(name);
  mentioned_ = mentioned_outside;
  loops_ = loops_outside;
}

const Statement* Parser::call_statement(int line) {
  CallBlock* node = make<CallBlock>(line);
  MacroDefinition* caller_macro = make<MacroDefinition>(line);
  caller_macro->spelling = constant("caller");
  caller_macro->name = name_id("caller");
  if (at_op("(")) parameters(*caller_macro);
  const Expr callee = postfix(primary());
  node->call = dynamic_cast<const Call*>(callee);
  if (!node->call) fail("a call block calls nothing", "", "{% call f() %}");
  end_block();
  macro_body(*caller_macro, "endcall");
  node->caller = caller_macro;
  return node;
}

const Statement* Parser::filter_statement(int line) {
  FilterBlock* node = make<FilterBlock>(line);
  at_--;  // back to the word, which stands where | stands elsewhere
  node->filter = filter(nullptr);
  end_block();
  node->body = body({"endfilter"});
  expect_name("endfilter");
  end_block();
  return node;
}

const Statement* Parser::with_statement(int line) {
  With* node = make<With>(line);
  while (now().kind != TokenKind::block_end) {
    Target variable = target(false);
    expect_op("=");
    node->variables.emplace_back(std::move(variable), expression());
    if (!skip_op(",")) break;
  }
  end_block();
  node->body = body({"endwith"});
  expect_name("endwith");
  end_block();
  return node;
}

const Statement* Parser::block_statement(int line, std::string_view end) {
  With* node = make<With>(line);
  end_block();
  node->body = body({end});
  expect_name(end);
  end_block();
  return node;
}

const Statement* Parser::jump_statement(int line, Flow flow) {
  if (loops_ == 0) fail_at(line, "break or continue stands outside of a loop");
  end_block();
  return make<Jump>(line, flow);
}

}  // namespace ingot::jinja
