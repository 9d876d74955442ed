// One rendering: the variables, where text goes, and what evaluating costs. Nodes, filters, tests and functions all
// work through it.
#pragma once
#include <ctime>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/nodes.h"

namespace ingot::jinja {

/// Variables of a loop's turn, a macro's call or a `with`. The outermost variables are the renderer's own.
struct Scope {
  std::shared_ptr<Scope> outer;  // null: the outermost variables
  std::vector<std::pair<NameId, Value>> variables;
};
using ScopeRef = std::shared_ptr<Scope>;

class Renderer {
 public:
  /// `now`: what strftime_now tells.
  Renderer(const Program& program, Budget& budget, const std::tm& now);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  /// Sets a variable; ignored if the template does not refer to it.
  void define(std::string_view name, Value value);
  Text run();

  Budget& budget;
  const Program& program;
  const std::tm now;
  ScopeRef scope;
  Value block_text;  // what a filter without an input applies to

  // ---- nodes
  Value evaluate(Expr e);
  Flow run(const Body& body);
  /// What `write` writes, as a value.
  template <typename Write> Value capture(Write&& write) {
    Text text;
    Text* const outside = std::exchange(out_, &text);
    write();
    out_ = outside;
    budget.give_back(text.size());
    return make_text(budget, std::move(text));
  }
  void emit(std::string_view bytes, Origin origin);
  void emit(const Value& value);

  // ---- variables
  const Value* look_up(NameId name);
  void assign(NameId name, Value value);
  void assign(const Target& target, const Value& value);
  /// A scope inside the present one, for as long as it lives.
  class Inner {
   public:
    explicit Inner(Renderer& r) : Inner(r, r.scope) {}
    Inner(Renderer& r, ScopeRef outer) : renderer_(r), before_(r.scope) {
      r.scope = std::make_shared<Scope>(Scope{std::move(outer), {}});
    }
    ~Inner() { renderer_.scope = std::move(before_); }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    Renderer& renderer_;
    ScopeRef before_;
  };

  // ---- values
  Value text(Text t) { return make_text(budget, std::move(t)); }
  Value list(std::vector<Value> items, ListKind kind = ListKind::list) {
    return make_list(budget, std::move(items), kind);
  }
  DictRef dict() { return std::make_shared<Dict>(&budget); }
  NamespaceRef make_namespace();
  /// object.name and object[key], as Python's jinja looks them up.
  Value attribute(const Value& object, const StringRef& name);
  Value item(const Value& object, const Value& key);
  /// "a.b.0": one after the other; as `map(attribute=…)` takes it.
  Value path(const Value& object, const Value& attributes);
  Value call(const Value& callee, const Arguments& arguments);
  /// What a loop over `value` goes through; a generator is empty afterwards. Errors: values that cannot be iterated.
  ListRef elements(const Value& value);
  [[noreturn]] void fail(const std::string& what, const std::string& got = "", const std::string& expected = "",
                         const std::string& advice = "") const {
    jinja::fail(budget, what, got, expected, advice);
  }
  /// Keeps values that may refer to themselves, directly or in a long chain, until the end of the rendering, where they
  /// are destroyed one by one.
  ScopeRef keep(ScopeRef kept);
  void keep(const Value& container);

 private:
  Text* out_ = nullptr;
  int depth_ = 0;
  std::vector<std::optional<Value>> outermost_;  // by NameId
  std::vector<ScopeRef> kept_scopes_;
  std::vector<Value> kept_;
};

// ---- what the renderer finds by name

using MethodFunction = Value (*)(Renderer&, const Value& self, const Arguments&);

/// Null when there is none of that name. Errors: a Python method that is not supported.
MethodFunction find_method(Renderer& r, const Value& self, std::string_view name);
/// Errors: there is no such filter or test.
Value apply_filter(Renderer& r, std::string_view name, const Value& input, const Arguments& arguments);
bool apply_test(Renderer& r, std::string_view name, const Value& input, const Arguments& arguments);
/// What a template may use, by name; methods are those of strings, lists and dicts.
std::vector<std::string_view> filter_names();
std::vector<std::string_view> method_names();
std::vector<std::string_view> function_names();
/// Defines the functions that every template may use.
void define_functions(Renderer& r);

// ---- operators

Value arithmetic(Renderer& r, BinaryOp op, const Value& a, const Value& b);
bool contains(Renderer& r, const Value& container, const Value& element);
Value slice(Renderer& r, const Value& object, const Value& start, const Value& stop, const Value& step);

/// Arguments bound to parameters by position and name. Errors: too many, unknown, twice, missing.
class Bound {
 public:
  Bound(Renderer& r, std::string_view callee, const Arguments& arguments,
        std::initializer_list<std::string_view> parameters, size_t n_required = 0);
  /// Null when it was not given.
  const Value* operator[](size_t i) const { return arguments_[i]; }
  bool has(size_t i) const { return arguments_[i] && !arguments_[i]->is<None>(); }
  int64_t integer(size_t i, int64_t otherwise) const;
  bool truth(size_t i, bool otherwise) const { return arguments_[i] ? jinja::truth(*arguments_[i]) : otherwise; }
  /// The text at `i`, which must be one.
  const Text& text(size_t i) const;

 private:
  Renderer& renderer_;
  std::string_view callee_;
  static constexpr size_t max_arguments = 6;
  const Value* arguments_[max_arguments] = {};
};

/// A function implemented in C++.
class Function : public Callable {
 public:
  using Body = std::function<Value(Renderer&, const Arguments&)>;
  Function(Budget* budget, std::string name, Body body, int depth = 0)
      : Callable(budget, std::move(name), depth), body_(std::move(body)) {}
  Value call(Renderer& r, const Arguments& arguments) override { return body_(r, arguments); }

 private:
  Body body_;
};

}  // namespace ingot::jinja
