// oneOf: a value may satisfy exactly one alternative. A grammar can promise that only where no value can satisfy two,
// which is proven here by types, listed values, strings, bounds or a member that both require.
#include <algorithm>

#include "grammar/schema_grammar.h"

namespace ingot::grammar {
namespace {

constexpr int deepest_proof = 4;

}  // namespace

void SchemaGrammar::refuse_overlap(const Conjunction& schemas, const Json& owner) {
  const Json& listed = *find(owner, "oneOf");
  std::vector<std::optional<Conjunction>> alternatives;
  for (const Json& one : listed) {
    Conjunction with = schemas;
    alternatives.push_back(add(with, one) ? std::optional(with) : std::nullopt);
  }
  for (size_t i = 0; i < alternatives.size(); i++)
    for (size_t k = 0; k < i; k++)
      if (alternatives[i] && alternatives[k] && !disjoint(*alternatives[i], *alternatives[k], 0))
        document_.fail(owner, "oneOf",
                       "alternatives " + std::to_string(k) + " and " + std::to_string(i) +
                           " cannot be shown to exclude each other",
                       "", "", "use anyOf, or a required member whose const tells them apart");
}

/// True: certainly no value satisfies both.
bool SchemaGrammar::disjoint(const Conjunction& a, const Conjunction& b, int depth) {
  budget_.spend(1 + a.size() + b.size());
  const uint8_t both = types(a) & types(b);
  if (!both) return true;
  Json single_a, single_b;
  const Json *values_a = find_values(a, single_a), *values_b = find_values(b, single_b);
  if (values_a && values_b) {
    budget_.spend(values_a->size() * values_b->size());
    return std::ranges::none_of(
        *values_a, [&](const Json& value) { return std::ranges::find(*values_b, value) != values_b->end(); });
  }
  if (both == string) {
    const auto texts = [&](const Conjunction& c, const Json* values) {
      if (!values) return string_language(c, true);
      std::vector<std::string> listed;
      for (const Json& value : *values)
        if (value.is_string()) listed.push_back(value.get<std::string>());
      return std::optional(Automaton::of(listed, budget_));
    };
    const auto of_a = texts(a, values_a), of_b = texts(b, values_b);
    return of_a && of_b && of_a->intersection(*of_b, budget_).empty();
  }
  if ((both & ~(integer | fraction)) == 0) {
    auto range = [&](const Conjunction& c) {
      double low = -INFINITY, high = INFINITY;
      for (const Part& part : c) {
        for (const char* keyword : {"minimum", "exclusiveMinimum"})
          if (const Json* bound = find(*part.schema, keyword); bound && bound->is_number())
            low = std::max(low, bound->get<double>());
        for (const char* keyword : {"maximum", "exclusiveMaximum"})
          if (const Json* bound = find(*part.schema, keyword); bound && bound->is_number())
            high = std::min(high, bound->get<double>());
      }
      return std::pair{low, high};
    };
    return range(a).second < range(b).first || range(b).second < range(a).first;
  }
  if (both != object || depth == deepest_proof) return false;
  auto requires_member = [&](const Conjunction& c, const std::string& name) {
    return std::ranges::any_of(c, [&](const Part& part) {
      const Json* wanted = find(*part.schema, "required");
      return wanted && wanted->is_array() && std::ranges::find(*wanted, Json(name)) != wanted->end();
    });
  };
  for (const Conjunction* one : {&a, &b}) {
    const Conjunction& other = one == &a ? b : a;
    for (const Part& part : *one) {
      const Json* wanted = find(*part.schema, "required");
      if (!wanted || !wanted->is_array()) continue;
      for (const Json& name : *wanted) {
        if (!name.is_string()) continue;
        const auto here = value_of(*one, name.get<std::string>()), there = value_of(other, name.get<std::string>());
        if (!here || !there) return true;  // one requires what the other forbids, or forbids it itself
        if (requires_member(other, name.get<std::string>()) && disjoint(*here, *there, depth + 1)) return true;
      }
    }
  }
  return false;
}

}  // namespace ingot::grammar
