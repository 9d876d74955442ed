// A grammar under construction: expressions over bytes, identified by numbers. Equal expressions are shared, so that
// repeated parts are matched and cached once. Independent of the languages that grammars are written in.
#pragma once
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.h"
#include "grammar/budget.h"

namespace ingot::grammar {

using Id = uint32_t;
using ByteSet = std::bitset<256>;
constexpr uint32_t unlimited = UINT32_MAX;  ///< as a maximum of repetitions

/// A node of a grammar. `first` and `count` are a range of the list of children.
struct Expression {
  enum Kind : uint8_t {
    bytes,     ///< one byte of set number `first`
    sequence,  ///< the children, one after the other; none: the empty text
    choice,    ///< one of the children; none: no text at all
    repeat,    ///< the child `min` to `max` times
    rule,      ///< a reference to the child; the only way to recurse
  };
  Kind kind;
  uint32_t first = 0, count = 0;
  uint32_t min = 0, max = 0;
};

class Expressions {
 public:
  explicit Expressions(Budget& budget) : budget_(budget) {}
  Id bytes(const ByteSet& set);
  Id text(std::string_view text);
  Id sequence(const std::vector<Id>& parts);
  /// Many alternatives are merged by common prefixes, so that a list of thousands of words can be matched.
  /// Errors: too many without a common prefix.
  Id choice(const std::vector<Id>& alternatives);
  Id repeat(Id what, uint32_t min, uint32_t max);
  Id optional(Id what) { return repeat(what, 0, 1); }
  Id empty() { return sequence({}); }  ///< the empty text
  Id nothing() { return choice({}); }  ///< no text at all
  /// A rule that can be used before it is defined. `name` is for messages.
  Id declare(std::string name);
  void define(Id rule, Id body);

  const Expression& operator[](Id id) const { return list_[id]; }
  Id child(Id id, uint32_t i = 0) const { return children_[list_[id].first + i]; }
  const ByteSet& set(Id id) const { return sets_[list_[id].first]; }
  const std::string& name(Id rule) const { return names_.at(rule); }
  size_t size() const { return list_.size(); }
  Budget& budget() const { return budget_; }

 private:
  using Parts = std::vector<Id>;  // of a sequence
  Id add(Expression expression, const std::vector<Id>& children);
  Id choice_of_distinct(std::vector<Id> alternatives);
  Id tree_of(std::span<const Parts> sorted, size_t from);
  Budget& budget_;
  std::vector<Expression> list_;
  std::vector<Id> children_;
  std::vector<ByteSet> sets_;
  HashMap<ByteSet, Id> of_set_;
  HashMap<std::string, Id> known_;  // by kind, bounds and children
  HashMap<Id, std::string> names_;  // of rules
};

}  // namespace ingot::grammar
