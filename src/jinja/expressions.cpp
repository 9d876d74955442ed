// What expressions give.
#include <fmt/core.h>

#include "jinja/renderer.h"

namespace ingot::jinja {

Value Name::value(Renderer& r) const {
  const Value* found = r.look_up(id);
  if (found) return *found;
  // Names that jinja2 defines in every template: taken for undefined, they would change a text in silence.
  const std::string& name = spelling->text.bytes();
  if (name == "self" || name == "lipsum") r.fail(fmt::format("'{}' is not supported", name));
  return Undefined{spelling};
}

Value ListDisplay::value(Renderer& r) const {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const Expr item : items) values.push_back(r.evaluate(item));
  return r.list(std::move(values), kind);
}

Value DictDisplay::value(Renderer& r) const {
  const DictRef dict = r.dict();
  for (const auto& [key, item] : entries) {
    const Value k = r.evaluate(key);
    dict->set(k, r.evaluate(item));
  }
  return dict;
}

Value Attribute::value(Renderer& r) const { return r.attribute(r.evaluate(object), name); }

Value Item::value(Renderer& r) const {
  const Value from = r.evaluate(object);
  return r.item(from, r.evaluate(key));
}

Value Slice::value(Renderer& r) const {
  const Value from = r.evaluate(object);
  const auto part = [&](Expr e) { return e ? r.evaluate(e) : Value(None{}); };
  const Value a = part(start), b = part(stop), c = part(step);
  return slice(r, from, a, b, c);
}

Arguments CallArguments::evaluate(Renderer& r) const {
  Arguments arguments;
  arguments.positional.reserve(positional.size());
  for (const Expr e : positional) arguments.positional.push_back(r.evaluate(e));
  for (const auto& [name, e] : named) arguments.named.emplace_back(name, r.evaluate(e));
  if (star) {
    const ListRef more = r.elements(r.evaluate(star));
    r.budget.step(more->items.size());
    arguments.positional.insert(arguments.positional.end(), more->items.begin(), more->items.end());
  }
  if (double_star) {
    const Value more = r.evaluate(double_star);
    if (!more.is<DictRef>()) r.fail("the value after ** is not a dict", described(more));
    for (const auto& [key, value] : more.as<DictRef>()->entries) {
      if (!key.is_text()) r.fail("an argument name is not a string", described(key));
      r.budget.step();
      arguments.named.emplace_back(key.text(), value);
    }
  }
  return arguments;
}

Value Call::value(Renderer& r) const {
  const Value function = r.evaluate(callee);
  return r.call(function, arguments.evaluate(r));
}

Value Filter::value(Renderer& r) const {
  const Value from = input ? r.evaluate(input) : r.block_text;
  return apply_filter(r, name, from, arguments.evaluate(r));
}

Value Test::value(Renderer& r) const {
  const Value from = r.evaluate(input);
  return apply_test(r, name, from, arguments.evaluate(r)) != negated;
}

Value Unary::value(Renderer& r) const {
  const Value v = r.evaluate(operand);
  if (op == UnaryOp::invert) return !truth(v);
  if (v.is<Undefined>()) fail_undefined(r.budget, v.as<Undefined>());
  if (!v.is_number()) r.fail("a sign before something that is not a number", described(v));
  if (v.is<double>()) return op == UnaryOp::negate ? -v.as<double>() : v.as<double>();
  if (op == UnaryOp::plus) return v.is<bool>() ? Value(v.integer()) : v;
  return arithmetic(r, BinaryOp::subtract, Value(int64_t{0}), v);
}

Value Binary::value(Renderer& r) const {
  const Value a = r.evaluate(left);
  return arithmetic(r, op, a, r.evaluate(right));
}

Value Logical::value(Renderer& r) const {
  Value a = r.evaluate(left);
  return truth(a) == is_and ? r.evaluate(right) : a;
}

Value Concatenation::value(Renderer& r) const {
  Text all;
  for (const Expr part : parts) write_text(all, r.evaluate(part), r.budget);
  return r.text(std::move(all));
}

Value Comparison::value(Renderer& r) const {
  Value a = r.evaluate(first);
  for (const auto& [op, e] : rest) {
    Value b = r.evaluate(e);
    bool holds = false;
    switch (op) {
      case CompareOp::eq: holds = equal(a, b, r.budget); break;
      case CompareOp::ne: holds = !equal(a, b, r.budget); break;
      case CompareOp::lt: holds = compare(a, b, r.budget) < 0; break;
      case CompareOp::le: holds = compare(a, b, r.budget) <= 0; break;
      case CompareOp::gt: holds = compare(a, b, r.budget) > 0; break;
      case CompareOp::ge: holds = compare(a, b, r.budget) >= 0; break;
      case CompareOp::in: holds = contains(r, b, a); break;
      case CompareOp::not_in: holds = !contains(r, b, a); break;
    }
    if (!holds) return false;
    a = std::move(b);
  }
  return true;
}

Value Conditional::value(Renderer& r) const {
  if (truth(r.evaluate(test))) return r.evaluate(yes);
  return no ? r.evaluate(no) : Value(Undefined{});
}

}  // namespace ingot::jinja
