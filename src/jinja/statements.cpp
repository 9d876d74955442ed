// What statements do: write text, branch, repeat, assign, define macros.
#include <fmt/core.h>

#include <algorithm>

#include "jinja/renderer.h"

namespace ingot::jinja {
namespace {

/// The `loop` variable of a body: its position; when called, it runs the loop over another sequence (recursive loops).
class Loop : public Callable, public std::enable_shared_from_this<Loop> {
 public:
  Loop(Budget* budget, const For& node, ListRef items, int level, ScopeRef outer)
      : Callable(budget, "loop", items->depth + 1),
        node_(node),
        items_(std::move(items)),
        level_(level),
        outer_(std::move(outer)) {}
  size_t index = 0;

  Value call(Renderer& r, const Arguments& arguments) override;
  std::optional<Value> attribute(Renderer& r, std::string_view name) override;
  /// Runs the body once for every item.
  static void run(Renderer& r, const For& node, const Value& sequence, int level, const ScopeRef& outer);

 private:
  Value changed(Renderer& r, const Arguments& arguments) {
    const Value now = r.list(arguments.positional, ListKind::tuple);
    const bool differs = !last_ || !equal(*last_, now, r.budget);
    last_ = now;
    return differs;
  }

  const For& node_;
  ListRef items_;
  int level_;
  ScopeRef outer_;
  std::optional<Value> last_;
};

Value Loop::call(Renderer& r, const Arguments& arguments) {
  if (!node_.recursive)
    r.fail("loop() is called in a loop that is not recursive", "", "", "write {% for … recursive %}");
  const Bound bound(r, "loop", arguments, {"iterable"}, 1);
  const Value sequence = *bound[0];
  return r.capture([&] { run(r, node_, sequence, level_ + 1, outer_); });
}

std::optional<Value> Loop::attribute(Renderer& r, std::string_view name) {
  const auto number = [](size_t n) { return Value(static_cast<int64_t>(n)); };
  const size_t n = items_->items.size();
  if (name == "index") return number(index + 1);
  if (name == "index0") return number(index);
  if (name == "revindex") return number(n - index);
  if (name == "revindex0") return number(n - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == n);
  if (name == "length") return number(n);
  if (name == "depth") return number(static_cast<size_t>(level_) + 1);
  if (name == "depth0") return number(static_cast<size_t>(level_));
  if (name == "previtem") return index > 0 ? items_->items[index - 1] : Value(Undefined{});
  if (name == "nextitem") return index + 1 < n ? items_->items[index + 1] : Value(Undefined{});
  if (name == "cycle")
    return Value(std::make_shared<Function>(&r.budget, "cycle", [at = index](Renderer& inside, const Arguments& a) {
      if (a.positional.empty()) inside.fail("loop.cycle needs at least one argument");
      return a.positional[at % a.positional.size()];
    }));
  if (name == "changed") {
    // Not kept by the function: the loop keeps what it is called with.
    return Value(std::make_shared<Function>(&r.budget, "changed",
                                            [weak = weak_from_this()](Renderer& inside, const Arguments& a) {
                                              const auto loop = weak.lock();
                                              if (!loop) inside.fail("loop.changed is called outside of its loop");
                                              return loop->changed(inside, a);
                                            }));
  }
  return std::nullopt;
}

void Loop::run(Renderer& r, const For& node, const Value& sequence, int level, const ScopeRef& outer) {
  ListRef items = r.elements(sequence);
  if (node.condition) {
    std::vector<Value> chosen;
    for (size_t i = 0; i < items->items.size(); i++) {
      const Renderer::Inner inner(r, outer);
      r.assign(node.target, items->items[i]);
      if (truth(r.evaluate(node.condition))) chosen.push_back(items->items[i]);
    }
    items = r.list(std::move(chosen)).as<ListRef>();
  } else if (sequence.is<ListRef>()) {
    items = r.list(items->items).as<ListRef>();  // the body may change the list
  }
  const NameId loop_name = r.program.find("loop");
  const auto loop = std::make_shared<Loop>(&r.budget, node, items, level, node.recursive ? r.keep(outer) : nullptr);
  for (; loop->index < items->items.size(); loop->index++) {
    r.budget.step();
    const Renderer::Inner inner(r, outer);
    if (loop_name >= 0) r.assign(loop_name, Value(CallableRef(loop)));
    r.assign(node.target, items->items[loop->index]);
    if (r.run(node.body) == Flow::break_loop) break;
  }
  if (items->items.empty() && !node.otherwise.empty()) {
    const Renderer::Inner inner(r, outer);
    r.run(node.otherwise);
  }
}

class Macro : public Callable {
 public:
  Macro(Renderer& r, const MacroDefinition& node)
      : Callable(&r.budget, node.spelling->text.bytes()), node_(node), outer_(r.keep(r.scope)) {}
  Value call(Renderer& r, const Arguments& arguments) override;
  std::optional<Value> attribute(Renderer&, std::string_view name) override {
    if (name == "name") return Value(node_.spelling);
    return std::nullopt;
  }

