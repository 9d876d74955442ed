// Methods of lists and dicts, called as Python calls them, and the lookup of methods. Python methods that are not
// supported are refused by name, so that a template never silently gets something else.
#include "jinja/methods.h"

#include <fmt/core.h>

#include <algorithm>

namespace ingot::jinja {
namespace {

// ---- lists

Value append(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "append", a, {"object"}, 1);
  List& list = *self.as<ListRef>();
  r.keep(self);  // it may come to hold itself
  list.hold(2 * sizeof(Value));
  list.items.push_back(*b[0]);
  return None{};
}

Value extend(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "extend", a, {"iterable"}, 1);
  const std::vector<Value> more = r.elements(*b[0])->items;
  List& list = *self.as<ListRef>();
  r.keep(self);
  list.hold(2 * more.size() * sizeof(Value));
  r.budget.step(more.size());
  list.items.insert(list.items.end(), more.begin(), more.end());
  return None{};
}

/// Position for insert and pop; clamps where Python does.
int64_t index(const List& list, int64_t at) { return at < 0 ? at + static_cast<int64_t>(list.items.size()) : at; }

Value insert(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "insert", a, {"index", "object"}, 2);
  List& list = *self.as<ListRef>();
  const int64_t at = std::clamp<int64_t>(index(list, b.integer(0, 0)), 0, static_cast<int64_t>(list.items.size()));
  r.keep(self);
  r.budget.step(list.items.size() / 8);
  list.hold(2 * sizeof(Value));
  list.items.insert(list.items.begin() + at, *b[1]);
  return None{};
}

Value pop_item(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "pop", a, {"index"});
  List& list = *self.as<ListRef>();
  const int64_t at = index(list, b.integer(0, -1));
  if (at < 0 || at >= static_cast<int64_t>(list.items.size()))
    r.fail("pop index out of range", fmt::format("{}", at), fmt::format("less than {}", list.items.size()));
  r.budget.step(list.items.size() / 8);
  const Value taken = list.items[static_cast<size_t>(at)];
  list.items.erase(list.items.begin() + at);
  return taken;
}

Value index_in_list(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "index", a, {"value"}, 1);
  const auto& items = self.as<ListRef>()->items;
  for (size_t i = 0; i < items.size(); i++)
    if (equal(items[i], *b[0], r.budget)) return static_cast<int64_t>(i);
  r.fail("a value is not in the list", described(*b[0]));
}

Value count_in_list(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "count", a, {"value"}, 1);
  return static_cast<int64_t>(std::ranges::count_if(self.as<ListRef>()->items,
                                                    [&](const Value& item) { return equal(item, *b[0], r.budget); }));
}

Value copy_list(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "copy", a, {});
  return r.list(self.as<ListRef>()->items);
}

const Methods& list_methods() {
  static const Methods methods = {{"append", append}, {"extend", extend},       {"insert", insert},
                                  {"pop", pop_item},  {"index", index_in_list}, {"count", count_in_list},
                                  {"copy", copy_list}};
  return methods;
}
const Methods& tuple_methods() {
  static const Methods methods = {{"index", index_in_list}, {"count", count_in_list}};
  return methods;
}

// ---- dicts

Value get(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "get", a, {"key", "default"}, 1);
  const Value* found = self.as<DictRef>()->find(*b[0]);
  return found ? *found : b[1] ? *b[1] : Value(None{});
}

template <ListKind kind> Value view(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "a dict's view", a, {});
  std::vector<Value> values;
  values.reserve(self.as<DictRef>()->entries.size());
  for (const auto& [key, value] : self.as<DictRef>()->entries)
    values.push_back(kind == ListKind::keys     ? key
                     : kind == ListKind::values ? value
                                                : r.list({key, value}, ListKind::tuple));
  return r.list(std::move(values), kind);
}

Value copy_dict(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "copy", a, {});
  const DictRef copy = r.dict();
  for (const auto& [key, value] : self.as<DictRef>()->entries) copy->set(key, value);
  return copy;
}

Value update(Renderer& r, const Value& self, const Arguments& a) {
  Arguments positional{a.positional, {}};
  const Bound b(r, "update", positional, {"other"});
  r.keep(self);
  const auto put = [&](const Value& key, const Value& value) {
    r.budget.step();
    self.as<DictRef>()->set(key, value);
  };
  if (b[0] && !b[0]->is<DictRef>()) r.fail("a dict is updated with something that is not a dict", described(*b[0]));
  if (b[0])
    for (const auto& [key, value] : std::vector(b[0]->as<DictRef>()->entries)) put(key, value);
  for (const auto& [name, value] : a.named) put(r.text(name), value);
  return None{};
}

Value pop_entry(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "pop", a, {"key", "default"}, 1);
  const Value* found = self.as<DictRef>()->find(*b[0]);
  if (!found && !b[1]) r.fail("pop: no such key", described(*b[0]));
  const Value taken = found ? *found : *b[1];
  r.budget.step(self.as<DictRef>()->entries.size() / 8);
  if (found) self.as<DictRef>()->erase(*b[0]);
  return taken;
}

Value setdefault(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "setdefault", a, {"key", "default"}, 1);
  if (const Value* found = self.as<DictRef>()->find(*b[0])) return *found;
  r.keep(self);
  self.as<DictRef>()->set(*b[0], b[1] ? *b[1] : Value(None{}));
  return b[1] ? *b[1] : Value(None{});
}

const Methods& dict_methods() {
  static const Methods methods = {{"get", get},
                                  {"items", view<ListKind::items>},
                                  {"keys", view<ListKind::keys>},
                                  {"values", view<ListKind::values>},
                                  {"copy", copy_dict},
                                  {"update", update},
                                  {"pop", pop_entry},
                                  {"setdefault", setdefault}};
  return methods;
}

// What else Python finds there.
constexpr std::string_view unsupported_of_text[] = {"casefold",  "encode",       "expandtabs",  "format_map",
                                                    "isascii",   "isidentifier", "isprintable", "istitle",
                                                    "maketrans", "translate"};
constexpr std::string_view unsupported_of_list[] = {"clear", "remove", "reverse", "sort"};
constexpr std::string_view unsupported_of_dict[] = {"clear", "fromkeys", "popitem"};

template <size_t n> MethodFunction find_in(Renderer& r, const Methods& methods,
                                           const std::string_view (&unsupported)[n], std::string_view name) {
  if (const auto found = methods.find(name); found != methods.end()) return found->second;
  if (std::ranges::find(unsupported, name) != std::end(unsupported))
    r.fail(fmt::format("the method '{}' is not supported", name));
  return nullptr;
}

}  // namespace

std::vector<std::string_view> method_names() {
  std::vector<std::string_view> names;
  for (const Methods* methods : {&text_methods(), &list_methods(), &tuple_methods(), &dict_methods()})
    for (const auto& [name, function] : *methods) names.push_back(name);
  return names;
}

MethodFunction find_method(Renderer& r, const Value& self, std::string_view name) {
  if (self.is_text()) return find_in(r, text_methods(), unsupported_of_text, name);
  if (self.is<DictRef>()) return find_in(r, dict_methods(), unsupported_of_dict, name);
  if (!self.is<ListRef>()) return nullptr;
  const ListKind kind = self.as<ListRef>()->kind;
  if (kind == ListKind::list) return find_in(r, list_methods(), unsupported_of_list, name);
  const auto& methods = tuple_methods();
  const auto found = methods.find(name);
  return (kind == ListKind::tuple || kind == ListKind::range) && found != methods.end() ? found->second : nullptr;
}

}  // namespace ingot::jinja
