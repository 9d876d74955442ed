// Conjunctions, alternatives, listed values and types.
#include "grammar/schema_grammar.h"

#include <algorithm>
#include <array>
#include <memory>

#include "grammar/json_schema.h"
#include "grammar/matcher.h"

namespace ingot::grammar {
namespace {

constexpr size_t longest_chain = 100;  // references to references
constexpr int deepest_trial = 3;
constexpr uint32_t indentation = 64;

constexpr std::array<std::pair<const char*, uint8_t>, 7> type_names{{{"null", null},
                                                                     {"boolean", boolean},
                                                                     {"integer", integer},
                                                                     {"number", integer | fraction},
                                                                     {"string", string},
                                                                     {"array", array},
                                                                     {"object", object}}};

uint8_t type_of(const Json& value) {
  if (value.is_null()) return null;
  if (value.is_boolean()) return boolean;
  if (value.is_string()) return string;
  if (value.is_array()) return array;
  if (value.is_object()) return object;
  return value.is_number_integer() || value.get<double>() == std::floor(value.get<double>()) ? integer : fraction;
}

/// Keywords that say what a value must be, apart from its type and listed values.
bool constrains(const std::string& keyword) {
  static const std::set<std::string> others{"type",        "enum",     "const", "title",   "description", "default",
                                            "examples",    "$comment", "$id",   "$schema", "$anchor",     "$defs",
                                            "definitions", "$ref",     "allOf", "anyOf",   "oneOf"};
  return !others.contains(keyword);
}

}  // namespace

std::optional<Rules> SchemaGrammar::rules(const Conjunction& schemas) {
  const Id root = rule_for(schemas);
  while (!to_do_.empty()) {
    const Conjunction next = to_do_.front();
    to_do_.pop_front();
    grammar_.define(rules_.at(next), build(next));
  }
  if (!has_text(grammar_, root)) return std::nullopt;
  return make_rules(grammar_, root);
}

Id SchemaGrammar::rule_for(const Conjunction& schemas) {
  budget_.spend(1 + schemas.size());
  auto [at, is_new] = rules_.try_emplace(schemas, 0);
  if (!is_new) return at->second;
  to_do_.push_back(schemas);
  return at->second = grammar_.declare(schemas.empty() ? "any value" : "schema");
}

const Json* SchemaGrammar::find(const Json& schema, const char* keyword) const {
  auto found = schema.find(keyword);
  return found == schema.end() ? nullptr : &*found;
}

bool SchemaGrammar::add(Conjunction& to, const Json& schema) {
  std::vector<const Json*> path;
  return add(to, schema, path);
}

bool SchemaGrammar::add(Conjunction& to, const Json& schema, std::vector<const Json*>& path) {
  budget_.spend(1 + to.size() + path.size());
  if (schema.is_boolean()) return schema.get<bool>();
  if (!schema.is_object()) document_.fail(schema, "", "not a schema", schema.type_name(), "an object or a boolean");
  if (std::ranges::find(path, &schema) != path.end()) document_.fail(schema, "", "a schema refers to itself directly");
  if (path.size() == longest_chain)
    document_.fail(schema, "", "a chain of references is too long", "", "at most " + std::to_string(longest_chain));
  if (auto known = std::ranges::find(to, &schema, &Part::schema); known != to.end()) {
    if (known->settled & (Part::any_of | Part::one_of) && (find(schema, "anyOf") || find(schema, "oneOf")))
      document_.fail(schema, "", "a schema is its own alternative");
    return true;
  }
  budget_.spend(schema.size());
  refuse_unknown(schema);
  if (schema.empty()) return true;
  to.push_back({&schema});
  path.push_back(&schema);
  bool possible = true;
  if (find(schema, "$ref")) possible = add(to, document_.resolve(schema), path);
  if (const Json* all = find(schema, "allOf")) {
    if (!all->is_array()) document_.fail(schema, "allOf", "not a list of schemas", all->type_name());
    for (const Json& one : *all) possible = possible && add(to, one, path);
  }
  path.pop_back();
  return possible;
}

void SchemaGrammar::refuse_unknown(const Json& schema) const {
  for (const char* keyword : {"not", "$dynamicRef", "$recursiveRef"})
    if (find(schema, keyword)) document_.fail(schema, keyword, "this cannot be enforced");
  if (find(schema, "if") && (find(schema, "then") || find(schema, "else")))
    document_.fail(schema, "if", "this cannot be enforced", "", "", "write the cases as anyOf");
}

std::optional<uint64_t> SchemaGrammar::count(const Json& schema, const char* keyword) const {
  const Json* value = find(schema, keyword);
  if (!value) return std::nullopt;
  if (!value->is_number() || value->get<double>() < 0 || value->get<double>() != std::floor(value->get<double>()))
    document_.fail(schema, keyword, "not a count", value->dump(), "a whole number, 0 or more");
  return value->get<double>() > 4e9 ? uint64_t{unlimited} : value->get<uint64_t>();
}

uint32_t SchemaGrammar::largest(const Conjunction& schemas, const char* keyword) const {
  uint64_t largest = 0;
  for (const Part& part : schemas) {
    const uint64_t here = count(*part.schema, keyword).value_or(0);
    if (here >= 1000000000) document_.fail(*part.schema, keyword, "too large to be reached", std::to_string(here));
    largest = std::max(largest, here);
  }
  return static_cast<uint32_t>(largest);
}

uint32_t SchemaGrammar::smallest(const Conjunction& schemas, const char* keyword) const {
  uint64_t smallest = unlimited;
  for (const Part& part : schemas) smallest = std::min(smallest, count(*part.schema, keyword).value_or(unlimited));
  return smallest >= 1000000000 ? unlimited : static_cast<uint32_t>(smallest);
}

Id SchemaGrammar::space() {
  const Id blank = grammar_.choice({grammar_.text(" "), grammar_.text("\t")});
  const Id line = grammar_.sequence({grammar_.text("\n"), grammar_.repeat(blank, 0, indentation)});
  return grammar_.optional(grammar_.choice({grammar_.text(" "), line}));
}

uint8_t SchemaGrammar::types(const Conjunction& schemas) const {
  uint8_t types = all_types;
  for (const Part& part : schemas) {
    const Json* named = find(*part.schema, "type");
    if (!named) continue;
    uint8_t here = 0;
    for (const Json& name : named->is_array() ? *named : Json::array({*named})) {
      auto known = std::ranges::find_if(type_names, [&](const auto& type) {
        return name.is_string() && name.get_ref<const std::string&>() == type.first;
      });
      if (known == type_names.end())
        document_.fail(*part.schema, "type", "unknown type", name.dump(),
                       "null, boolean, integer, number, string, array or object");
      here |= known->second;
    }
    types &= here;
  }
  return types;
}

Id SchemaGrammar::build(const Conjunction& schemas) {
  for (const Part& part : schemas)
    budget_.spend(1 + part.schema->size());  // keywords are looked for one after the other
  for (size_t i = 0; i < schemas.size(); i++) {
    if (find(*schemas[i].schema, "anyOf") && !(schemas[i].settled & Part::any_of))
      return build_alternatives(schemas, i, "anyOf", Part::any_of);
    if (find(*schemas[i].schema, "oneOf") && !(schemas[i].settled & Part::one_of))
      return build_alternatives(schemas, i, "oneOf", Part::one_of);
  }
  Json single;
  if (const Json* values = find_values(schemas, single)) return build_values(schemas, *values);
  const uint8_t allowed = types(schemas);
  std::vector<Id> alternatives;
  if (allowed & null) alternatives.push_back(grammar_.text("null"));
  if (allowed & boolean) alternatives.push_back(grammar_.choice({grammar_.text("true"), grammar_.text("false")}));
  if (allowed & integer) alternatives.push_back(build_number(schemas, !(allowed & fraction)));
  if (allowed & string) alternatives.push_back(build_string(schemas));
  if (allowed & array) alternatives.push_back(build_array(schemas));
  if (allowed & object) alternatives.push_back(build_object(schemas));
  return grammar_.choice(alternatives);
}

Id SchemaGrammar::build_alternatives(const Conjunction& schemas, size_t part, const char* keyword,
                                     Part::Settled settled) {
  const Json& owner = *schemas[part].schema;
  const Json& listed = *find(owner, keyword);
  if (!listed.is_array() || listed.empty()) document_.fail(owner, keyword, "not a list of schemas", listed.type_name());
  Conjunction base = schemas;
  base[part].settled |= settled;
  if (settled == Part::one_of) refuse_overlap(base, owner);
  std::vector<Id> alternatives;
  for (const Json& one : listed) {
    Conjunction with = base;
    if (add(with, one)) alternatives.push_back(rule_for(with));
  }
  return grammar_.choice(alternatives);
}

/// The first list of values that is not dealt with; a constant becomes a list in `single`.
const Json* SchemaGrammar::find_values(const Conjunction& schemas, Json& single) const {
  for (const Part& part : schemas) {
    if (part.settled & Part::values) continue;
    if (const Json* constant = find(*part.schema, "const")) return &(single = Json::array({*constant}));
    const Json* listed = find(*part.schema, "enum");
    if (listed && !listed->is_array())
      document_.fail(*part.schema, "enum", "not a list of values", listed->type_name());
    if (listed) return listed;
  }
  return nullptr;
}

Id SchemaGrammar::build_values(const Conjunction& schemas, const Json& values) {
  const uint8_t allowed = types(schemas);
  Conjunction others = schemas;
  bool is_constrained = false;
  for (Part& part : others) {
    part.settled |= Part::values;
    for (auto it = part.schema->begin(); it != part.schema->end(); ++it) is_constrained |= constrains(it.key());
  }
  std::optional<Matcher> trial;
  if (is_constrained) {
    if (trials_ == deepest_trial)
      document_.fail(*schemas[0].schema, "", "listed values inside listed values that depend on each other");
    SchemaGrammar other(document_, budget_);
    other.trials_ = trials_ + 1;
    auto rules = other.rules(others);
    if (!rules) return grammar_.nothing();
    trial.emplace(std::make_shared<Rules>(std::move(*rules)));
  }
  std::vector<Id> alternatives;
  for (const Json& value : values) {
    budget_.spend(1 + schemas.size());
    if (!(type_of(value) & allowed)) continue;
    auto lists = [&](const Part& part) {
      const Json *constant = find(*part.schema, "const"), *listed = find(*part.schema, "enum");
      if (constant && *constant != value) return false;
      if (!listed || listed == &values) return true;
      budget_.spend(1 + listed->size() / 16);
      return std::ranges::find(*listed, value) != listed->end();
    };
    if (!std::ranges::all_of(schemas, lists)) continue;
    if (trial && !trial->accepts(trial->step(trial->start(), value.dump()))) continue;
    alternatives.push_back(literal(value));
  }
  return grammar_.choice(alternatives);
}

/// `value` as the grammar writes values: with any of its spaces.
Id SchemaGrammar::literal(const Json& value) {
  if (!value.is_structured() || value.empty()) return grammar_.text(value.dump());
  std::vector<Id> parts;
  for (auto it = value.begin(); it != value.end(); ++it) {
    parts.push_back(parts.empty() ? space() : comma());
    parts.push_back(value.is_array() ? literal(*it) : pair(grammar_.text(Json(it.key()).dump()), literal(*it)));
  }
  return value.is_array() ? enclosed("[", grammar_.sequence(parts), "]") : enclosed("{", grammar_.sequence(parts), "}");
}

Rules parse_json_schema(std::string_view text, Budget& budget) {
  budget.spend(text.size() / 16);
  SchemaDocument document(text, budget);
  SchemaGrammar grammar(document, budget);
  Conjunction all;
  auto rules = grammar.add(all, document.root()) ? grammar.rules(all) : std::nullopt;
  if (!rules) throw Error("grammar", "no value satisfies the JSON schema", grammar.contradiction());
  return std::move(*rules);
}

}  // namespace ingot::grammar
