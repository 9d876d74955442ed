// Numbers and strings: what all schemas say of them as one automaton.
#include "grammar/decimal_patterns.h"
#include "grammar/schema_grammar.h"
#include "grammar/string_formats.h"

namespace ingot::grammar {
namespace {

constexpr int exact_digits = 15;    // decimal numbers of that many digits are told apart by a double
constexpr int spelled_digits = 17;  // and that many spell every double
constexpr uint32_t largest_divisor = 10000;

}  // namespace

Id SchemaGrammar::build_number(const Conjunction& schemas, bool integers) {
  std::vector<std::string> bounds;
  std::vector<uint32_t> divisors;
  size_t whole_digits = 1;
  bool strict = false;
  for (const Part& part : schemas) {
    const Json& schema = *part.schema;
    auto bound = [&](const char* keyword, const char* exclusive, auto pattern) {
      for (const char* name : {keyword, exclusive}) {
        const Json* value = find(schema, name);
        if (!value || (name == exclusive && value->is_boolean())) continue;
        if (!value->is_number()) document_.fail(schema, name, "not a number", value->dump());
        const Json* flag = find(schema, exclusive);  // draft 4: a flag beside the bound
        const bool is_strict = name == exclusive || (flag && flag->is_boolean() && flag->get<bool>());
        const Decimal decimal = parse_decimal(value->dump());
        strict |= is_strict;
        whole_digits = std::max(whole_digits, decimal.whole.size());
        bounds.push_back(pattern(decimal, is_strict));
      }
    };
    bound("minimum", "exclusiveMinimum", at_least_pattern);
    bound("maximum", "exclusiveMaximum", at_most_pattern);
    if (const Json* divisor = find(schema, "multipleOf")) {
      const double value = divisor->is_number() ? divisor->get<double>() : 0;
      if (value != std::floor(value) || value < 1 || value > largest_divisor)
        document_.fail(schema, "multipleOf", "this cannot be enforced", divisor->dump(),
                       "a whole number, 1 … " + std::to_string(largest_divisor));
      divisors.push_back(static_cast<uint32_t>(value));
      integers = true;
    }
  }
  const std::string shape =
      integers         ? integer_pattern
      : bounds.empty() ? number_pattern
                       : plain_number_pattern(strict ? exact_digits - static_cast<int>(whole_digits) : spelled_digits);
  Automaton language = Automaton::of(parse_pattern(shape), false, budget_);
  for (const std::string& bound : bounds)
    language = language.intersection(Automaton::of(parse_pattern(bound), false, budget_), budget_);
  for (uint32_t divisor : divisors) language = language.intersection(Automaton::multiples(divisor, budget_), budget_);
  return language.expression(grammar_, utf8);
}

const Automaton& SchemaGrammar::pattern(const Json& schema, const std::string& text, bool anywhere) {
  if (auto known = patterns_.find({text, anywhere}); known != patterns_.end()) return known->second;
  try {
    return patterns_.emplace(std::pair{text, anywhere}, Automaton::of(parse_pattern(text), anywhere, budget_))
        .first->second;
  } catch (const Error& e) {
    if (!anywhere || budget_.exhausted()) throw;
    document_.fail(schema, "", e.what());
  }
}

std::optional<Automaton> SchemaGrammar::string_language(const Conjunction& schemas, bool with_length) {
  std::optional<Automaton> language;
  auto narrow = [&](const Automaton& to) { language = language ? language->intersection(to, budget_) : to; };
  for (const Part& part : schemas) {
    if (const Json* text = find(*part.schema, "pattern")) {
      if (!text->is_string()) document_.fail(*part.schema, "pattern", "not a string", text->dump());
      narrow(pattern(*part.schema, text->get<std::string>(), true));
    }
    if (const Json* name = find(*part.schema, "format")) {
      const std::string known = name->is_string() ? format_pattern(name->get<std::string>()) : "";
      if (known.empty())
        document_.fail(*part.schema, "format", "an unknown format cannot be enforced", name->dump(), format_names());
      narrow(pattern(*part.schema, known, false));
    }
  }
  const uint32_t min = largest(schemas, "minLength"), max = smallest(schemas, "maxLength");
  if ((language || with_length) && max < min) return Automaton::of(std::vector<std::string>{}, budget_);
  if ((language || with_length) && (min > 0 || max != unlimited)) narrow(Automaton::of_length(min, max, budget_));
  return language;
}

Id SchemaGrammar::build_string(const Conjunction& schemas) {
  const auto language = string_language(schemas, false);
  if (!language) return free_string(largest(schemas, "minLength"), smallest(schemas, "maxLength"));
  return grammar_.sequence({grammar_.text("\""), language->expression(grammar_, json_character), grammar_.text("\"")});
}

/// A string of any characters, each written in any way that JSON has; surrogates only in pairs.
Id SchemaGrammar::free_string(uint32_t min, uint32_t max) {
  if (max < min) return grammar_.nothing();
  auto one_of = [&](const char* members) {
    ByteSet set;
    for (const char* c = members; *c; c++) set.set(static_cast<uint8_t>(*c));
    return grammar_.bytes(set);
  };
  const Id hex = one_of("0123456789abcdefABCDEF"), d = one_of("dD"), u = grammar_.text("\\u");
  const Id low = grammar_.sequence({u, d, one_of("cdefCDEF"), hex, hex}),
           high = grammar_.sequence({d, one_of("89abAB"), hex, hex});
  const Id others = grammar_.choice({grammar_.sequence({one_of("0123456789abcefABCEF"), hex, hex, hex}),
                                     grammar_.sequence({d, one_of("01234567"), hex, hex})});
  const Id escaped = grammar_.choice({grammar_.sequence({grammar_.text("\\"), one_of("\"\\/bfnrt")}),
                                      grammar_.sequence({u, others}), grammar_.sequence({u, high, low})});
  const Id raw = utf8(grammar_, CharacterSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.complement());
  return grammar_.sequence(
      {grammar_.text("\""), grammar_.repeat(grammar_.choice({raw, escaped}), min, max), grammar_.text("\"")});
}

}  // namespace ingot::grammar