 private:
  const MacroDefinition& node_;
  ScopeRef outer_;
};

Value Macro::call(Renderer& r, const Arguments& arguments) {
  const size_t n = node_.parameters.size(), n_given = arguments.positional.size();
  std::vector<std::optional<Value>> values(n);
  for (size_t i = 0; i < std::min(n, n_given); i++) values[i] = arguments.positional[i];
  std::vector<Value> further;
  if (n_given > n && !node_.takes_varargs)
    r.fail(fmt::format("the macro {} has too many arguments", name()), fmt::format("{}", n_given),
           fmt::format("at most {}", n));
  for (size_t i = n; i < n_given; i++) further.push_back(arguments.positional[i]);
  const DictRef named = r.dict();
  Value caller = Undefined{};
  for (const auto& [name, value] : arguments.named) {
    const size_t at = static_cast<size_t>(
        std::ranges::find(node_.parameter_names, name.bytes(), [](const StringRef& s) { return s->text.bytes(); }) -
        node_.parameter_names.begin());
    if (at < n) {
      if (values[at]) r.fail(fmt::format("the macro {} has the argument '{}' twice", this->name(), name.bytes()));
      values[at] = value;
    } else if (name.bytes() == "caller" && node_.takes_caller) {
      caller = value;
    } else if (node_.takes_kwargs) {
      named->set(r.text(name), value);
    } else {
      r.fail(fmt::format("the macro {} has no argument '{}'", this->name(), name.bytes()));
    }
  }
  const Renderer::Inner inner(r, outer_);
  // A default may refer to other parameters; one without a value is undefined by then, even in its own default.
  for (size_t i = 0; i < n; i++) {
    const Value missing = Undefined{node_.parameter_names[i]};
    r.assign(node_.parameters[i].first, values[i].value_or(missing));
  }
  for (size_t i = 0; i < n; i++)
    if (const auto& [name, otherwise] = node_.parameters[i]; !values[i] && otherwise)
      r.assign(name, r.evaluate(otherwise));
  if (node_.takes_varargs) r.assign(r.program.find("varargs"), r.list(std::move(further), ListKind::tuple));
  if (node_.takes_kwargs) r.assign(r.program.find("kwargs"), named);
  if (node_.takes_caller && r.program.find("caller") >= 0) r.assign(r.program.find("caller"), caller);
  return r.capture([&] { r.run(node_.body); });
}

}  // namespace

Flow Literal::run(Renderer& r) const {
  r.emit(text, Origin::of_template());
  return Flow::next;
}

Flow Output::run(Renderer& r) const {
  r.emit(r.evaluate(expression));
  return Flow::next;
}

Flow If::run(Renderer& r) const {
  for (const auto& [condition, branch] : branches)
    if (truth(r.evaluate(condition))) return r.run(branch);
  return r.run(otherwise);
}

Flow For::run(Renderer& r) const {
  const Value items = r.evaluate(sequence);
  Loop::run(r, *this, items, 0, r.scope);
  return Flow::next;
}

Flow Set::run(Renderer& r) const {
  if (expression) {
    r.assign(target, r.evaluate(expression));
    return Flow::next;
  }
  Flow flow = Flow::next;
  Value written = r.capture([&] {
    const Renderer::Inner inner(r);
    flow = r.run(body);
  });
  if (filter) {
    r.block_text = written;
    written = r.evaluate(filter);
  }
  r.assign(target, written);
  return flow;
}

Flow MacroDefinition::run(Renderer& r) const {
  r.assign(name, Value(CallableRef(std::make_shared<Macro>(r, *this))));
  return Flow::next;
}

Flow CallBlock::run(Renderer& r) const {
  const Value function = r.evaluate(call->callee);
  Arguments arguments = call->arguments.evaluate(r);
  arguments.named.emplace_back(Words("caller"), Value(CallableRef(std::make_shared<Macro>(r, *caller))));
  r.emit(r.call(function, arguments));
  return Flow::next;
}

Flow FilterBlock::run(Renderer& r) const {
  Flow flow = Flow::next;
  r.block_text = r.capture([&] {
    const Renderer::Inner inner(r);
    flow = r.run(body);
  });
  r.emit(r.evaluate(filter));
  return flow;
}

Flow With::run(Renderer& r) const {
  std::vector<Value> values;  // of the names as they are outside
  for (const auto& [target, e] : variables) values.push_back(r.evaluate(e));
  const Renderer::Inner inner(r);
  for (size_t i = 0; i < values.size(); i++) r.assign(variables[i].first, values[i]);
  return r.run(body);
}

}  // namespace ingot::jinja
