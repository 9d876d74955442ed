// Filters of lists: choosing, ordering, grouping. What is lazy in jinja2 is done at once, but counts as a generator
// afterwards.
#include <fmt/core.h>

#include <algorithm>

#include "jinja/filters.h"
#include "jinja/sort.h"
#include "jinja/strings.h"

namespace ingot::jinja {
namespace {

/// Pairs of a key and a value, paid for.
class Keyed {
 public:
  Keyed(Renderer& r, size_t n) : held_(&r.budget, n * sizeof(pairs[0])) { pairs.reserve(n); }
  std::vector<std::pair<Value, Value>> pairs;

 private:
  Held held_;
};

/// Small letters for comparing, unless case counts.
Value without_case(Renderer& r, const Value& value) { return value.is_text() ? r.text(lower(r, value.text())) : value; }

/// What values are compared by: themselves or an attribute.
Value key_of(Renderer& r, const Value& item, const Value* attribute, bool case_sensitive) {
  Value key = attribute && !attribute->is<None>() ? r.path(item, *attribute) : item;
  return case_sensitive ? key : without_case(r, key);
}

/// Sorts by keys that were made beforehand; equal ones stay in order.
std::vector<Value> sorted(Renderer& r, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  sort_stably(keyed, [&](const auto& a, const auto& b) {
    return reverse ? compare(b.first, a.first, r.budget) < 0 : compare(a.first, b.first, r.budget) < 0;
  });
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return items;
}

Value sort(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "sort", a, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = b.truth(1, false);
  const ListRef list = r.elements(input);
  Keyed keyed(r, list->items.size());
  for (const Value& item : list->items) {
    if (!b.has(2) || !b[2]->is_text() || b.text(2).bytes().find(',') == std::string::npos) {
      keyed.pairs.emplace_back(key_of(r, item, b[2], case_sensitive), item);
      continue;
    }
    std::vector<Value> keys;  // "a,b": by a, then by b
    const Text comma = Words(",");
    for (const Text& attribute : split(r, b.text(2), &comma, -1, false)) {
      const Value name = r.text(attribute);
      keys.push_back(key_of(r, item, &name, case_sensitive));
    }
    keyed.pairs.emplace_back(r.list(std::move(keys)), item);
  }
  return r.list(sorted(r, keyed.pairs, b.truth(0, false)));
}

Value dictsort(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "dictsort", a, {"case_sensitive", "by", "reverse"});
  const std::string by = b[1] ? b.text(1).bytes() : "key";
  if (by != "key" && by != "value") r.fail("dictsort sorts by key or by value", by);
  if (input.is<Undefined>()) fail_undefined(r.budget, input.as<Undefined>());
  if (!input.is<DictRef>()) r.fail("dictsort needs a dict", described(input));
  Keyed keyed(r, input.as<DictRef>()->entries.size());
  for (const auto& [key, value] : input.as<DictRef>()->entries)
    keyed.pairs.emplace_back(key_of(r, by == "key" ? key : value, nullptr, b.truth(0, false)),
                             r.list({key, value}, ListKind::tuple));
  return r.list(sorted(r, keyed.pairs, b.truth(2, false)));
}

Value unique(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "unique", a, {"case_sensitive", "attribute"});
  const DictRef seen = r.dict();
  std::vector<Value> chosen;
  const ListRef list = r.elements(input);
  for (const Value& item : list->items) {
    const Value key = key_of(r, item, b[1], b.truth(0, false));
    if (seen->find(key)) continue;
    seen->set(key, Value(true));
    chosen.push_back(item);
  }
  return r.list(std::move(chosen), ListKind::generator);
}

template <bool largest> Value extreme(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, largest ? "max" : "min", a, {"case_sensitive", "attribute"});
  const Value* best = nullptr;
  Value best_key;
  const ListRef list = r.elements(input);
  for (const Value& item : list->items) {
    const Value key = key_of(r, item, b[1], b.truth(0, false));
    const int order = best ? compare(key, best_key, r.budget) : 0;
    if (best && (largest ? order <= 0 : order >= 0)) continue;
    best = &item;
    best_key = key;
  }
  return best ? *best : Value(Undefined{});
}

Value sum(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "sum", a, {"attribute", "start"});
  Value total = b[1] ? *b[1] : Value(int64_t{0});
  const ListRef list = r.elements(input);
  for (const Value& item : list->items) {
    const Value term = b.has(0) ? r.path(item, *b[0]) : item;
    if (term.is_text() || total.is_text()) r.fail("sum needs numbers", described(term), "", "join texts with |join");
    total = arithmetic(r, BinaryOp::add, total, term);
  }
  return total;
}

Value map(Renderer& r, const Value& input, const Arguments& a) {
  const ListRef list = r.elements(truth(input) ? input : Value(Undefined{}));
  const auto& items = list->items;
  std::vector<Value> mapped;
  if (a.positional.empty()) {
    const Bound b(r, "map", a, {"attribute", "default"}, 1);
    for (const Value& item : items) {
      Value found = r.path(item, *b[0]);
      mapped.push_back(found.is<Undefined>() && b.has(1) ? *b[1] : found);
    }
  } else {
    if (!a.positional[0].is_text()) r.fail("map needs the name of a filter as a string", described(a.positional[0]));
    const Arguments rest{{a.positional.begin() + 1, a.positional.end()}, a.named};
    for (const Value& item : items) mapped.push_back(apply_filter(r, a.positional[0].bytes(), item, rest));
  }
  return r.list(std::move(mapped), ListKind::generator);
}

