// Objects: members in the schema's order, then further ones whose names are none of these.
#include <algorithm>

#include "grammar/schema_grammar.h"

namespace ingot::grammar {
namespace {

constexpr size_t max_members = 500;
constexpr size_t max_name_patterns = 6;

/// `keyword` of `schema` as an object of schemas, or an empty one.
const Json& schemas_in(const SchemaDocument& document, const Json& schema, const char* keyword) {
  static const Json none = Json::object();
  auto found = schema.find(keyword);
  if (found == schema.end()) return none;
  if (!found->is_object()) document.fail(schema, keyword, "not an object of schemas", found->type_name());
  return *found;
}

}  // namespace

Id SchemaGrammar::build_object(const Conjunction& schemas) {
  std::vector<std::string> names;
  std::set<std::string> known, required;
  auto note = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  Conjunction name_rules;
  bool has_name_rules = false, may_have_members = true;
  for (const Part& part : schemas) {
    const Json& schema = *part.schema;
    for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"})
      if (find(schema, keyword)) document_.fail(schema, keyword, "this cannot be enforced");
    const Json& properties = schemas_in(document_, schema, "properties");
    for (auto it = properties.begin(); it != properties.end(); ++it) note(it.key());
    if (const Json* rule = find(schema, "propertyNames"))
      has_name_rules = true, may_have_members = may_have_members && add(name_rules, *rule);
    const Json* wanted = find(schema, "required");
    if (!wanted || wanted->is_boolean()) continue;  // draft 3 had a flag there
    if (!wanted->is_array()) document_.fail(schema, "required", "not a list of names", wanted->type_name());
    for (const Json& name : *wanted) {
      if (!name.is_string()) document_.fail(schema, "required", "not a name", name.dump());
      required.insert(name.get<std::string>());
    }
  }
  for (const std::string& name : required) note(name);
  if (has_name_rules && may_have_members && (types(name_rules) & string) == 0) may_have_members = false;
  const Names possible = has_name_rules && may_have_members ? names_of(name_rules) : Names{};
  // Names that are listed are members like those of properties: each at most once, in their order.
  if (possible.listed)
    for (const std::string& name : *possible.listed) note(name);
  if (names.size() > max_members)
    document_.fail(*schemas[0].schema, "properties", "too many members", std::to_string(names.size()),
                   "at most " + std::to_string(max_members));

  std::vector<Member> members;
  for (const std::string& name : names) {
    const auto value = value_of(schemas, name);
    const bool may_be = value && may_have_members && (!possible.language || possible.language->accepts(name));
    if (!may_be && required.contains(name) && contradiction_.empty())
      contradiction_ = "at " + document_.pointer_to(*schemas[0].schema) + ": the required member " + Json(name).dump() +
                       " is not allowed";
    const Id made = may_be ? pair(grammar_.text(Json(name).dump()), rule_for(*value)) : grammar_.nothing();
    members.push_back({made, required.contains(name)});
  }
  const Id further =
      may_have_members && !possible.listed ? further_pairs(schemas, names, possible.language) : grammar_.nothing();
  return enclosed("{", build_members(schemas, members, further), "}");
}

SchemaGrammar::Names SchemaGrammar::names_of(const Conjunction& schemas) {
  for (size_t i = 0; i < schemas.size(); i++) {
    const Json& schema = *schemas[i].schema;
    if (find(schema, "oneOf") && !(schemas[i].settled & Part::one_of))
      document_.fail(schema, "oneOf", "this cannot be enforced on names", "", "", "use anyOf");
    const Json* alternatives = find(schema, "anyOf");
    if (!alternatives || schemas[i].settled & Part::any_of) continue;
    if (!alternatives->is_array() || alternatives->empty())
      document_.fail(schema, "anyOf", "not a list of schemas", alternatives->type_name());
    Conjunction base = schemas;
    base[i].settled |= Part::any_of;
    std::optional<Automaton> none_of_them;  // complements of the alternatives
    bool all_names = false, all_listed = true;
    std::vector<std::string> listed;
    for (const Json& one : *alternatives) {
      Conjunction with = base;
      if (!add(with, one) || !(types(with) & string)) continue;
      const Names here = names_of(with);
      all_names = all_names || !here.language;
      all_listed = all_listed && here.listed;
      if (here.listed) listed.insert(listed.end(), here.listed->begin(), here.listed->end());
      if (!here.language) continue;
      const Automaton others = here.language->complement(budget_);
      none_of_them = none_of_them ? none_of_them->intersection(others, budget_) : others;
    }
    Names names;
    if (all_names) return names;
    names.language =
        none_of_them ? none_of_them->complement(budget_) : Automaton::of(std::vector<std::string>{}, budget_);
    if (all_listed) names.listed = std::move(listed);
    return names;
  }
  Names names{string_language(schemas, true), std::nullopt};
  for (const Part& part : schemas) {
    const Json *constant = find(*part.schema, "const"), *values = find(*part.schema, "enum");
    if (values && !values->is_array())
      document_.fail(*part.schema, "enum", "not a list of values", values->type_name());
    for (const Json& list : {constant ? Json::array({*constant}) : Json(), values ? *values : Json()}) {
      if (!list.is_array()) continue;
      std::vector<std::string> texts;
      for (const Json& value : list)
        if (value.is_string()) texts.push_back(value.get<std::string>());
      const Automaton these = Automaton::of(texts, budget_);
      names.language = names.language ? names.language->intersection(these, budget_) : these;
      if (!names.listed) names.listed = std::move(texts);
    }
  }
  if (names.listed)
    std::erase_if(*names.listed, [&](const std::string& name) { return !names.language->accepts(name); });
  return names;
}

/// What the value of member `name` must satisfy; nothing: there may be none.
std::optional<Conjunction> SchemaGrammar::value_of(const Conjunction& schemas, const std::string& name) {
  Conjunction value;
  for (const Part& part : schemas) {
    const Json& schema = *part.schema;
    const Json& properties = schemas_in(document_, schema, "properties");
    const Json& by_pattern = schemas_in(document_, schema, "patternProperties");
    budget_.spend(1 + properties.size() / 16);
    bool is_mentioned = false;
    if (auto found = properties.find(name); found != properties.end()) {
      is_mentioned = true;
      if (!add(value, *found)) return std::nullopt;
    }
    for (auto it = by_pattern.begin(); it != by_pattern.end(); ++it) {
      if (!pattern(schema, it.key(), true).accepts(name)) continue;
      is_mentioned = true;
      if (!add(value, *it)) return std::nullopt;
    }
    const Json* rest = find(schema, "additionalProperties");
    if (!is_mentioned && rest && !add(value, *rest)) return std::nullopt;
  }
  return value;
}

/// One member that is none of `names`. Names are divided by the patterns that they match.
Id SchemaGrammar::further_pairs(const Conjunction& schemas, const std::vector<std::string>& names,
                                const std::optional<Automaton>& keys) {
  struct NamePattern {
    size_t part;
    const Automaton* language;
    const Json* value;
  };
  std::vector<NamePattern> patterns;
  for (size_t i = 0; i < schemas.size(); i++) {
    const Json& by_pattern = schemas_in(document_, *schemas[i].schema, "patternProperties");
    for (auto it = by_pattern.begin(); it != by_pattern.end(); ++it)
      patterns.push_back({i, &pattern(*schemas[i].schema, it.key(), true), &*it});
    if (patterns.size() > max_name_patterns)
      document_.fail(*schemas[i].schema, "patternProperties", "too many patterns", "",
                     "at most " + std::to_string(max_name_patterns));
  }
  std::optional<Automaton> free = keys;
  auto narrowed = [&](const std::optional<Automaton>& from, const Automaton& by) {
    return from ? from->intersection(by, budget_) : by;
  };
  if (!names.empty()) free = narrowed(free, Automaton::of(names, budget_).complement(budget_));

  std::vector<Id> pairs;
  for (uint32_t matched = 0; matched < 1u << patterns.size(); matched++) {
    Conjunction value;
    bool possible = true;
    auto take = [&](const Json& schema) { possible = possible && add(value, schema); };
    for (size_t i = 0; i < schemas.size(); i++) {
      bool is_mentioned = false;
      for (size_t p = 0; p < patterns.size(); p++)
        if (patterns[p].part == i && matched >> p & 1) is_mentioned = true, take(*patterns[p].value);
      const Json* rest = find(*schemas[i].schema, "additionalProperties");
      if (!is_mentioned && rest) take(*rest);
    }
    if (!possible) continue;
    std::optional<Automaton> language = free;
    for (size_t p = 0; p < patterns.size(); p++)
      language =
          narrowed(language, matched >> p & 1 ? *patterns[p].language : patterns[p].language->complement(budget_));
    if (language && language->empty()) continue;
    const Id key = language ? grammar_.sequence({grammar_.text("\""), language->expression(grammar_, json_character),
                                                 grammar_.text("\"")})
                            : free_string(0, unlimited);
    pairs.push_back(pair(key, rule_for(value)));
  }
  return grammar_.choice(pairs);
}

/// All members, counted as far as minProperties and maxProperties ask for it. Rules are by the next member and the
/// count so far.
Id SchemaGrammar::build_members(const Conjunction& schemas, const std::vector<Member>& members, Id further) {
  uint32_t min_properties = largest(schemas, "minProperties"), max_properties = smallest(schemas, "maxProperties");
  const auto n_required = static_cast<uint32_t>(std::ranges::count_if(members, &Member::required));
  const bool has_further = grammar_[further].kind != Expression::choice || grammar_[further].count > 0;
  if (min_properties <= n_required) min_properties = 0;
  // A further name may be written twice and then counts once: no more than one of them can be relied on.
  if (has_further && min_properties > n_required + 1) {
    for (const Part& part : schemas)
      if (count(*part.schema, "minProperties").value_or(0) == min_properties)
        document_.fail(*part.schema, "minProperties", "this cannot be enforced while names are free",
                       std::to_string(min_properties), "at most one more than what is required",
                       "or additionalProperties: false");
  }
  if (!has_further && max_properties >= members.size()) max_properties = unlimited;
  const uint32_t top = std::max({1u, min_properties, max_properties == unlimited ? 0u : max_properties});
  if (top > 100000) document_.fail(*schemas[0].schema, "", "too many members to count", std::to_string(top));

  const size_t n = members.size();
  std::vector<std::vector<Id>> rules(n + 1, std::vector<Id>(top + 1));
  for (auto& row : rules)
    for (Id& rule : row) rule = grammar_.declare("members");
  for (size_t i = 0; i <= n; i++) {
    for (uint32_t count = 0; count <= top; count++) {
      const Id one = i < n ? members[i].pair : further;
      std::vector<Id> alternatives;
      if (count < max_properties)
        alternatives.push_back(
            grammar_.sequence({count ? comma() : space(), one, rules[std::min(i + 1, n)][std::min(count + 1, top)]}));
      if (i < n && !members[i].required) alternatives.push_back(rules[i + 1][count]);
      if (i == n && count >= min_properties) alternatives.push_back(grammar_.empty());
      grammar_.define(rules[i][count], grammar_.choice(alternatives));
    }
  }
  return rules[0][0];
}

}  // namespace ingot::grammar
