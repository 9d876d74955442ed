// Builds expressions for schemas. What a value must satisfy is a conjunction: all schemas that apply to it, with
// references and allOf followed, so that keywords of different schemas meet in one place. Each conjunction becomes one
// rule; alternatives (anyOf, oneOf) are taken one at a time.
#pragma once
#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/rules.h"
#include "grammar/schema_document.h"

namespace ingot::grammar {

/// One schema of a conjunction, and which of its keywords were dealt with when the conjunction was made.
struct Part {
  enum Settled : uint8_t { any_of = 1, one_of = 2, values = 4 };
  const Json* schema;
  uint8_t settled = 0;
  bool operator==(const Part&) const = default;
  bool operator<(const Part& other) const {
    return schema != other.schema ? std::less<>()(schema, other.schema) : settled < other.settled;
  }
};
using Conjunction = std::vector<Part>;  // no schema twice; in the order in which they apply

/// JSON's types as bits; a number is either integer or fraction.
enum Types : uint8_t {
  null = 1,
  boolean = 2,
  integer = 4,
  fraction = 8,
  string = 16,
  array = 32,
  object = 64,
  all_types = 127
};

class SchemaGrammar {
 public:
  SchemaGrammar(const SchemaDocument& document, Budget& budget)
      : document_(document), budget_(budget), grammar_(budget) {}
  /// The rules for values that satisfy `schemas`; nothing: there are none.
  std::optional<Rules> rules(const Conjunction& schemas);
  /// Adds `schema` and what it refers to; false: nothing satisfies it.
  bool add(Conjunction& to, const Json& schema);
  /// What was found to contradict itself on the way, if anything; only where no rules came of it is that a fault.
  const std::string& contradiction() const { return contradiction_; }

 private:
  // schema_grammar.cpp: what holds for values of all types
  bool add(Conjunction& to, const Json& schema, std::vector<const Json*>& path);
  Id rule_for(const Conjunction& schemas);
  Id build(const Conjunction& schemas);
  Id build_alternatives(const Conjunction& schemas, size_t part, const char* keyword, Part::Settled settled);
  Id build_values(const Conjunction& schemas, const Json& values);
  void refuse_unknown(const Json& schema) const;
  uint8_t types(const Conjunction& schemas) const;
  const Json* find_values(const Conjunction& schemas, Json& single) const;
  Id literal(const Json& value);

  // schema_scalars.cpp
  Id build_number(const Conjunction& schemas, bool integers);
  Id build_string(const Conjunction& schemas);
  /// The strings that satisfy `schemas`; nothing: all.
  std::optional<Automaton> string_language(const Conjunction& schemas, bool with_length);
  Id free_string(uint32_t min, uint32_t max);
  const Automaton& pattern(const Json& schema, const std::string& text, bool anywhere);

  // schema_object.cpp
  struct Member {
    Id pair;
    bool required;
  };
  Id build_object(const Conjunction& schemas);
  struct Names {
    std::optional<Automaton> language;               // nothing: all names
    std::optional<std::vector<std::string>> listed;  // all that are possible, in the schema's order
  };
  /// The names that satisfy `schemas`, which may list them.
  Names names_of(const Conjunction& schemas);
  std::optional<Conjunction> value_of(const Conjunction& schemas, const std::string& name);
  Id further_pairs(const Conjunction& schemas, const std::vector<std::string>& names,
                   const std::optional<Automaton>& keys);
  Id build_members(const Conjunction& schemas, const std::vector<Member>& members, Id further);

  // schema_array.cpp
  Id build_array(const Conjunction& schemas);
  std::optional<Conjunction> item_of(const Conjunction& schemas, size_t index);

  // schema_disjoint.cpp
  void refuse_overlap(const Conjunction& schemas, const Json& owner);
  bool disjoint(const Conjunction& a, const Conjunction& b, int depth);

  // What keywords say, checked.
  const Json* find(const Json& schema, const char* keyword) const;
  std::optional<uint64_t> count(const Json& schema, const char* keyword) const;
  uint32_t largest(const Conjunction& schemas, const char* keyword) const;
  uint32_t smallest(const Conjunction& schemas, const char* keyword) const;

  Id space();
  Id pair(Id key, Id value) {
    return grammar_.sequence({key, grammar_.text(":"), grammar_.optional(grammar_.text(" ")), value});
  }
  Id comma() { return grammar_.sequence({grammar_.text(","), space()}); }
  Id enclosed(const char* open, Id inside, const char* close) {
    return grammar_.sequence({grammar_.text(open), inside, space(), grammar_.text(close)});
  }

  const SchemaDocument& document_;
  Budget& budget_;
  Expressions grammar_;
  std::map<Conjunction, Id> rules_;
  std::deque<Conjunction> to_do_;
  std::map<std::pair<std::string, bool>, Automaton> patterns_;
  std::string contradiction_;
  int trials_ = 0;  // grammars inside of which this one is made to try values
};

}  // namespace ingot::grammar
