// Variables, output and lookups of a rendering.
#include "jinja/renderer.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

class Method : public Callable {
 public:
  Method(Budget* budget, std::string name, Value self, MethodFunction function)
      : Callable(budget, std::move(name), depth_of(self) + 1), self_(std::move(self)), function_(function) {}
  Value call(Renderer& r, const Arguments& arguments) override { return function_(r, self_, arguments); }

 private:
  Value self_;
  MethodFunction function_;
};

bool is_indexable(ListKind kind) {
  return kind == ListKind::list || kind == ListKind::tuple || kind == ListKind::range;
}

}  // namespace

Renderer::Renderer(const Program& p, Budget& b, const std::tm& t)
    : budget(b), program(p), now(t), outermost_(p.names.size()) {
  define_functions(*this);
}

Renderer::~Renderer() {
  for (const ScopeRef& kept : kept_scopes_) kept->variables.clear();
  for (const Value& kept : kept_) {
    if (kept.is<NamespaceRef>()) kept.as<NamespaceRef>()->entries.clear();
    if (kept.is<DictRef>()) kept.as<DictRef>()->entries.clear();
    if (kept.is<ListRef>()) kept.as<ListRef>()->items.clear();
  }
}

void Renderer::define(std::string_view name, Value value) {
  if (const NameId id = program.find(name); id >= 0) outermost_[static_cast<size_t>(id)] = std::move(value);
}

Text Renderer::run() {
  Text text;
  out_ = &text;
  run(program.body);
  return text;
}

Value Renderer::evaluate(Expr e) {
  if (depth_ >= budget.limits.depth)
    fail("expressions, loops or macros are nested too deeply", "",
         fmt::format("at most {} levels", budget.limits.depth));
  budget.line = e->line;
  budget.step();
  depth_++;
  Value value = e->value(*this);
  depth_--;
  budget.line = e->line;
  return value;
}

Flow Renderer::run(const Body& body) {
  if (depth_ >= budget.limits.depth)
    fail("expressions, loops or macros are nested too deeply", "",
         fmt::format("at most {} levels", budget.limits.depth));
  depth_++;
  Flow flow = Flow::next;
  for (const Statement* statement : body) {
    budget.line = statement->line;
    budget.step();
    if ((flow = statement->run(*this)) != Flow::next) break;
  }
  depth_--;
  return flow;
}

void Renderer::emit(std::string_view bytes, Origin origin) {
  budget.copy(bytes.size());
  budget.check_text(out_->size() + bytes.size());
  budget.take(bytes.size());
  out_->append(bytes, origin);
}

void Renderer::emit(const Value& value) {
  const size_t before = out_->size();
  write_text(*out_, value, budget);
  budget.take(out_->size() - before);
}

const Value* Renderer::look_up(NameId name) {
  for (const Scope* s = scope.get(); s; s = s->outer.get()) {
    budget.step(s->variables.size() / 8);
    for (const auto& [own, value] : s->variables)
      if (own == name) return &value;
  }
  const auto& found = outermost_[static_cast<size_t>(name)];
  return found ? &*found : nullptr;
}

void Renderer::assign(NameId name, Value value) {
  if (!scope) {
    outermost_[static_cast<size_t>(name)] = std::move(value);
    return;
  }
  budget.step(scope->variables.size() / 8);
  for (auto& [own, old] : scope->variables)
    if (own == name) {
      old = std::move(value);
      return;
    }
  scope->variables.emplace_back(name, std::move(value));
}

void Renderer::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const ListRef parts = elements(value);
    if (parts->items.size() != target.parts.size())
      fail("a value is unpacked into too few or too many names", fmt::format("{} values", parts->items.size()),
           fmt::format("{}", target.parts.size()));
    for (size_t i = 0; i < target.parts.size(); i++) assign(target.parts[i], parts->items[i]);
  } else if (target.attribute) {
    const Value* object = look_up(target.name);
    if (!object) fail_undefined(budget, Undefined{target.spelling});
    if (!object->is<NamespaceRef>())
      fail("only attributes of a namespace can be set", described(*object), "a namespace()");
    object->as<NamespaceRef>()->set(Value(target.attribute), value);
  } else {
    assign(target.name, value);
  }
}

NamespaceRef Renderer::make_namespace() {
  auto made = std::make_shared<Namespace>(&budget);
  keep(Value(made));
  return made;
}

ScopeRef Renderer::keep(ScopeRef kept) {
  if (!kept) return kept;
  budget.take(sizeof(Scope) + sizeof kept);
  kept_scopes_.push_back(kept);
  return kept;
}

void Renderer::keep(const Value& container) {
  bool& kept = container.is<ListRef>()   ? container.as<ListRef>()->kept
               : container.is<DictRef>() ? container.as<DictRef>()->kept
                                         : container.as<NamespaceRef>()->kept;
  if (std::exchange(kept, true)) return;
  budget.take(sizeof container);
  kept_.push_back(container);
}

Value Renderer::attribute(const Value& object, const StringRef& name) {
  const std::string& spelling = name->text.bytes();
  if (object.is<Undefined>()) fail_undefined(budget, object.as<Undefined>());
  if (const MethodFunction method = find_method(*this, object, spelling))
    return std::make_shared<Method>(&budget, spelling, object, method);
  const Value* found = nullptr;
  if (object.is<DictRef>()) found = object.as<DictRef>()->find(Value(name));
  if (object.is<NamespaceRef>()) found = object.as<NamespaceRef>()->find(Value(name));
  if (object.is<CallableRef>())
    if (auto own = object.as<CallableRef>()->attribute(*this, spelling)) return *own;
  return found ? *found : Value(Undefined{name});
}

