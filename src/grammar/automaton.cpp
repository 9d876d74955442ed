// From patterns to deterministic automata (Thompson's construction, then subsets), their product and complement, and
// back to expressions: a rule for each state, so that a match never stacks anything up.
#include "grammar/automaton.h"

#include <algorithm>
#include <map>

#include "base/checked.h"

namespace ingot::grammar {
namespace {

/// First characters of the classes that no set of `sets` divides.
std::vector<char32_t> class_starts(const std::vector<CharacterSet>& sets) {
  std::vector<char32_t> starts{0};
  for (const CharacterSet& set : sets)
    for (auto [low, high] : set.ranges()) starts.push_back(low), starts.push_back(high + 1);
  std::ranges::sort(starts);
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  if (starts.back() > 0x10FFFF) starts.pop_back();
  return starts;
}

/// A nondeterministic automaton. Edges without characters may be bound to the begin or the end of the text.
struct Loose {
  enum When { always, at_begin, at_end };
  struct Free {
    uint32_t to;
    When when;
  };
  struct Edge {
    uint32_t to, set;
  };
  struct Node {
    std::vector<Free> free;
    std::vector<Edge> edges;
  };
  Budget& budget;
  std::vector<Node> nodes;
  std::vector<CharacterSet> sets;
  std::map<CharacterSet, uint32_t> numbers;

  uint32_t node() {
    budget.spend(4);  // it holds two lists
    nodes.emplace_back();
    return narrow<uint32_t>(nodes.size() - 1);
  }
  void link(uint32_t from, uint32_t to, When when = always) { nodes[from].free.push_back({to, when}); }
  void link(uint32_t from, uint32_t to, const CharacterSet& set) {
    auto [at, is_new] = numbers.try_emplace(set, narrow<uint32_t>(sets.size()));
    if (is_new) sets.push_back(set);
    nodes[from].edges.push_back({to, at->second});
  }

  /// Appends `pattern` after `from`; returns its end.
  uint32_t add(const Pattern& pattern, uint32_t from) {
    uint32_t to = from;
    switch (pattern.kind) {
      case Pattern::characters: link(from, to = node(), pattern.set); break;
      case Pattern::begin: link(from, to = node(), at_begin); break;
      case Pattern::end: link(from, to = node(), at_end); break;
      case Pattern::sequence:
        for (const Pattern& part : pattern.parts) to = add(part, to);
        break;
      case Pattern::choice:
        to = node();
        for (const Pattern& part : pattern.parts) {
          const uint32_t start = node();
          link(from, start);
          link(add(part, start), to);
        }
        break;
      case Pattern::repeat: to = add_repeat(pattern, from); break;
    }
    return to;
  }

  uint32_t add_repeat(const Pattern& pattern, uint32_t from) {
    for (uint32_t i = 0; i < pattern.min; i++) from = add_again(pattern.parts[0], from);
    if (pattern.max == unlimited) {
      const uint32_t loop = node();
      link(from, loop);
      link(add_again(pattern.parts[0], loop), loop);
      return loop;
    }
    const uint32_t to = node();
    link(from, to);
    for (uint32_t i = pattern.min; i < pattern.max; i++) link(from = add_again(pattern.parts[0], from), to);
    return to;
  }
  uint32_t add_again(const Pattern& pattern, uint32_t from) {
    budget.spend();  // even where the pattern has no characters
    return add(pattern, from);
  }

