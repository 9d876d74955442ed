// From expressions to rules: lengths of shortest texts; a copy without what can never be finished and in which no
// repetition is of something that may be empty; left depths, which do not exist where a rule begins with itself.
#include "grammar/rules.h"

#include <algorithm>
#include <map>
#include <queue>

#include "base/checked.h"
#include "base/keyed_hash.h"

namespace ingot::grammar {
namespace {

constexpr uint64_t endless = Rules::endless;
uint64_t times(uint64_t n, uint64_t length) { return n && length > endless / n ? endless : n * length; }

Error too_deep(const std::string& where) {
  return Error("grammar", "the grammar nests too deeply" + where, "",
               "at most " + std::to_string(Rules::max_depth) + " levels");
}

/// Bytes of the shortest text of every expression; `endless`: there is none. Knuth's generalization of Dijkstra's
/// algorithm (Information Processing Letters 6, 1977): the shortest is final first.
std::vector<uint64_t> shortest_texts(const Expressions& grammar) {
  const size_t n = grammar.size();
  std::vector<uint64_t> shortest(n, endless), sum(n, 0);
  std::vector<uint32_t> open(n, 0);  // children of a sequence that are not final
  std::vector<std::vector<Id>> parents(n);
  std::priority_queue<std::pair<uint64_t, Id>, std::vector<std::pair<uint64_t, Id>>, std::greater<>> queue;
  for (Id id = 0; id < n; id++) {
    const Expression& e = grammar[id];
    if (e.kind == Expression::bytes) queue.push({1, id});
    if (e.kind == Expression::sequence && e.count == 0) queue.push({0, id});
    if (e.kind == Expression::repeat && e.min == 0) queue.push({0, id});
    if (e.kind == Expression::bytes) continue;
    open[id] = e.count;
    for (uint32_t i = 0; i < e.count; i++) parents[grammar.child(id, i)].push_back(id);
  }
  while (!queue.empty()) {
    auto [length, id] = queue.top();
    queue.pop();
    if (shortest[id] != endless) continue;
    shortest[id] = std::min(length, endless - 1);
    for (Id parent : parents[id]) {
      const Expression& e = grammar[parent];
      if (e.kind == Expression::sequence) sum[parent] = std::min(sum[parent] + shortest[id], endless - 1);
      if (e.kind == Expression::sequence && --open[parent]) continue;
      const uint64_t made = e.kind == Expression::sequence ? sum[parent]
                            : e.kind == Expression::repeat ? times(e.min, shortest[id])
                                                           : shortest[id];
      queue.push({std::min(made, endless - 1), parent});
    }
  }
  return shortest;
}

/// Copies what can be part of a text. Where an expression may be empty, `filled` is the same without the empty text.
class Copy {
 public:
  Copy(const Expressions& from, Expressions& to) : from_(from), to_(to), shortest_(shortest_texts(from)) {}

  Id all_from(Id root) {
    if (shortest_[root] == endless) throw Error("grammar", "no text matches the grammar", "", "rules that terminate");
    const Id copied = copy(root);
    while (!rules_to_do_.empty()) {
      auto [rule, as_filled] = rules_to_do_.back();
      rules_to_do_.pop_back();
      const Id body = from_.child(rule);
      to_.define(rules_.at({rule, as_filled}), as_filled ? filled(body) : copy(body));
    }
    return copied;
  }

 private:
  struct Level {
    explicit Level(uint32_t& depth) : depth(depth) {
      if (++depth > Rules::max_depth) throw too_deep("");
    }
    ~Level() { depth--; }
    uint32_t& depth;
  };

  bool may_be_empty(Id id) const { return shortest_[id] == 0; }

  Id rule(Id id, bool as_filled) {
    auto [at, is_new] = rules_.try_emplace({id, as_filled}, 0);
    if (!is_new) return at->second;
    rules_to_do_.push_back({id, as_filled});
    return at->second = to_.declare(from_.name(id));
  }

  Id copy(Id id) {
    if (shortest_[id] == endless) return to_.nothing();
    if (auto known = copied_.find(id); known != copied_.end()) return known->second;
    Level level(depth_);
    return copied_[id] = copy_new(id);
  }

