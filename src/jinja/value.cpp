// What values are to each other: equal, ordered, true or not; and how containers find and hold them.
#include "jinja/value.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "jinja/unicode.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

constexpr size_t few_entries = 8;  // of a dict that is searched without an index

/// Equal keys have equal spellings.
std::string key_text(const Value& key, const Budget* budget) {
  if (key.is_text()) return std::string("s").append(key.bytes());
  if (key.is_whole()) return std::string("n").append(whole_text(key));
  if (key.is<double>()) {
    const double x = key.as<double>();
    const bool is_whole = std::isfinite(x) && x == std::floor(x);
    return is_whole ? fmt::format("n{:.0f}", x + 0.0) : fmt::format("n{}", x);  // -0.0 + 0.0 is 0.0
  }
  if (key.is<None>()) return "0";
  if (key.is<Undefined>()) return "u";
  if (key.is<ListRef>() && key.as<ListRef>()->kind == ListKind::tuple) {
    std::string all = "(";
    for (const Value& item : key.as<ListRef>()->items) {
      const std::string one = key_text(item, budget);
      all += fmt::format("{}:{}", one.size(), one);
    }
    return all;
  }
  static const Budget nowhere{Limits{}};
  fail(budget ? *budget : nowhere, "a " + type_name(key) + " cannot be a key of a dict");
}

size_t list_bytes(const std::vector<Value>& items) { return sizeof(List) + items.size() * sizeof(Value); }

void check_depth(Budget* budget, int depth) {
  if (budget && depth > max_value_depth)
    fail(*budget, "lists and dicts are nested too deeply", "", fmt::format("at most {} levels", max_value_depth));
}

template <typename T> int order(const T& a, const T& b) { return a < b ? -1 : b < a ? 1 : 0; }

bool is_ordered_list(const Value& v) {
  return v.is<ListRef>() && (v.as<ListRef>()->kind == ListKind::list || v.as<ListRef>()->kind == ListKind::tuple);
}

}  // namespace

List::List(Budget* budget, std::vector<Value> values, ListKind k)
    : Held(budget, list_bytes(values)), kind(k), items(std::move(values)) {
  if (budget) budget->step(items.size() / 4);
  for (const Value& item : items) depth = std::max(depth, depth_of(item) + 1);
  check_depth(budget, depth);
}

const HashMap<std::string, size_t>& Dict::index() const {
  if (index_.empty())
    for (size_t i = 0; i < entries.size(); i++) index_.emplace(key_text(entries[i].first, counted_), i);
  return index_;
}

size_t Dict::position(const Value& key) const {
  if (entries.size() <= few_entries) {
    const std::string text = key.is_text() ? std::string() : key_text(key, counted_);
    for (size_t i = 0; i < entries.size(); i++) {
      const Value& own = entries[i].first;
      if (key.is_text() ? own.is_text() && own.bytes() == key.bytes() : key_text(own, counted_) == text) return i;
    }
    return entries.size();
  }
  const auto found = index().find(key_text(key, counted_));
  return found == index_.end() ? entries.size() : found->second;
}

const Value* Dict::find(const Value& key) const {
  const size_t i = position(key);
  return i < entries.size() ? &entries[i].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (entries.size() > few_entries) {
    const auto found = index().find(std::string("s").append(key));
    return found == index_.end() ? nullptr : &entries[found->second].second;
  }
  for (const auto& [own, value] : entries)
    if (own.is_text() && own.bytes() == key) return &value;
  return nullptr;
}

void Dict::set(const Value& key, Value value) {
  depth = std::max({depth, depth_of(key) + 1, depth_of(value) + 1});
  check_depth(counted_, depth);
  const size_t i = position(key);
  if (i < entries.size()) {
    entries[i].second = std::move(value);
    return;
  }
  if (!index_.empty()) index_.emplace(key_text(key, counted_), i);
  hold(2 * sizeof(Value) + (i >= few_entries ? 64 : 0));
  entries.emplace_back(key, std::move(value));
}

void Dict::erase(const Value& key) {
  const size_t i = position(key);
  if (i == entries.size()) return;
  entries.erase(entries.begin() + static_cast<ptrdiff_t>(i));
  index_.clear();
}

Value make_text(Budget& budget, Text text) {
  budget.check_text(text.size());
  budget.copy(text.size());
  return std::make_shared<const String>(&budget, std::move(text));
}

Value make_list(Budget& budget, std::vector<Value> items, ListKind kind) {
  return std::make_shared<List>(&budget, std::move(items), kind);
}

