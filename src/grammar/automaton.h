// Regular languages over characters as deterministic automata, so that they can be combined: a string that must match
// two patterns, have a bounded length and not be one of some names is one automaton. Every operation pays a budget.
#pragma once
#include <string>
#include <vector>

#include "grammar/pattern.h"

namespace ingot::grammar {

class Automaton {
 public:
  /// All texts that `pattern` matches as a whole, or `anywhere` in them.
  static Automaton of(const Pattern& pattern, bool anywhere, Budget& budget);
  /// The given texts.
  static Automaton of(const std::vector<std::string>& texts, Budget& budget);
  /// All texts of `min` to `max` characters.
  static Automaton of_length(uint32_t min, uint32_t max, Budget& budget);
  /// Digits, with a - in front or not, whose number `divisor` divides.
  static Automaton multiples(uint32_t divisor, Budget& budget);

  Automaton intersection(const Automaton& other, Budget& budget) const;
  Automaton complement(Budget& budget) const;
  /// Does it hold no text at all?
  bool empty() const;
  /// Does it hold `text`?
  bool accepts(std::string_view text) const;
  /// The texts as an expression; `spell` writes one character of a set.
  Id expression(Expressions& grammar, Id (*spell)(Expressions&, const CharacterSet&)) const;

 private:
  static constexpr int32_t none = -1;
  size_t classes() const { return starts_.size(); }
  int32_t next(size_t state, size_t of_class) const { return next_[state * classes() + of_class]; }
  size_t class_of(char32_t c) const;

  std::vector<char32_t> starts_;  // of classes of characters: class i runs from starts_[i] to before starts_[i + 1]
  std::vector<int32_t> next_;     // (states, classes); `none`: no text goes on like this
  std::vector<bool> accepts_;     // by state; state 0 is the first
};

}  // namespace ingot::grammar
