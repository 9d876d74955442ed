// Matches text against rules, byte by byte. A state describes what may still follow: a set of items, each a partially
// matched expression and the state after it, so that alternatives with a common rest share it (a graph-structured
// stack: Tomita, "An Efficient Augmented-Context-Free Parsing Algorithm", Computational Linguistics 13, 1987). Equal
// states are shared and every transition is computed once, so repeated input is a table lookup.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/keyed_hash.h"
#include "grammar/rules.h"

namespace ingot::grammar {

using State = uint32_t;
constexpr State dead = 0;      ///< nothing matches
constexpr State complete = 1;  ///< nothing may follow

/// An expression, begun: `at` children of a sequence, or repetitions, are done.
struct Head {
  Id expression = 0;
  uint32_t at = 0;
  auto operator<=>(const Head&) const = default;
};
struct Item {
  Head head;
  State rest = dead;
  auto operator<=>(const Item&) const = default;
};

class Matcher {
 public:
  static constexpr uint32_t max_depth = 2000;    ///< states behind states; what nests deeper does not match
  static constexpr size_t max_states = 1 << 20;  ///< kept at a time
  static constexpr size_t max_items = 4 << 20;
  static constexpr uint64_t max_work = 1 << 16;  ///< steps of one transition

  explicit Matcher(std::shared_ptr<const Rules> rules);
  State start() const { return start_; }
  /// The state after one more byte. Errors: the grammar is too ambiguous (states, or work of one step).
  State step(State state, uint8_t byte) {
    const uint32_t row = states_[state].row;
    if (row != no_row) {
      const State next = rows_[row + rules_->byte_class[byte]];
      if (next != unknown) return next;
    }
    return new_step(state, byte);
  }
  State step(State state, std::string_view text) {
    for (char c : text) state = step(state, static_cast<uint8_t>(c));
    return state;
  }
  /// May the text end here?
  bool accepts(State state) const { return states_[state].accepts; }
  /// Bytes that at least must follow; Rules::endless for `dead`.
  uint64_t shortest(State state) const { return states_[state].shortest; }

  std::span<const Item> items(State state) const {
    return {items_.data() + states_[state].first, states_[state].count};
  }
  /// The state of `head` followed by `rest`.
  State state_of(Head head, State rest);
  bool may_be_empty(Head head) const { return shortest(head) == 0; }
  /// The items of `state` and of what follows those that may be empty: all that can take the next byte.
  std::vector<Item> open_items(State state) const;
  const Rules& rules() const { return *rules_; }

  size_t size() const { return states_.size(); }
  /// Is it time for `keep_only`? Half of the capacity is in use.
  bool is_crowded() const { return states_.size() > max_states / 2 || items_.size() > max_items / 2; }
  /// Steps of work that were done so far.
  uint64_t work() const { return work_; }
  /// Drops all states but `state` and those reachable from it; returns its new number.
  State keep_only(State state);

 private:
  static constexpr uint32_t no_row = UINT32_MAX;
  static constexpr State unknown = UINT32_MAX;
  struct Node {
    uint32_t first = 0, count = 0;  // items, sorted by head, no head twice
    uint32_t row = no_row;          // transitions by byte class
    uint32_t depth = 0;
    uint64_t shortest = 0;
    bool may_end = false;  // the empty text is one of the alternatives
    bool accepts = false;
  };

  uint64_t shortest(Head head) const;
  uint32_t left_depth(Head head) const;
  bool can_begin(Head head, uint8_t byte) const;
  State intern(std::span<const Item> items, bool may_end);
  State unite(std::vector<State> states);
  State new_step(State state, uint8_t byte);
  void clear();
  void work(uint64_t steps);

  std::shared_ptr<const Rules> rules_;
  State start_ = dead;
  std::vector<Node> states_;
  std::vector<Item> items_;
  std::vector<State> rows_;
  HashMultimap<uint64_t, State> known_;         // by hash of items
  std::map<std::vector<State>, State> united_;  // by states
  uint64_t work_ = 0, work_limit_ = UINT64_MAX;
};

}  // namespace ingot::grammar