  Id copy_new(Id id) {
    const Expression& e = from_[id];
    std::vector<Id> parts;
    switch (e.kind) {
      case Expression::bytes: return to_.bytes(from_.set(id));
      case Expression::rule: return rule(id, false);
      case Expression::repeat: {
        const Id what = from_.child(id);
        if (may_be_empty(what)) return to_.repeat(filled(what), 0, e.max);
        return to_.repeat(copy(what), e.min, e.max);
      }
      default:
        for (uint32_t i = 0; i < e.count; i++) parts.push_back(copy(from_.child(id, i)));
        return e.kind == Expression::sequence ? to_.sequence(parts) : to_.choice(parts);
    }
  }

  Id filled(Id id) {
    if (!may_be_empty(id)) return copy(id);
    if (auto known = filled_.find(id); known != filled_.end()) return known->second;
    Level level(depth_);
    return filled_[id] = filled_new(id);
  }

  Id filled_new(Id id) {
    const Expression& e = from_[id];
    std::vector<Id> alternatives;
    switch (e.kind) {
      case Expression::bytes: return copy(id);
      case Expression::rule: return rule(id, true);
      case Expression::repeat: {
        const Id what = filled(from_.child(id));
        return to_[what].kind == Expression::choice && to_[what].count == 0 ? what : to_.repeat(what, 1, e.max);
      }
      case Expression::choice:
        for (uint32_t i = 0; i < e.count; i++) alternatives.push_back(filled(from_.child(id, i)));
        return to_.choice(alternatives);
      case Expression::sequence:  // all parts may be empty: the first that is not, and whatever follows it
        for (uint32_t i = 0; i < e.count; i++) {
          std::vector<Id> parts{filled(from_.child(id, i))};
          for (uint32_t k = i + 1; k < e.count; k++) parts.push_back(copy(from_.child(id, k)));
          alternatives.push_back(to_.sequence(parts));
        }
        return to_.choice(alternatives);
    }
    return to_.nothing();
  }

  const Expressions& from_;
  Expressions& to_;
  std::vector<uint64_t> shortest_;
  HashMap<Id, Id> copied_, filled_;
  std::map<std::pair<Id, bool>, Id> rules_;
  std::vector<std::pair<Id, bool>> rules_to_do_;
  uint32_t depth_ = 0;
};

/// Fills in `left_depth` and `begins`. An expression that is met again before it is known begins with itself.
class Left {
 public:
  Left(Rules& rules, const Expressions& names)
      : rules_(rules), names_(names), state_(rules.entries.size()), child_state_(rules.children.size()) {
    for (Id id = 0; id < rules_.entries.size(); id++) {
      visit(id, 0);
      const Rules::Entry& e = rules_.entries[id];
      for (uint32_t i = e.count; e.kind == Expression::sequence && i-- > 0;) visit_child(id, i, 0);
    }
  }

 private:
  enum State : uint8_t { unseen, open, done };
  struct Seen {
    uint32_t left_depth = 0;
    ByteSet begins;
    void add(uint32_t depth, const ByteSet& bytes) { left_depth = std::max(left_depth, depth + 1), begins |= bytes; }
  };

  void begin(State& state, Id id, uint32_t depth) {
    if (state == open)
      throw Error("grammar", "left recursion in a rule", name_of(id), "a rule that begins with another part",
                  "put the repetition at the end: list ::= item (\",\" item)*");
    if (depth > Rules::max_depth) throw too_deep(" before its first character");
    state = open;
  }

  uint32_t number(const ByteSet& set) {
    auto [at, is_new] = numbers_.try_emplace(set, narrow<uint32_t>(rules_.sets.size()));
    if (is_new) rules_.sets.push_back(set);
    return at->second;
  }

  void visit(Id id, uint32_t depth) {
    if (state_[id] == done) return;
    begin(state_[id], id, depth);
    Rules::Entry& e = rules_.entries[id];
    Seen seen;
    if (e.kind == Expression::bytes) {
      seen.begins = rules_.sets[e.first];
    } else if (e.kind == Expression::sequence) {
      if (e.count) {
        visit_child(id, 0, depth + 1);
        seen.add(rules_.children[e.first].left_depth, rules_.sets[rules_.children[e.first].begins]);
      }
    } else {
      for (uint32_t i = 0; i < e.count; i++) add(seen, rules_.children[e.first + i].id, depth);
    }
    e.left_depth = checked(seen.left_depth), e.begins = number(seen.begins);
    state_[id] = done;
  }