  /// `states` and all that is reached from them without a character; sorted.
  std::vector<uint32_t> closure(std::vector<uint32_t> states, bool begin, bool end) {
    std::vector<bool> seen(nodes.size());
    for (uint32_t s : states) seen[s] = true;
    for (size_t i = 0; i < states.size(); i++)
      for (auto [to, when] : nodes[states[i]].free)
        if (!seen[to] && (when == always || (when == at_begin && begin) || (when == at_end && end)))
          seen[to] = true, states.push_back(to);
    std::ranges::sort(states);
    budget.spend(1 + states.size() + nodes.size() / 64);
    return states;
  }
};

}  // namespace

size_t Automaton::class_of(char32_t c) const {
  return static_cast<size_t>(std::ranges::upper_bound(starts_, c) - starts_.begin()) - 1;
}

Automaton Automaton::of(const Pattern& pattern, bool anywhere, Budget& budget) {
  Loose loose{budget, {}, {}, {}};
  const uint32_t start = loose.node();
  uint32_t first = start;
  if (anywhere) {
    loose.link(start, first = loose.node());
    loose.link(first, first, CharacterSet::all());
  }
  uint32_t last = loose.add(pattern, first);
  if (anywhere) {
    const uint32_t after = loose.node();
    loose.link(last, after);
    loose.link(last = after, after, CharacterSet::all());
  }

  Automaton made;
  made.starts_ = class_starts(loose.sets);
  std::vector<std::vector<size_t>> classes_of_set(loose.sets.size());
  for (size_t set = 0; set < loose.sets.size(); set++)
    for (size_t c = 0; c < made.classes(); c++)
      if (loose.sets[set].contains(made.starts_[c])) classes_of_set[set].push_back(c);

  std::map<std::pair<std::vector<uint32_t>, bool>, int32_t> numbers;  // by nodes, and whether nothing was read yet
  std::vector<std::vector<uint32_t>> states;
  auto number = [&](std::vector<uint32_t> nodes, bool begin) {
    nodes = loose.closure(std::move(nodes), begin, false);
    auto [at, is_new] = numbers.try_emplace({nodes, begin}, narrow<int32_t>(states.size()));
    if (is_new) {
      const auto at_end = loose.closure(nodes, begin, true);
      made.accepts_.push_back(std::ranges::binary_search(at_end, last));
      made.next_.resize(made.next_.size() + made.classes(), none);
      states.push_back(std::move(nodes));
      budget.spend(made.classes());
    }
    return at->second;
  };
  number({start}, true);
  for (size_t s = 0; s < states.size(); s++) {
    std::vector<std::vector<uint32_t>> targets(made.classes());
    const std::vector<uint32_t> nodes = states[s];
    for (uint32_t node : nodes)
      for (auto [to, set] : loose.nodes[node].edges)
        for (size_t c : classes_of_set[set]) targets[c].push_back(to), budget.spend();
    for (size_t c = 0; c < targets.size(); c++) {
      if (targets[c].empty()) continue;
      std::ranges::sort(targets[c]);
      targets[c].erase(std::unique(targets[c].begin(), targets[c].end()), targets[c].end());
      const int32_t to =
          c > 0 && targets[c] == targets[c - 1] ? made.next_[s * made.classes() + c - 1] : number(targets[c], false);
      made.next_[s * made.classes() + c] = to;
    }
  }
  return made;
}

Automaton Automaton::of(const std::vector<std::string>& texts, Budget& budget) {
  Pattern all{Pattern::choice, {}, {}};
  for (const std::string& text : texts) {
    Pattern one{Pattern::sequence, {}, {}};
    for (std::string_view rest = text; !rest.empty();) {
      const char32_t c = take_character(rest, "a name");
      one.parts.push_back({Pattern::characters, {{c, c}}, {}});
    }
    all.parts.push_back(std::move(one));
  }
  return of(all, false, budget);
}

Automaton Automaton::of_length(uint32_t min, uint32_t max, Budget& budget) {
  Automaton made;
  made.starts_ = {0};
  const uint32_t states = (max == unlimited ? min : max) + 1;
  budget.spend(states);
  for (uint32_t i = 0; i < states; i++) {
    made.accepts_.push_back(i >= min);
    made.next_.push_back(i + 1 < states     ? static_cast<int32_t>(i + 1)
                         : max == unlimited ? static_cast<int32_t>(i)
                                            : none);
  }
  return made;
}

Automaton Automaton::multiples(uint32_t divisor, Budget& budget) {
  Automaton made;  // state 0: nothing was read; 1: the sign; 2 + r: the digits so far leave the rest r
  made.starts_ = {0, '-', '-' + 1};
  for (char32_t digit = '0'; digit <= '9' + 1; digit++) made.starts_.push_back(digit);
  budget.spend((uint64_t{divisor} + 2) * made.classes());
  for (uint32_t state = 0; state < divisor + 2; state++) {
    made.accepts_.push_back(state == 2);
    for (char32_t c : made.starts_) {
      const uint32_t rest = state < 2 ? 0 : state - 2;
      made.next_.push_back(c >= '0' && c <= '9'     ? static_cast<int32_t>(2 + (rest * 10 + (c - '0')) % divisor)
                           : c == '-' && state == 0 ? 1
                                                    : none);
    }
  }
  return made;
}

Automaton Automaton::intersection(const Automaton& other, Budget& budget) const {
  Automaton made;
  std::ranges::set_union(starts_, other.starts_, std::back_inserter(made.starts_));
  std::map<std::pair<int32_t, int32_t>, int32_t> numbers;
  std::vector<std::pair<int32_t, int32_t>> states;
  auto number = [&](int32_t a, int32_t b) {
    auto [at, is_new] = numbers.try_emplace({a, b}, narrow<int32_t>(states.size()));
    if (is_new) {
      budget.spend(2 * made.classes());
      states.push_back({a, b});
      made.accepts_.push_back(accepts_[static_cast<size_t>(a)] && other.accepts_[static_cast<size_t>(b)]);
      made.next_.resize(made.next_.size() + made.classes(), none);
    }
    return at->second;
  };
  number(0, 0);
  for (size_t s = 0; s < states.size(); s++)
    for (size_t c = 0; c < made.classes(); c++) {
      const int32_t a = next(static_cast<size_t>(states[s].first), class_of(made.starts_[c]));
      const int32_t b = other.next(static_cast<size_t>(states[s].second), other.class_of(made.starts_[c]));
      if (a == none || b == none) continue;
      const int32_t to = number(a, b);
      made.next_[s * made.classes() + c] = to;
    }
  return made;
}

Automaton Automaton::complement(Budget& budget) const {
  Automaton made = *this;
  budget.spend(next_.size());
  const auto anything = narrow<int32_t>(accepts_.size());
  std::ranges::replace(made.next_, none, anything);
  made.next_.resize(made.next_.size() + classes(), anything);
  made.accepts_.push_back(false);
  made.accepts_.flip();
  return made;
}

bool Automaton::empty() const {
  std::vector<bool> seen(accepts_.size());
  std::vector<size_t> reached{0};
  seen[0] = true;
  for (size_t i = 0; i < reached.size(); i++) {
    if (accepts_[reached[i]]) return false;
    for (size_t c = 0; c < classes(); c++) {
      const int32_t to = next(reached[i], c);
      if (to != none && !seen[static_cast<size_t>(to)])
        seen[static_cast<size_t>(to)] = true, reached.push_back(static_cast<size_t>(to));
    }
  }
  return true;
}

bool Automaton::accepts(std::string_view text) const {
  int32_t state = 0;
  while (!text.empty() && state != none)
    state = next(static_cast<size_t>(state), class_of(take_character(text, "a name")));
  return state != none && accepts_[static_cast<size_t>(state)];
}

Id Automaton::expression(Expressions& grammar, Id (*spell)(Expressions&, const CharacterSet&)) const {
  std::vector<Id> rules;
  for (size_t s = 0; s < accepts_.size(); s++) rules.push_back(grammar.declare("pattern"));
  std::map<CharacterSet, Id> spelled;
  for (size_t s = 0; s < accepts_.size(); s++) {
    std::map<int32_t, CharacterSet> targets;
    for (size_t c = 0; c < classes(); c++)
      if (next(s, c) != none) targets[next(s, c)].add(starts_[c], c + 1 < classes() ? starts_[c + 1] - 1 : 0x10FFFF);
    std::vector<Id> alternatives;
    if (accepts_[s]) alternatives.push_back(grammar.empty());
    for (const auto& [to, set] : targets) {
      grammar.budget().spend(set.ranges().size());
      auto [at, is_new] = spelled.try_emplace(set, 0);
      if (is_new) at->second = spell(grammar, set);
      alternatives.push_back(grammar.sequence({at->second, rules[static_cast<size_t>(to)]}));
    }
    grammar.define(rules[s], grammar.choice(alternatives));
  }
  return rules[0];
}

}  // namespace ingot::grammar
