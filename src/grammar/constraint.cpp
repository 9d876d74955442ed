// Masks: computed for expressions, put together for states, kept for both.
#include "grammar/constraint.h"

#include <algorithm>
#include <bit>

namespace ingot::grammar {

Constraint::Constraint(std::shared_ptr<const Rules> rules, std::shared_ptr<const VocabularyTrie> vocabulary)
    : vocabulary_(std::move(vocabulary)),
      matcher_(std::move(rules)),
      state_(matcher_.start()),
      path_(vocabulary_->depth() + 1),
      ends_((vocabulary_->vocab() + 63) / 64) {
  for (int32_t id : vocabulary_->ends()) ends_[static_cast<size_t>(id) / 64] |= uint64_t{1} << id % 64;
}

/// Calls visit(node, state) for every node below `from` that matches from `state` on.
template <typename Visit> void Constraint::walk(uint32_t from, State state, Visit&& visit) {
  const VocabularyTrie& trie = *vocabulary_;
  path_[trie[from].depth] = state;
  for (uint32_t i = from + 1, end = trie[from].end; i < end;) {
    const VocabularyTrie::Node& node = trie[i];
    const State next = matcher_.step(path_[node.depth - 1], node.byte);
    if (next == dead) {
      i = node.end;
      continue;
    }
    path_[node.depth] = next;
    visit(i++, next);
  }
}

const Constraint::HeadTokens& Constraint::tokens_of(Head head) {
  const Rules::Entry& e = matcher_.rules().entries[head.expression];
  uint64_t key = uint64_t{head.expression} << 32 | head.at;
  if (e.kind == Expression::repeat) {
    // No token holds more repetitions than bytes: beyond that, how many are left makes no difference.
    const uint32_t many = vocabulary_->depth() + 1;
    const uint32_t at_least = std::min(head.at < e.min ? e.min - head.at : 0, many),
                   at_most = std::min(e.max - head.at, many);
    key = uint64_t{head.expression} << 32 | at_least << 16 | at_most;
  }
  if (auto known = heads_.find(key); known != heads_.end()) return known->second;
  HeadTokens made{.mask = Mask(ends_.size()), .tokens = {}, .exits = {}, .exit_mask = {}};
  const VocabularyTrie& trie = *vocabulary_;
  walk(0, matcher_.state_of(head, complete), [&](uint32_t node, State state) {
    set(made.mask, node);
    if (matcher_.accepts(state) && trie[node].end > node + 1) made.exits.push_back(node);
  });
  size_t n = 0;
  for (uint64_t word : made.mask) n += static_cast<size_t>(std::popcount(word));
  if (n < made.mask.size()) {
    made.tokens.reserve(n);
    for (size_t word = 0; word < made.mask.size(); word++)
      for (uint64_t rest = made.mask[word]; rest; rest &= rest - 1)
        made.tokens.push_back(static_cast<int32_t>(word * 64 + static_cast<size_t>(std::countr_zero(rest))));
    made.mask = {};
  }
  if (made.exits.size() > few_exits) {
    made.exit_mask.resize(trie.nodes() / 64 + 1);
    for (uint32_t node : made.exits) made.exit_mask[node / 64] |= uint64_t{1} << node % 64;
    made.exits = {};
  }
  if (head_bytes_ > kept_head_bytes) heads_.clear(), head_bytes_ = 0;
  head_bytes_ += made.bytes();
  return heads_.emplace(key, std::move(made)).first->second;
}

/// Adds the tokens that complete an expression and continue into `rest`.
void Constraint::add_beyond(Mask& mask, const HeadTokens& head, State rest) {
  auto add = [&](uint32_t node, State) { set(mask, node); };
  for (uint32_t exit : head.exits) walk(exit, rest, add);
  if (head.exit_mask.empty()) return;
  // Many exits, such as every character of a string: what follows can begin with few bytes, so those are looked for
  // instead.
  for (int byte = 0; byte < 256; byte++) {
    const State next = matcher_.step(rest, static_cast<uint8_t>(byte));
    if (next == dead) continue;
    for (uint32_t node : vocabulary_->nodes_of(static_cast<uint8_t>(byte))) {
      const uint32_t parent = (*vocabulary_)[node].parent;
      if (!(head.exit_mask[parent / 64] >> parent % 64 & 1)) continue;
      set(mask, node);
      walk(node, next, add);
    }
  }
}

Constraint::Mask Constraint::compute(State state) {
  Mask mask(ends_.size());
  for (const Item& item : matcher_.open_items(state)) {
    const HeadTokens& fitting = tokens_of(item.head);
    for (size_t word = 0; word < fitting.mask.size(); word++) mask[word] |= fitting.mask[word];
    for (int32_t id : fitting.tokens) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << id % 64;
    add_beyond(mask, fitting, item.rest);
  }
  if (matcher_.accepts(state))
    for (size_t word = 0; word < mask.size(); word++) mask[word] |= ends_[word];
  return mask;
}

std::span<const uint64_t> Constraint::allowed() {
  if (ended_) return ends_;
  auto known = masks_.find(state_);
  if (known == masks_.end()) {
    if (masks_.size() >= kept_masks) masks_.clear();
    known = masks_.emplace(state_, compute(state_)).first;
  }
  const Mask& mask = known->second;
  if (std::ranges::all_of(mask, [](uint64_t word) { return word == 0; }))
    throw Error("grammar", "no token continues the text as the grammar requires", "",
                "a vocabulary that can spell it, and an end token", "or the text nests too deeply");
  return mask;
}

void Constraint::accept(int32_t id) {
  auto refuse = [&] {
    throw Error("grammar", "the token is not allowed here", std::to_string(id), "a token that the mask allows");
  };
  if (id < 0 || static_cast<size_t>(id) >= vocabulary_->vocab()) refuse();
  if (ends_[static_cast<size_t>(id) / 64] >> id % 64 & 1) {
    if (!may_end()) refuse();
    ended_ = true;
    return;
  }
  const std::string_view piece = vocabulary_->piece(id);
  if (ended_ || piece.empty() || piece.size() > VocabularyTrie::longest) refuse();
  const State next = matcher_.step(state_, piece);
  if (next == dead) refuse();
  state_ = next;
  if (matcher_.is_crowded()) {
    masks_.clear();
    state_ = matcher_.keep_only(state_);
  }
}

void Constraint::reset() { state_ = matcher_.start(), ended_ = false; }

}  // namespace ingot::grammar
