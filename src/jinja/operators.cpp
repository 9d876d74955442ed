// Arithmetic, `in` and slices, with Python's rules: floor division, repetition of strings and lists, negative
// positions.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "jinja/format.h"
#include "jinja/renderer.h"
#include "jinja/unicode.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

constexpr std::string_view spellings[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void refuse(Renderer& r, BinaryOp op, const Value& a, const Value& b) {
  r.fail(fmt::format("a {} and a {} cannot be combined by {}", type_name(a), type_name(b),
                     spellings[static_cast<size_t>(op)]));
}

/// Nothing where 64 bits do not hold the result, or it is no whole number.
std::optional<int64_t> of_integers(BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOp::add: return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOp::subtract: return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOp::multiply: return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOp::floor_divide:
    case BinaryOp::modulo: {
      if (b == 0 || b == -1) return std::nullopt;
      const int64_t rest = a % b, down = rest != 0 && (rest < 0) != (b < 0);
      return op == BinaryOp::modulo ? rest + down * b : a / b - down;
    }
    default: return std::nullopt;
  }
}

Value of_floats(Renderer& r, BinaryOp op, double a, double b) {
  if (b == 0 && (op == BinaryOp::divide || op == BinaryOp::floor_divide || op == BinaryOp::modulo))
    r.fail("a division by zero");
  const auto modulo = [&] {
    const double rest = std::fmod(a, b);
    if (rest == 0) return std::copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
  };
  switch (op) {
    case BinaryOp::add: return a + b;
    case BinaryOp::subtract: return a - b;
    case BinaryOp::multiply: return a * b;
    case BinaryOp::divide: return a / b;
    case BinaryOp::floor_divide: {
      const double rest = std::fmod(a, b);
      double quotient = (a - rest) / b;
      if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
      const double down = std::floor(quotient);
      return quotient == 0 ? std::copysign(0.0, a / b) : quotient - down > 0.5 ? down + 1 : down;
    }
    case BinaryOp::modulo: return modulo();
    case BinaryOp::power:
      if (a == 0 && b < 0) r.fail("a division by zero");
      return std::pow(a, b);
  }
  return None{};
}

Value repeated(Renderer& r, const Value& what, int64_t times) {
  const auto n = static_cast<size_t>(std::max<int64_t>(times, 0));
  if (what.is_text()) {
    const Text& one = what.text();
    size_t bytes = 0;
    if (__builtin_mul_overflow(one.size(), n, &bytes)) bytes = SIZE_MAX;
    r.budget.check_text(bytes);
    Text all;
    if (!one.empty()) {
      r.budget.step(n);
      for (size_t i = 0; i < n; i++) all.append(one);
    }
    return r.text(std::move(all));
  }
  const List& one = *what.as<ListRef>();
  size_t items = 0;
  if (__builtin_mul_overflow(one.items.size(), n, &items) || items > r.budget.limits.memory_bytes / sizeof(Value))
    r.fail("a list would become too long", fmt::format("{} times {} values", times, one.items.size()));
  std::vector<Value> all;
  all.reserve(items);
  r.budget.step(items);
  for (size_t i = 0; i < n && !one.items.empty(); i++) all.insert(all.end(), one.items.begin(), one.items.end());
  return r.list(std::move(all), one.kind);
}

bool is_plain_list(const Value& v) {
  return v.is<ListRef>() && (v.as<ListRef>()->kind == ListKind::list || v.as<ListRef>()->kind == ListKind::tuple);
}

}  // namespace

