// Values of a template, as Python has them: undefined, None, bool, int, float, str, list and its relatives, dict,
// namespace, and what can be called. Strings, lists and dicts are shared, and counted in the budget of the rendering
// that made them.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/keyed_hash.h"
#include "jinja/budget.h"
#include "jinja/text.h"

namespace ingot::jinja {

/// Bytes that count while the object lives.
class Held {
 public:
  Held(Budget* budget, size_t bytes) : budget_(budget) { hold(bytes); }
  ~Held() {
    if (budget_) budget_->give_back(bytes_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void hold(size_t bytes) {
    if (budget_) budget_->take(bytes);
    bytes_ += bytes;
  }

 private:
  Budget* budget_;  // null for constants of the template
  size_t bytes_ = 0;
};

struct String : Held {
  String(Budget* budget, Text t)
      : Held(budget, sizeof(String) + 32 + t.size() + t.n_parts() * sizeof(Origin) * 6), text(std::move(t)) {}
  const Text text;
};

struct List;
struct Dict;
struct Namespace;
class Callable;
using StringRef = std::shared_ptr<const String>;
using ListRef = std::shared_ptr<List>;
using DictRef = std::shared_ptr<Dict>;
using NamespaceRef = std::shared_ptr<Namespace>;
using CallableRef = std::shared_ptr<Callable>;
class BigInteger;
using BigRef = std::shared_ptr<const BigInteger>;  ///< beyond 64 bits; see whole.h

struct Undefined {
  StringRef name;  ///< what was looked for; may be null
};
struct None {};

class Value : public std::variant<Undefined, None, bool, int64_t, double, StringRef, ListRef, DictRef, NamespaceRef,
                                  CallableRef, BigRef> {
 public:
  using variant::variant;
  template <typename T> bool is() const { return std::holds_alternative<T>(*this); }
  template <typename T> const T& as() const { return std::get<T>(*this); }
  bool is_text() const { return is<StringRef>(); }
  const Text& text() const { return as<StringRef>()->text; }
  const std::string& bytes() const { return text().bytes(); }
  bool is_integer() const {
    return is<int64_t>() || is<bool>();
  }  ///< one that an int64_t holds; Python's bool is an int
  bool is_whole() const { return is_integer() || is<BigRef>(); }  ///< of any size
  int64_t integer() const { return is<bool>() ? as<bool>() : as<int64_t>(); }
  bool is_number() const { return is_whole() || is<double>(); }
  double number() const;  ///< the nearest float
};

/// What Python iterates in its own ways: views and ranges cannot be changed, a generator can be walked once.
enum class ListKind : uint8_t { list, tuple, range, generator, keys, values, items };

struct List : Held {
  List(Budget* budget, std::vector<Value> values, ListKind k);
  ListKind kind;
  std::vector<Value> items;
  int depth = 1;      ///< of lists and dicts inside each other
  bool kept = false;  ///< by the renderer, to its end
};

/// In order of insertion. Few entries are searched one by one, many through an index.
struct Dict : Held {
  explicit Dict(Budget* budget) : Held(budget, sizeof(Dict)), counted_(budget) {}
  std::vector<std::pair<Value, Value>> entries;
  int depth = 1;
  bool kept = false;
  /// Null when there is none. Errors: a key that Python cannot hash.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);
  void erase(const Value& key);

 private:
  size_t position(const Value& key) const;
  const HashMap<std::string, size_t>& index() const;
  Budget* counted_;
  mutable HashMap<std::string, size_t> index_;  // empty: not made
};

struct Namespace : Dict {
  using Dict::Dict;
};

/// Arguments of a call, filter or test.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Text, Value>> named;
};

class Renderer;

/// Macros, functions, bound methods, the loop.
class Callable : public Held {
 public:
  /// `depth`: of the values that it keeps.
  Callable(Budget* budget, std::string name, int depth = 0)
      : Held(budget, sizeof(Callable) + 64), name_(std::move(name)), depth_(depth) {}
  virtual ~Callable() = default;
  const std::string& name() const { return name_; }
  int depth() const { return depth_; }
  virtual Value call(Renderer& renderer, const Arguments& arguments) = 0;
  virtual std::optional<Value> attribute(Renderer&, std::string_view) { return std::nullopt; }

 private:
  std::string name_;
  int depth_;
};

Value make_text(Budget& budget, Text text);
Value make_list(Budget& budget, std::vector<Value> items, ListKind kind = ListKind::list);

[[noreturn]] void fail(const Budget& budget, const std::string& what, const std::string& got = "",
                       const std::string& expected = "", const std::string& advice = "");
/// "'x' is undefined"
[[noreturn]] void fail_undefined(const Budget& budget, const Undefined& value);
/// As Python calls it: "int", "str", …
std::string type_name(const Value& value);
/// "a list", "the string 'abc…'": for errors.
std::string described(const Value& value);
int depth_of(const Value& value);

bool truth(const Value& value);
bool equal(const Value& a, const Value& b, Budget& budget, int depth = 0);
/// Below 0, 0 or above 0. Errors: values that Python does not order.
int compare(const Value& a, const Value& b, Budget& budget, int depth = 0);

/// Python's str(): what `{{ value }}` writes.
void write_text(Text& out, const Value& value, Budget& budget);
/// Python's repr(): how a value reads inside a list.
void write_repr(Text& out, const Value& value, Budget& budget, int depth = 0);
/// str() as a text.
Text to_text(const Value& value, Budget& budget);
/// As Python writes a float: shortest digits that read back as the same.
std::string float_text(double x);

}  // namespace ingot::jinja
