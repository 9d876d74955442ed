// The tests after `is`.
#include <fmt/core.h>

#include <cmath>

#include "base/keyed_hash.h"
#include "jinja/renderer.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

using TestFunction = bool (*)(Renderer&, const Value& input, const Arguments&);

/// A test without arguments.
template <bool (*holds)(const Value&)> bool plain(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "the test", a, {});
  return holds(input);
}

bool is_true(const Value& v) { return v.is<bool>() && v.as<bool>(); }
bool is_false(const Value& v) { return v.is<bool>() && !v.as<bool>(); }
bool is_defined(const Value& v) { return !v.is<Undefined>(); }
bool is_undefined(const Value& v) { return v.is<Undefined>(); }
bool is_none(const Value& v) { return v.is<None>(); }
bool is_boolean(const Value& v) { return v.is<bool>(); }
bool is_integer(const Value& v) { return v.is_whole() && !v.is<bool>(); }
bool is_float(const Value& v) { return v.is<double>(); }
bool is_number(const Value& v) { return v.is_number(); }
bool is_string(const Value& v) { return v.is_text(); }
bool is_mapping(const Value& v) { return v.is<DictRef>(); }
bool is_callable(const Value& v) { return v.is<CallableRef>(); }
bool is_iterable(const Value& v) { return v.is_text() || v.is<ListRef>() || v.is<DictRef>() || v.is<Undefined>(); }
/// Has a length and items; so has what is undefined, in jinja2.
bool is_sequence(const Value& v) {
  return v.is_text() || v.is<DictRef>() || v.is<Undefined>() ||
         (v.is<ListRef>() && v.as<ListRef>()->kind <= ListKind::range);
}

template <bool (*wanted)(char32_t)> bool case_is(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "the test", a, {});
  const Text text = to_text(input, r.budget);
  r.budget.copy(8 * text.size());
  return all_cased_are(text.bytes(), wanted);
}

template <int64_t rest> bool is_parity(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "odd or even", a, {});
  return equal(arithmetic(r, BinaryOp::modulo, input, Value(int64_t{2})), Value(rest), r.budget);
}

bool divisible(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "divisibleby", a, {"num"}, 1);
  return equal(arithmetic(r, BinaryOp::modulo, input, *b[0]), Value(int64_t{0}), r.budget);
}

template <CompareOp op> bool compares(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "a comparison", a, {"other"}, 1);
  if constexpr (op == CompareOp::eq) return equal(input, *b[0], r.budget);
  if constexpr (op == CompareOp::ne) return !equal(input, *b[0], r.budget);
  const int order = compare(input, *b[0], r.budget);
  return op == CompareOp::lt   ? order < 0
         : op == CompareOp::le ? order <= 0
         : op == CompareOp::gt ? order > 0
                               : order >= 0;
}

bool is_in(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "in", a, {"seq"}, 1);
  return contains(r, *b[0], input);
}

bool is_same(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "sameas", a, {"other"}, 1);
  if (input.index() != b[0]->index()) return false;
  if (input.is<ListRef>()) return input.as<ListRef>() == b[0]->as<ListRef>();
  if (input.is<DictRef>()) return input.as<DictRef>() == b[0]->as<DictRef>();
  return equal(input, *b[0], r.budget);
}

const HashMap<std::string_view, TestFunction>& tests() {
  static const HashMap<std::string_view, TestFunction> all = {
      {"defined", plain<is_defined>},
      {"undefined", plain<is_undefined>},
      {"none", plain<is_none>},
      {"true", plain<is_true>},
      {"false", plain<is_false>},
      {"boolean", plain<is_boolean>},
      {"integer", plain<is_integer>},
      {"float", plain<is_float>},
      {"number", plain<is_number>},
      {"string", plain<is_string>},
      {"mapping", plain<is_mapping>},
      {"iterable", plain<is_iterable>},
      {"sequence", plain<is_sequence>},
      {"callable", plain<is_callable>},
      {"lower", case_is<is_lower>},
      {"upper", case_is<is_upper>},
      {"odd", is_parity<1>},
      {"even", is_parity<0>},
      {"divisibleby", divisible},
      {"in", is_in},
      {"sameas", is_same},
      {"eq", compares<CompareOp::eq>},
      {"equalto", compares<CompareOp::eq>},
      {"==", compares<CompareOp::eq>},
      {"ne", compares<CompareOp::ne>},
      {"!=", compares<CompareOp::ne>},
      {"lt", compares<CompareOp::lt>},
      {"lessthan", compares<CompareOp::lt>},
      {"<", compares<CompareOp::lt>},
      {"le", compares<CompareOp::le>},
      {"<=", compares<CompareOp::le>},
      {"gt", compares<CompareOp::gt>},
      {"greaterthan", compares<CompareOp::gt>},
      {">", compares<CompareOp::gt>},
      {"ge", compares<CompareOp::ge>},
      {">=", compares<CompareOp::ge>},
  };
  return all;
}

}  // namespace

bool apply_test(Renderer& r, std::string_view name, const Value& input, const Arguments& arguments) {
  const auto found = tests().find(name);
  if (found == tests().end()) r.fail(fmt::format("the test '{}' is not supported", name));
  return found->second(r, input, arguments);
}

}  // namespace ingot::jinja