/// select, reject, selectattr and rejectattr: by a test, or by being true.
template <bool keep, bool by_attribute> Value choose(Renderer& r, const Value& input, const Arguments& a) {
  constexpr size_t n_own = by_attribute ? 1 : 0;
  if (a.positional.size() < n_own) r.fail("the attribute to select by is missing");
  const bool has_test = a.positional.size() > n_own;
  if (has_test && !a.positional[n_own].is_text())
    r.fail("the name of a test must be a string", described(a.positional[n_own]));
  Arguments rest;
  if (has_test) rest = {{a.positional.begin() + n_own + 1, a.positional.end()}, a.named};
  std::vector<Value> chosen;
  const ListRef list = r.elements(truth(input) ? input : Value(Undefined{}));
  for (const Value& item : list->items) {
    const Value judged = by_attribute ? r.path(item, a.positional[0]) : item;
    r.budget.step();
    if ((has_test ? apply_test(r, a.positional[n_own].bytes(), judged, rest) : truth(judged)) == keep)
      chosen.push_back(item);
  }
  return r.list(std::move(chosen), ListKind::generator);
}

Value groupby(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "groupby", a, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = b.truth(2, false);
  const auto original = [&](const Value& item) {
    Value found = r.path(item, *b[0]);
    return found.is<Undefined>() && b.has(1) ? *b[1] : found;
  };
  const ListRef list = r.elements(input);
  Keyed keyed(r, list->items.size());
  for (const Value& item : list->items) {
    const Value key = original(item);
    keyed.pairs.emplace_back(case_sensitive ? key : without_case(r, key), item);
  }
  std::vector<Value> groups, members;
  Value present;
  const auto finish = [&] {
    if (!members.empty()) groups.push_back(r.list({original(members[0]), r.list(members)}, ListKind::tuple));
    members.clear();
  };
  for (const Value& item : sorted(r, keyed.pairs, false)) {
    const Value key = case_sensitive ? original(item) : without_case(r, original(item));
    if (!members.empty() && !equal(key, present, r.budget)) finish();
    present = key;
    members.push_back(item);
  }
  finish();
  return r.list(std::move(groups));
}

Value batch(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "batch", a, {"linecount", "fill_with"}, 1);
  const int64_t size = b.integer(0, 1);
  if (size < 1) r.fail("an empty batch size", fmt::format("{}", size), "1 or more");
  std::vector<Value> batches, members;
  const auto finish = [&] { batches.push_back(r.list(std::exchange(members, {}))); };
  const ListRef list = r.elements(input);
  for (const Value& item : list->items) {
    if (static_cast<int64_t>(members.size()) == size) finish();
    members.push_back(item);
  }
  if (!members.empty()) {
    if (b.has(1) && size > static_cast<int64_t>(members.size())) {
      r.budget.step(static_cast<uint64_t>(size));
      members.resize(static_cast<size_t>(size), *b[1]);
    }
    finish();
  }
  return r.list(std::move(batches), ListKind::generator);
}

Value slices(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "slice", a, {"slices", "fill_with"}, 1);
  const int64_t n = b.integer(0, 1);
  if (n < 1) r.fail("the number of slices is not positive", fmt::format("{}", n), "1 or more");
  r.budget.step(static_cast<uint64_t>(n));
  const ListRef list = r.elements(input);
  const auto& items = list->items;
  const auto each = static_cast<int64_t>(items.size()) / n, longer = static_cast<int64_t>(items.size()) % n;
  std::vector<Value> all;
  auto at = items.begin();
  for (int64_t i = 0; i < n; i++) {
    std::vector<Value> members(at, at + each + (i < longer));
    at += static_cast<ptrdiff_t>(members.size());
    if (b.has(1) && i >= longer) members.push_back(*b[1]);
    all.push_back(r.list(std::move(members)));
  }
  return r.list(std::move(all), ListKind::generator);
}

template <bool last> Value end(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, last ? "last" : "first", a, {});
  if (last && input.is<ListRef>() && input.as<ListRef>()->kind == ListKind::generator)
    r.fail("a generator has no last value", "", "", "make a list of it with |list");
  const ListRef list = r.elements(input);
  return list->items.empty() ? Value(Undefined{}) : last ? list->items.back() : list->items.front();
}

Value reverse(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "reverse", a, {});
  const ListRef list = r.elements(input);
  std::vector<Value> items = list->items;
  std::ranges::reverse(items);
  if (!input.is_text()) return r.list(std::move(items), ListKind::generator);
  Text all;
  for (const Value& c : items) all.append(c.text());
  return r.text(std::move(all));
}

Value to_list(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "list", a, {});
  const ListRef list = r.elements(input);
  return r.list(list->items);
}

Value items(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "items", a, {});
  if (input.is<Undefined>()) return r.list({}, ListKind::generator);
  if (!input.is<DictRef>()) r.fail("items needs a dict", described(input));
  std::vector<Value> pairs;
  for (const auto& [key, value] : input.as<DictRef>()->entries) pairs.push_back(r.list({key, value}, ListKind::tuple));
  return r.list(std::move(pairs), ListKind::generator);
}

}  // namespace

void add_list_filters(Filters& filters) {
  filters.insert({{"sort", sort},
                  {"dictsort", dictsort},
                  {"unique", unique},
                  {"min", extreme<false>},
                  {"max", extreme<true>},
                  {"sum", sum},
                  {"map", map},
                  {"select", choose<true, false>},
                  {"reject", choose<false, false>},
                  {"selectattr", choose<true, true>},
                  {"rejectattr", choose<false, true>},
                  {"groupby", groupby},
                  {"batch", batch},
                  {"slice", slices},
                  {"first", end<false>},
                  {"last", end<true>},
                  {"reverse", reverse},
                  {"list", to_list},
                  {"items", items}});
}

}  // namespace ingot::jinja
