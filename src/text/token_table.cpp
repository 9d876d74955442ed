// Open addressing with linear probing, at most half full.
#include "text/token_table.h"

#include <bit>

#include <fmt/core.h>

#include "base/keyed_hash.h"
#include "ingot/error.h"

namespace ingot::text {
namespace {

size_t slots_for(size_t entries) { return std::bit_ceil(entries * 2 + 2); }
uint64_t pair_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

TokenTable::TokenTable(const std::vector<std::string>& tokens)
    : tokens_(&tokens), slots_(slots_for(tokens.size())), mask_(slots_.size() - 1) {
  for (size_t id = 0; id < tokens.size(); id++) {
    if (tokens[id].empty()) continue;
    const size_t hash = keyed_hash(tokens[id]);
    size_t at = hash & mask_;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (; slots_[at].id >= 0; at = (at + 1) & mask_) {
      if (slots_[at].hash == tag && tokens[slots_[at].id] == tokens[id]) {
        throw Error("text", "two tokens of the vocabulary have the same text",
                    fmt::format("\"{}\" as {} and as {}", tokens[id], slots_[at].id, id), "distinct texts");
      }
    }
    slots_[at] = {static_cast<int32_t>(id), tag};
  }
}

int32_t TokenTable::find(std::string_view text) const {
  const size_t hash = keyed_hash(text);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask_; slots_[at].id >= 0; at = (at + 1) & mask_) {
    if (slots_[at].hash == tag && (*tokens_)[slots_[at].id] == text) return slots_[at].id;
  }
  return -1;
}

size_t TokenTable::probes() const {
  size_t n = 0;
  for (size_t at = 0; at < slots_.size(); at++)
    if (slots_[at].id >= 0) n += 1 + ((at - keyed_hash((*tokens_)[static_cast<size_t>(slots_[at].id)])) & mask_);
  return n;
}

MergeTable::MergeTable(size_t expected) : slots_(slots_for(expected)), mask_(slots_.size() - 1) {}

size_t MergeTable::slot_of(uint64_t pair) const {
  size_t at = keyed_hash(pair) & mask_;
  while (slots_[at].pair != free_pair && slots_[at].pair != pair) at = (at + 1) & mask_;
  return at;
}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  const uint64_t pair = pair_of(left, right);
  Slot& slot = slots_[slot_of(pair)];
  if (slot.pair == free_pair) slot = {pair, merge};
}

size_t MergeTable::probes() const {
  size_t n = 0;
  for (size_t at = 0; at < slots_.size(); at++)
    if (slots_[at].pair != free_pair) n += 1 + ((at - keyed_hash(slots_[at].pair)) & mask_);
  return n;
}

const MergeTable::Merge* MergeTable::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_of(left, right))];
  return slot.pair == free_pair ? nullptr : &slot.merge;
}

}  // namespace ingot::text
