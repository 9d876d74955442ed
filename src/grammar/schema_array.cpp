// Arrays: first items each with schemas of their own, then all others alike.
#include <algorithm>

#include "grammar/schema_grammar.h"

namespace ingot::grammar {
namespace {

/// The schemas of the first items: prefixItems, or a list in items before draft 2020-12.
const Json* first_items(const Json& schema) {
  if (auto found = schema.find("prefixItems"); found != schema.end()) return &*found;
  auto found = schema.find("items");
  return found != schema.end() && found->is_array() ? &*found : nullptr;
}

}  // namespace

/// What item `index` must satisfy; nothing: there may be none.
std::optional<Conjunction> SchemaGrammar::item_of(const Conjunction& schemas, size_t index) {
  Conjunction item;
  for (const Part& part : schemas) {
    const Json *first = first_items(*part.schema), *items = find(*part.schema, "items");
    const Json* one = first && index < first->size() ? &(*first)[index]
                      : items && items->is_array()   ? find(*part.schema, "additionalItems")
                                                     : items;
    if (one && !add(item, *one)) return std::nullopt;
  }
  return item;
}

Id SchemaGrammar::build_array(const Conjunction& schemas) {
  const uint32_t min = largest(schemas, "minItems"), max = smallest(schemas, "maxItems");
  size_t n_first = 0;
  for (const Part& part : schemas) {
    const Json& schema = *part.schema;
    for (const char* keyword : {"contains", "unevaluatedItems"})
      if (find(schema, keyword)) document_.fail(schema, keyword, "this cannot be enforced");
    const Json* unique = find(schema, "uniqueItems");
    if (unique && *unique == true && max > 1)
      document_.fail(schema, "uniqueItems", "this cannot be enforced on more than one item");
    const Json* first = first_items(schema);
    if (first && !first->is_array()) document_.fail(schema, "prefixItems", "not a list of schemas", first->type_name());
    if (first) n_first = std::max(n_first, first->size());
  }
  auto item = [&](size_t index) {
    const auto value = item_of(schemas, index);
    return value ? rule_for(*value) : grammar_.nothing();
  };
  if (max < min) return grammar_.nothing();
  const Id any = item(n_first);
  const auto from = static_cast<uint32_t>(n_first);
  auto repeated = [&](uint32_t done) {
    return grammar_.repeat(grammar_.sequence({comma(), any}), min > done ? min - done : 0,
                           max == unlimited ? unlimited
                           : max > done     ? max - done
                                            : 0);
  };
  // From the last to the first: what may follow once `i` items are there.
  Id rest = from > 0 ? repeated(from) : grammar_.empty();
  if (from == 0 && max > 0) {
    rest = grammar_.sequence({space(), any, repeated(1)});
    if (min == 0) rest = grammar_.optional(rest);
  }
  for (uint32_t i = from; i-- > 0;) {
    const Id rule = grammar_.declare("items");
    std::vector<Id> alternatives;
    if (i >= min) alternatives.push_back(grammar_.empty());
    if (i < max) alternatives.push_back(grammar_.sequence({i ? comma() : space(), item(i), rest}));
    grammar_.define(rule, grammar_.choice(alternatives));
    rest = rule;
  }
  return enclosed("[", rest, "]");
}

}  // namespace ingot::grammar
