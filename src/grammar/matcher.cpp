// States and their transitions. One transition expands every expression at most once: those with the largest left depth
// first, so that all paths to an expression are known and merged before it is expanded.
#include "grammar/matcher.h"

#include <algorithm>
#include <queue>

#include "base/checked.h"
#include "base/keyed_hash.h"

namespace ingot::grammar {
namespace {

uint64_t mix(uint64_t hash, uint64_t value) { return keyed_hash(hash ^ value); }

Error too_ambiguous(const char* what) {
  return Error("grammar", "the grammar is too ambiguous", what, "few ways to parse a text",
               "write it so that the next character distinguishes the alternatives");
}

}  // namespace

Matcher::Matcher(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {
  clear();
  start_ = state_of({rules_->root, 0}, complete);
}

void Matcher::clear() {
  states_.clear(), items_.clear(), rows_.clear(), known_.clear(), united_.clear();
  states_.push_back({.shortest = Rules::endless});                       // dead
  states_.push_back({.shortest = 0, .may_end = true, .accepts = true});  // complete
}

void Matcher::work(uint64_t steps) {
  work_ += steps;
  if (work_ > work_limit_) throw too_ambiguous("too much work for one character");
}

uint64_t Matcher::shortest(Head head) const {
  const Rules::Entry& e = rules_->entries[head.expression];
  if (e.kind == Expression::sequence) return head.at == e.count ? 0 : rules_->children[e.first + head.at].shortest;
  if (e.kind != Expression::repeat) return e.shortest;
  const uint64_t left = head.at < e.min ? e.min - head.at : 0, length = rules_->children[e.first].shortest;
  return left && length > Rules::endless / left ? Rules::endless - 1 : left * length;
}

uint32_t Matcher::left_depth(Head head) const {
  const Rules::Entry& e = rules_->entries[head.expression];
  return e.kind == Expression::sequence ? rules_->children[e.first + head.at].left_depth : e.left_depth;
}

bool Matcher::can_begin(Head head, uint8_t byte) const {
  const Rules::Entry& e = rules_->entries[head.expression];
  return rules_->sets[e.kind == Expression::sequence && head.at < e.count ? rules_->children[e.first + head.at].begins
                                                                          : e.begins][byte];
}

State Matcher::state_of(Head head, State rest) {
  const Rules::Entry& e = rules_->entries[head.expression];
  if (rest == dead) return dead;
  if (e.kind == Expression::sequence) {
    if (head.at == e.count) return rest;
    if (head.at + 1 == e.count) return state_of({rules_->children[e.first + head.at].id, 0}, rest);
  }
  if (e.kind == Expression::repeat) {
    if (head.at == e.max) return rest;
    if (e.max == unlimited) head.at = std::min(head.at, e.min);
  }
  if (states_[rest].depth >= max_depth) return dead;
  const Item item{head, rest};
  return intern({&item, 1}, false);
}

State Matcher::intern(std::span<const Item> items, bool may_end) {
  if (items.empty()) return may_end ? complete : dead;
  work(items.size());
  uint64_t hash = may_end;
  for (const Item& item : items) hash = mix(mix(hash, uint64_t{item.head.expression} << 32 | item.head.at), item.rest);
  auto [from, to] = known_.equal_range(hash);
  for (; from != to; ++from) {
    const Node& node = states_[from->second];
    if (node.may_end == may_end && std::ranges::equal(this->items(from->second), items)) return from->second;
  }
  if (states_.size() >= max_states || items_.size() >= max_items) throw too_ambiguous("too many states");
  Node node{.first = narrow<uint32_t>(items_.size()),
            .count = narrow<uint32_t>(items.size()),
            .shortest = may_end ? 0 : Rules::endless,
            .may_end = may_end};
  for (const Item& item : items) {
    node.depth = std::max(node.depth, states_[item.rest].depth + 1);
    node.shortest = std::min(node.shortest, shortest(item.head) + states_[item.rest].shortest);
  }
  node.accepts = node.shortest == 0;
  items_.insert(items_.end(), items.begin(), items.end());
  const State state = narrow<State>(states_.size());
  states_.push_back(node);
  known_.emplace(hash, state);
  return state;
}

/// The union of `states`, computed at once: merging two at a time would create a state for each step.
State Matcher::unite(std::vector<State> states) {
  std::erase(states, dead);
  std::ranges::sort(states);
  states.erase(std::unique(states.begin(), states.end()), states.end());
  if (states.empty()) return dead;
  if (states.size() == 1) return states[0];
  work(states.size());
  if (auto known = united_.find(states); known != united_.end()) return known->second;
  std::vector<Item> all, united;
  bool may_end = false;
  for (State state : states) {
    all.insert(all.end(), items(state).begin(), items(state).end());
    may_end |= states_[state].may_end;
  }
  work(all.size());
  std::ranges::sort(all);
  for (size_t i = 0; i < all.size();) {
    const Head head = all[i].head;
    std::vector<State> rests;
    for (; i < all.size() && all[i].head == head; i++) rests.push_back(all[i].rest);
    united.push_back({head, unite(std::move(rests))});
  }
  return united_[std::move(states)] = intern(united, may_end);
}

std::vector<Item> Matcher::open_items(State state) const {
  std::vector<Item> open(items(state).begin(), items(state).end());
  std::vector<State> seen{state};  // nearly always one to three
  for (size_t i = 0; i < open.size(); i++) {
    const State rest = open[i].rest;
    if (!may_be_empty(open[i].head) || std::ranges::find(seen, rest) != seen.end()) continue;
    seen.push_back(rest);
    open.insert(open.end(), items(rest).begin(), items(rest).end());
  }
  return open;
}

State Matcher::new_step(State state, uint8_t byte) {
  if (state == dead) return dead;
  work_limit_ = work_ + max_work;
  struct Todo {
    uint32_t left_depth;
    Item item;
    bool operator<(const Todo& other) const {
      return left_depth != other.left_depth ? left_depth < other.left_depth : item.head < other.item.head;
    }
  };
  std::priority_queue<Todo> todo;
  auto add = [&](Head head, State rest) {
    if (rest != dead && can_begin(head, byte)) todo.push({left_depth(head), {head, rest}});
  };
  for (const Item& item : open_items(state)) add(item.head, item.rest);
  std::vector<State> reached;
  while (!todo.empty()) {
    const Head head = todo.top().item.head;
    std::vector<State> rests;
    for (; !todo.empty() && todo.top().item.head == head; todo.pop()) rests.push_back(todo.top().item.rest);
    const State rest = unite(std::move(rests));
    const Rules::Entry& e = rules_->entries[head.expression];
    work(1 + (e.kind == Expression::choice ? e.count : 0));
    switch (e.kind) {
      case Expression::bytes: reached.push_back(rest); break;
      case Expression::sequence: {
        const Id child = rules_->children[e.first + head.at].id;
        const Head behind{head.expression, head.at + 1};
        add({child, 0}, state_of(behind, rest));
        if (rules_->entries[child].shortest == 0 && behind.at < e.count) add(behind, rest);
        break;
      }
      case Expression::repeat:
        add({rules_->children[e.first].id, 0}, state_of({head.expression, head.at + 1}, rest));
        break;
      case Expression::choice:
      case Expression::rule:
        for (uint32_t i = 0; i < e.count; i++) add({rules_->children[e.first + i].id, 0}, rest);
        break;
    }
  }
  const State next = unite(std::move(reached));
  work_limit_ = UINT64_MAX;
  uint32_t& row = states_[state].row;
  if (row == no_row) {
    row = narrow<uint32_t>(rows_.size());
    rows_.resize(rows_.size() + rules_->class_byte.size(), unknown);
  }
  return rows_[row + rules_->byte_class[byte]] = next;
}

State Matcher::keep_only(State state) {
  std::vector<State> order{state};  // after sorting by depth, every state comes after its predecessors
  HashMap<State, State> renamed{{dead, dead}, {complete, complete}, {state, dead}};
  for (size_t i = 0; i < order.size(); i++)
    for (const Item& item : items(order[i]))
      if (renamed.try_emplace(item.rest, dead).second) order.push_back(item.rest);
  std::ranges::sort(order, {}, [this](State s) { return states_[s].depth; });
  const std::vector<Node> nodes = states_;
  const std::vector<Item> items = items_;
  clear();
  for (State s : order) {
    if (s <= complete) continue;
    std::vector<Item> kept(items.begin() + nodes[s].first, items.begin() + nodes[s].first + nodes[s].count);
    for (Item& item : kept) item.rest = renamed.at(item.rest);
    renamed[s] = intern(kept, nodes[s].may_end);
  }
  start_ = state_of({rules_->root, 0}, complete);
  return renamed.at(state);
}

}  // namespace ingot::grammar