Value Renderer::item(const Value& object, const Value& key) {
  if (object.is<Undefined>()) fail_undefined(budget, object.as<Undefined>());
  if (object.is<DictRef>() && !key.is<ListRef>() && !key.is<DictRef>())
    if (const Value* found = object.as<DictRef>()->find(key)) return *found;
  if (key.is_text()) return attribute(object, key.as<StringRef>());
  if (key.is_integer() && object.is<ListRef>() && is_indexable(object.as<ListRef>()->kind)) {
    const auto& items = object.as<ListRef>()->items;
    const auto size = static_cast<int64_t>(items.size());
    const int64_t at = key.integer() < 0 ? key.integer() + size : key.integer();
    if (at >= 0 && at < size) return items[static_cast<size_t>(at)];
  }
  if (key.is_integer() && object.is_text()) {
    const std::string& bytes = object.bytes();
    budget.copy(bytes.size());
    const auto size = static_cast<int64_t>(n_characters(bytes));
    const int64_t at = key.integer() < 0 ? key.integer() + size : key.integer();
    if (at >= 0 && at < size) {
      const size_t begin = byte_of_character(bytes, static_cast<size_t>(at));
      size_t end = begin;
      next_character(bytes, end);
      return text(object.text().slice(begin, end));
    }
  }
  return Undefined{};
}

Value Renderer::path(const Value& object, const Value& attributes) {
  if (attributes.is_integer()) return item(object, attributes);
  if (!attributes.is_text()) fail("an attribute name is not a string", described(attributes));
  Value at = object;
  const std::string_view all = attributes.bytes();
  size_t begin = 0;
  for (bool more = true; more;) {
    const size_t dot = std::min(all.find('.', begin), all.size());
    const std::string_view part = all.substr(begin, dot - begin);
    const Text spelling = attributes.text().slice(begin, dot);
    more = dot < all.size();
    begin = dot + 1;
    int64_t index = 0;
    const bool is_index =
        !part.empty() &&
        std::from_chars(part.data(), part.data() + part.size(), index).ptr == part.data() + part.size() &&
        part[0] != '-';
    at = item(at, is_index ? Value(index) : text(spelling));
  }
  return at;
}

Value Renderer::call(const Value& callee, const Arguments& arguments) {
  if (callee.is<Undefined>()) fail_undefined(budget, callee.as<Undefined>());
  if (!callee.is<CallableRef>()) fail(described(callee) + " cannot be called");
  const CallableRef kept = callee.as<CallableRef>();
  return kept->call(*this, arguments);
}

ListRef Renderer::elements(const Value& value) {
  std::vector<Value> items;
  if (value.is<ListRef>()) {
    const ListRef& own = value.as<ListRef>();
    if (own->kind != ListKind::generator) return own;
    items = std::exchange(own->items, {});
  } else if (value.is<DictRef>()) {
    for (const auto& entry : value.as<DictRef>()->entries) items.push_back(entry.first);
  } else if (value.is_text()) {
    const std::string& bytes = value.bytes();
    for (size_t at = 0; at < bytes.size();) {
      const size_t from = at;
      next_character(bytes, at);
      budget.step();
      items.push_back(text(value.text().slice(from, at)));
    }
  } else if (!value.is<Undefined>()) {
    fail(described(value) + " cannot be iterated");
  }
  return std::make_shared<List>(&budget, std::move(items), ListKind::list);
}

Bound::Bound(Renderer& r, std::string_view callee, const Arguments& arguments,
             std::initializer_list<std::string_view> parameters, size_t n_required)
    : renderer_(r), callee_(callee) {
  if (arguments.positional.size() > parameters.size())
    r.fail(fmt::format("{} has too many arguments", callee), fmt::format("{}", arguments.positional.size()),
           fmt::format("at most {}", parameters.size()));
  for (size_t i = 0; i < arguments.positional.size(); i++) arguments_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* const at = std::find(parameters.begin(), parameters.end(), name.bytes());
    if (at == parameters.end()) r.fail(fmt::format("{} has no argument '{}'", callee, name.bytes()));
    const Value*& argument = arguments_[at - parameters.begin()];
    if (argument) r.fail(fmt::format("{} has the argument '{}' twice", callee, name.bytes()));
    argument = &value;
  }
  for (size_t i = 0; i < n_required; i++)
    if (!arguments_[i]) r.fail(fmt::format("{} lacks the argument '{}'", callee, parameters.begin()[i]));
}

int64_t Bound::integer(size_t i, int64_t otherwise) const {
  if (!arguments_[i]) return otherwise;
  if (arguments_[i]->is<Undefined>()) fail_undefined(renderer_.budget, arguments_[i]->as<Undefined>());
  if (!arguments_[i]->is_integer())
    renderer_.fail(fmt::format("an argument of {} is not an integer", callee_), described(*arguments_[i]));
  return arguments_[i]->integer();
}

const Text& Bound::text(size_t i) const {
  if (!arguments_[i]) renderer_.fail(fmt::format("{} lacks an argument", callee_));
  if (arguments_[i]->is<Undefined>()) fail_undefined(renderer_.budget, arguments_[i]->as<Undefined>());
  if (!arguments_[i]->is_text())
    renderer_.fail(fmt::format("an argument of {} is not a string", callee_), described(*arguments_[i]));
  return arguments_[i]->text();
}

}  // namespace ingot::jinja
