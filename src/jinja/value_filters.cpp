// Filters of single values: defaults, numbers, JSON; and the lookup of filters.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "jinja/filters.h"
#include "jinja/json.h"
#include "jinja/strings.h"
#include "jinja/unicode.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

Value default_value(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "default", a, {"default_value", "boolean"});
  const bool missing = input.is<Undefined>() || (b.truth(1, false) && !truth(input));
  return !missing ? input : b[0] ? *b[0] : r.text(Text());
}

Value length(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "length", a, {});
  if (input.is<Undefined>()) return int64_t{0};
  if (input.is_text()) {
    r.budget.copy(input.bytes().size());
    return static_cast<int64_t>(n_characters(input.bytes()));
  }
  if (input.is<DictRef>()) return static_cast<int64_t>(input.as<DictRef>()->entries.size());
  if (input.is<ListRef>() && input.as<ListRef>()->kind != ListKind::generator)
    return static_cast<int64_t>(input.as<ListRef>()->items.size());
  r.fail(described(input) + " has no length", "", "", input.is<ListRef>() ? "make a list of it with |list" : "");
}

Value abs(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "abs", a, {});
  if (!input.is_number()) r.fail("abs needs a number", described(input));
  if (input.is<double>()) return std::abs(input.as<double>());
  if (compare(input, Value(int64_t{0}), r.budget) < 0)
    return arithmetic(r, BinaryOp::subtract, Value(int64_t{0}), input);
  return input.is<bool>() ? Value(input.integer()) : input;
}

/// The ASCII spelling of a number: without surrounding white space and underscores between digits, and with digits of
/// any script converted. `letters` may be digits too, or the x of 0x. Nothing if Python does not accept an underscore.
std::optional<std::string> number_spelling(const Text& text, bool letters) {
  const Ends ends = strip(text.bytes(), nullptr, true, true);
  const std::string_view spelled = std::string_view(text.bytes()).substr(ends.begin, ends.end - ends.begin);
  const auto is_separator = [](char c) { return c >= 0x1C && c <= 0x1F; };  // white space elsewhere
  if (std::ranges::any_of(text.bytes(), is_separator)) return std::nullopt;
  std::string ascii;
  bool after_digit = false, owes_digit = false;
  for (size_t at = 0; at < spelled.size();) {
    const size_t from = at;
    const char32_t c = next_character(spelled, at);
    if (c == U'_') {
      if (!after_digit) return std::nullopt;
      after_digit = false, owes_digit = true;
      continue;
    }
    const auto digit = decimal_value(c);
    after_digit = digit || (letters && c < 0x80 && is_alpha(c));
    if (owes_digit && !after_digit) return std::nullopt;
    owes_digit = false;
    if (digit)
      ascii += static_cast<char>('0' + *digit);
    else
      ascii += spelled.substr(from, at - from);
  }
  return owes_digit ? std::nullopt : std::optional(ascii);
}

/// The number that a text spells, as Python reads it.
std::optional<double> spelled_float(const Text& text) {
  const std::string digits = number_spelling(text, false).value_or("");
  if (digits.empty() || digits.find_first_of("xXpP(") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double x = std::strtod(digits.c_str(), &end);
  return end == digits.c_str() + digits.size() ? std::optional(x) : std::nullopt;
}

std::optional<Value> spelled_integer(Renderer& r, const Text& text, int base) {
  std::string digits = number_spelling(text, true).value_or("");
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (digits.size() > 2 && digits[0] == '0') {
    const char prefix = static_cast<char>(digits[1] | 0x20);
    if ((base == 16 && prefix == 'x') || (base == 8 && prefix == 'o') || (base == 2 && prefix == 'b'))
      digits.erase(0, 2);
  }
  const auto is_digit = [base](char c) {
    const int value = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                               : 99;
    return value < base;
  };
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  return whole(&r.budget, std::string(negative ? "-" : "").append(digits), base);
}

Value to_integer(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "int", a, {"default", "base"});
  const int64_t base = b.integer(1, 10);
  if (base < 2 || base > 36) r.fail("int has a base that is not supported", fmt::format("{}", base), "2 to 36");
  if (input.is_whole()) return input.is<bool>() ? Value(input.integer()) : input;
  std::optional<double> x;
  if (input.is_text()) {
    if (const auto whole = spelled_integer(r, input.text(), static_cast<int>(base))) return *whole;
    x = spelled_float(input.text());
  } else if (input.is<double>()) {
    x = input.as<double>();
  }
  if (x && std::isfinite(*x)) return whole(&r.budget, *x);
  return b[0] ? *b[0] : Value(int64_t{0});
}