  void visit_child(Id id, uint32_t i, uint32_t depth) {
    const Rules::Entry& e = rules_.entries[id];
    Rules::Child& child = rules_.children[e.first + i];
    if (child_state_[e.first + i] == done) return;
    begin(child_state_[e.first + i], id, depth);
    Seen seen;
    add(seen, child.id, depth);
    if (rules_.entries[child.id].shortest == 0 && i + 1 < e.count) {
      visit_child(id, i + 1, depth + 1);
      const Rules::Child& next = rules_.children[e.first + i + 1];
      seen.add(next.left_depth, rules_.sets[next.begins]);
    }
    child.left_depth = checked(seen.left_depth), child.begins = number(seen.begins);
    child_state_[e.first + i] = done;
  }

  void add(Seen& seen, Id id, uint32_t depth) {
    visit(id, depth + 1);
    seen.add(rules_.entries[id].left_depth, rules_.sets[rules_.entries[id].begins]);
  }

  uint32_t checked(uint32_t left_depth) const {
    if (left_depth > Rules::max_depth) throw too_deep(" before its first character");
    return left_depth;
  }

  /// A rule on the way to itself.
  std::string name_of(Id id) const {
    for (Id i = 0; i < rules_.entries.size(); i++)
      if (state_[i] == open && rules_.entries[i].kind == Expression::rule) return names_.name(i);
    return rules_.entries[id].kind == Expression::rule ? names_.name(id) : "";
  }

  Rules& rules_;
  const Expressions& names_;
  std::vector<State> state_, child_state_;
  HashMap<ByteSet, uint32_t> numbers_;
};

/// Bytes get the same class while no set tells them apart.
void classify_bytes(Rules& rules) {
  std::array<uint16_t, 256> of_byte{};
  size_t n = 1;
  for (const Rules::Entry& e : rules.entries) {
    if (e.kind != Expression::bytes || n == 256) continue;
    std::map<std::pair<uint16_t, bool>, uint16_t> cut;
    for (int b = 0; b < 256; b++)
      of_byte[b] =
          cut.try_emplace({of_byte[b], rules.sets[e.first][b]}, static_cast<uint16_t>(cut.size())).first->second;
    n = cut.size();
  }
  rules.class_byte.assign(n, 0);
  for (int b = 255; b >= 0; b--)
    rules.byte_class[b] = static_cast<uint8_t>(of_byte[b]), rules.class_byte[of_byte[b]] = static_cast<uint8_t>(b);
}

}  // namespace

bool has_text(const Expressions& grammar, Id root) { return shortest_texts(grammar)[root] != endless; }

Rules make_rules(const Expressions& grammar, Id root) {
  Expressions clean(grammar.budget());
  const Id clean_root = Copy(grammar, clean).all_from(root);
  Rules rules;
  rules.root = clean_root;
  const std::vector<uint64_t> shortest = shortest_texts(clean);
  for (Id id = 0; id < clean.size(); id++) {
    Rules::Entry e{clean[id], shortest[id]};
    if (e.kind == Expression::bytes) {
      e.first = narrow<uint32_t>(rules.sets.size());
      rules.sets.push_back(clean.set(id));
    } else {
      e.first = narrow<uint32_t>(rules.children.size());
      for (uint32_t i = 0; i < e.count; i++)
        rules.children.push_back({clean.child(id, i), shortest[clean.child(id, i)]});
      for (uint32_t i = e.count; e.kind == Expression::sequence && i-- > 1;) {
        Rules::Child& child = rules.children[e.first + i - 1];
        child.shortest = std::min(child.shortest + rules.children[e.first + i].shortest, endless - 1);
      }
    }
    rules.entries.push_back(e);
  }
  Left(rules, clean);
  classify_bytes(rules);
  return rules;
}

}  // namespace ingot::grammar