void fail(const Budget& budget, const std::string& what, const std::string& got, const std::string& expected,
          const std::string& advice) {
  throw Error("jinja", fmt::format("line {}: {}", budget.line, beginning(what, 200)), beginning(got), expected, advice);
}

void fail_undefined(const Budget& budget, const Undefined& value) {
  fail(budget, value.name ? fmt::format("'{}' is undefined", value.name->text.bytes()) : "an undefined value is used");
}

std::string type_name(const Value& value) {
  static const char* const names[] = {"undefined", "None", "bool",      "int",      "float", "str",
                                      "list",      "dict", "namespace", "function", "int"};
  static const char* const kinds[] = {"list", "tuple", "range", "generator", "dict_keys", "dict_values", "dict_items"};
  return value.is<ListRef>() ? kinds[static_cast<size_t>(value.as<ListRef>()->kind)] : names[value.index()];
}

std::string described(const Value& value) {
  if (!value.is_text()) return "a value of type " + type_name(value);
  return fmt::format("the string '{}'", beginning(value.bytes(), 40));
}

int depth_of(const Value& value) {
  if (value.is<ListRef>()) return value.as<ListRef>()->depth;
  if (value.is<DictRef>()) return value.as<DictRef>()->depth;
  if (value.is<CallableRef>()) return value.as<CallableRef>()->depth();
  return 0;
}

double Value::number() const {
  return is<double>() ? as<double>() : is<BigRef>() ? nearest_float(*as<BigRef>()) : static_cast<double>(integer());
}

bool truth(const Value& value) {
  if (value.is_integer()) return value.integer() != 0;
  if (value.is<double>()) return value.as<double>() != 0;
  if (value.is_text()) return !value.text().empty();
  if (value.is<ListRef>())
    return value.as<ListRef>()->kind == ListKind::generator || !value.as<ListRef>()->items.empty();
  if (value.is<DictRef>()) return !value.as<DictRef>()->entries.empty();
  return !value.is<Undefined>() && !value.is<None>();
}

bool equal(const Value& a, const Value& b, Budget& budget, int depth) {
  budget.step();
  if (depth > max_value_depth) fail(budget, "what is compared is nested too deeply");
  if (a.is_number() && b.is_number()) return number_order(a, b) == 0;
  if (a.index() != b.index()) return false;
  if (a.is_text()) {
    budget.copy(a.bytes().size());
    return a.bytes() == b.bytes();
  }
  if (a.is<ListRef>()) {
    const List &x = *a.as<ListRef>(), &y = *b.as<ListRef>();
    if (&x == &y) return true;
    if (x.kind != y.kind || x.kind == ListKind::generator || x.kind == ListKind::values) return false;
    return std::ranges::equal(x.items, y.items,
                              [&](const Value& p, const Value& q) { return equal(p, q, budget, depth + 1); });
  }
  if (a.is<DictRef>()) {
    const Dict &x = *a.as<DictRef>(), &y = *b.as<DictRef>();
    if (x.entries.size() != y.entries.size()) return false;
    return std::ranges::all_of(x.entries, [&](const auto& entry) {
      const Value* other = y.find(entry.first);
      return other && equal(entry.second, *other, budget, depth + 1);
    });
  }
  if (a.is<NamespaceRef>()) return a.as<NamespaceRef>() == b.as<NamespaceRef>();
  if (a.is<CallableRef>()) return a.as<CallableRef>() == b.as<CallableRef>();
  return true;  // both undefined, or both None
}

int compare(const Value& a, const Value& b, Budget& budget, int depth) {
  budget.step();
  if (depth > max_value_depth) fail(budget, "what is compared is nested too deeply");
  if (a.is<Undefined>()) fail_undefined(budget, a.as<Undefined>());
  if (b.is<Undefined>()) fail_undefined(budget, b.as<Undefined>());
  if (a.is_number() && b.is_number()) {
    const auto found = number_order(a, b);
    return found < 0 ? -1 : found > 0 ? 1 : 0;
  }
  if (a.is_text() && b.is_text()) {
    budget.copy(a.bytes().size());
    return a.bytes().compare(b.bytes());  // the order of UTF-8 is that of its characters
  }
  if (is_ordered_list(a) && is_ordered_list(b) && a.as<ListRef>()->kind == b.as<ListRef>()->kind) {
    const auto &x = a.as<ListRef>()->items, &y = b.as<ListRef>()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); i++)
      if (!equal(x[i], y[i], budget, depth + 1)) return compare(x[i], y[i], budget, depth + 1);
    return order(x.size(), y.size());
  }
  fail(budget, fmt::format("a {} and a {} cannot be ordered", type_name(a), type_name(b)));
}

}  // namespace ingot::jinja