Value to_float(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "float", a, {"default"});
  if (input.is_number()) return input.number();
  if (input.is_text())
    if (const auto x = spelled_float(input.text())) return *x;
  return b[0] ? *b[0] : Value(0.0);
}

Value round_value(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "round", a, {"precision", "method"});
  const int64_t precision = b.integer(0, 0);
  const std::string method = b[1] ? b.text(1).bytes() : "common";
  if (!input.is_number()) r.fail("round needs a number", described(input));
  if (method != "common" && method != "ceil" && method != "floor")
    r.fail("round does not know this method", method, "common, ceil or floor");
  if (precision < 0 || precision > 300)
    r.fail("round has a precision that is not supported", fmt::format("{}", precision), "0 to 300");
  if (method == "common") {
    if (input.is_whole()) return input.is<bool>() ? Value(input.integer()) : input;
    return std::strtod(fmt::format("{:.{}f}", input.number(), static_cast<int>(precision)).c_str(), nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(precision)), scaled = input.number() * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value attr(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "attr", a, {"name"}, 1);
  b.text(0);
  if (input.is<DictRef>() && !find_method(r, input, b.text(0).bytes()))
    return Undefined{b[0]->as<StringRef>()};  // attributes only, no keys
  return r.attribute(input, b[0]->as<StringRef>());
}

Value tojson(Renderer& r, const Value& input, const Arguments& a) {
  // As chat templates know it: nothing is escaped for HTML, and more arguments than jinja2's own.
  const Bound b(r, "tojson", a, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = b.truth(0, false);
  style.sort_keys = b.truth(3, false);
  if (b.has(1)) style.indent = *b[1];
  if (b.has(2)) {
    const ListRef both = r.elements(*b[2]);
    if (both->items.size() != 2 || !both->items[0].is_text() || !both->items[1].is_text())
      r.fail("the separators of tojson are two strings");
    style.item_separator = both->items[0].text();
    style.key_separator = both->items[1].text();
  }
  return r.text(write_json(r.budget, input, style));
}

Value from_json(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "from_json", a, {});
  if (!input.is_text()) r.fail("from_json reads strings", described(input));
  r.budget.copy(16 * input.text().size());
  return read_json(
      r.budget, input.bytes(), [origin = input.text().origin()] { return origin; },
      fmt::format("line {}: the text that from_json gets", r.budget.line));
}

const Filters& filters() {
  static const Filters all = [] {
    Filters filters;
    add_text_filters(filters);
    add_value_filters(filters);
    add_list_filters(filters);
    return filters;
  }();
  return all;
}

}  // namespace

void add_value_filters(Filters& filters) {
  filters.insert({{"default", default_value},
                  {"d", default_value},
                  {"length", length},
                  {"count", length},
                  {"abs", abs},
                  {"int", to_integer},
                  {"float", to_float},
                  {"round", round_value},
                  {"attr", attr},
                  {"tojson", tojson},
                  {"from_json", from_json}});
}

std::vector<std::string_view> filter_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, function] : filters()) names.push_back(name);
  return names;
}

Value apply_filter(Renderer& r, std::string_view name, const Value& input, const Arguments& arguments) {
  const auto found = filters().find(name);
  if (found == filters().end()) r.fail(fmt::format("the filter '{}' is not supported", name));
  return found->second(r, input, arguments);
}

}  // namespace ingot::jinja