Value arithmetic(Renderer& r, BinaryOp op, const Value& a, const Value& b) {
  if (op == BinaryOp::modulo && a.is_text()) return r.text(percent_format(r, a.text(), b));
  if (a.is<Undefined>()) fail_undefined(r.budget, a.as<Undefined>());
  if (b.is<Undefined>()) fail_undefined(r.budget, b.as<Undefined>());
  if (a.is_whole() && b.is_whole()) {
    if (a.is_integer() && b.is_integer())
      if (const auto result = of_integers(op, a.integer(), b.integer())) return *result;
    return whole_arithmetic(r.budget, op, a, b);
  }
  if (a.is_number() && b.is_number()) return of_floats(r, op, a.number(), b.number());
  if (op == BinaryOp::add && a.is_text() && b.is_text()) {
    Text sum = a.text();
    sum.append(b.text());
    return r.text(std::move(sum));
  }
  if (op == BinaryOp::add && is_plain_list(a) && is_plain_list(b) && a.as<ListRef>()->kind == b.as<ListRef>()->kind) {
    const auto &x = a.as<ListRef>()->items, &y = b.as<ListRef>()->items;
    std::vector<Value> sum;
    sum.reserve(x.size() + y.size());
    sum.insert(sum.end(), x.begin(), x.end());
    sum.insert(sum.end(), y.begin(), y.end());
    return r.list(std::move(sum), a.as<ListRef>()->kind);
  }
  if (op == BinaryOp::multiply && (a.is_text() || is_plain_list(a)) && b.is_integer())
    return repeated(r, a, b.integer());
  if (op == BinaryOp::multiply && a.is_integer() && (b.is_text() || is_plain_list(b)))
    return repeated(r, b, a.integer());
  refuse(r, op, a, b);
}

bool contains(Renderer& r, const Value& container, const Value& element) {
  if (container.is<DictRef>()) return container.as<DictRef>()->find(element) != nullptr;
  if (container.is_text()) {
    if (!element.is_text()) r.fail("only a string can be in a string", described(element));
    r.budget.copy(4 * container.bytes().size());
    return find_text(container.bytes(), element.bytes()) != std::string_view::npos;
  }
  const ListRef items = r.elements(container);
  return std::ranges::any_of(items->items, [&](const Value& item) { return equal(item, element, r.budget); });
}

Value slice(Renderer& r, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is<Undefined>()) fail_undefined(r.budget, object.as<Undefined>());
  const bool is_list = object.is<ListRef>() && object.as<ListRef>()->kind <= ListKind::range;
  if (!object.is_text() && !is_list) return Undefined{};
  const auto part = [&](const Value& v, int64_t otherwise) {
    if (v.is<None>()) return otherwise;
    if (!v.is_integer()) r.fail("a slice bound is not an integer", described(v));
    return v.integer();
  };
  const int64_t by = part(step, 1);
  if (by == 0) r.fail("a slice has the step 0");
  const auto n = static_cast<int64_t>(is_list ? object.as<ListRef>()->items.size() : n_characters(object.bytes()));
  const auto index = [&](const Value& v, int64_t otherwise) {
    int64_t at = part(v, otherwise);
    if (v.is<None>()) return at;
    if (at < 0) at = at < -n ? -1 : at + n;
    return std::clamp<int64_t>(at, by < 0 ? -1 : 0, by < 0 ? n - 1 : n);
  };
  const int64_t first = index(start, by < 0 ? n - 1 : 0), last = index(stop, by < 0 ? -1 : n);
  const auto before_last = [&](int64_t at) { return by > 0 ? at < last : at > last; };
  if (is_list) {
    std::vector<Value> items;
    for (int64_t at = first; before_last(at);) {
      items.push_back(object.as<ListRef>()->items[static_cast<size_t>(at)]);
      if (__builtin_add_overflow(at, by, &at)) break;
    }
    return r.list(std::move(items), object.as<ListRef>()->kind);
  }
  const Text& text = object.text();
  r.budget.copy(2 * text.size());
  if (by == 1)
    return r.text(text.slice(byte_of_character(text.bytes(), static_cast<size_t>(first)),
                             byte_of_character(text.bytes(), static_cast<size_t>(std::max(first, last)))));
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size();) {
    starts.push_back(at);
    next_character(text.bytes(), at);
  }
  starts.push_back(text.size());
  r.budget.step(starts.size());
  Text chosen;
  for (int64_t at = first; before_last(at);) {
    chosen.append(text, starts[static_cast<size_t>(at)], starts[static_cast<size_t>(at) + 1]);
    if (__builtin_add_overflow(at, by, &at)) break;
  }
  return r.text(std::move(chosen));
}

}  // namespace ingot::jinja
