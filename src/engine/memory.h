// The memory of one model's sequences: which pages of its state store belong to whom, and which are kept for future
// prompts.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "engine/page_pool.h"
#include "engine/prefix_cache.h"
#include "ingot/error.h"
#include "plan/backend.h"

namespace ingot::engine {

/// Calls from several threads are safe.
class Memory {
 public:
  /// `pages`: how many of the store's it hands out.
  Memory(plan::StateStore& states, int pages) : states_(states), pool_(pages), prefixes_(pool_) {}
  plan::StateStore& states() { return states_; }
  const PagePool& pool() const { return pool_; }
  int cached_pages() const;
  /// As PagePool::take; kept prefixes that no sequence uses are dropped first.
  bool take(int n, std::vector<int32_t>& to);
  /// Frees pages as `take` does. False: `n` pages cannot be freed while the sequences keep theirs.
  bool reclaim(int n);
  void release(std::span<const int32_t> pages) { pool_.release(pages); }
  /// As PrefixCache::find and add.
  std::vector<int32_t> find_prefix(std::span<const int32_t> tokens);
  void keep_prefix(std::span<const int32_t> tokens, std::span<const int32_t> pages);
  /// As PrefixCache::clear.
  bool drop_prefixes();
  /// A sequence got its first page, or released its last.
  void add_holder(int change) { holders_ += change; }
  /// The error that `n` more pages are not available, who holds them, and what can be done.
  Error no_pages(int n) const;

 private:
  plan::StateStore& states_;
  PagePool pool_;
  mutable std::mutex mutex_;
  PrefixCache prefixes_;  // guarded by mutex_
  std::atomic<int> holders_ = 0;
};

/// The tokens of one sequence, and the pages that keep what the model computed of them. A page may be shared with other
/// sequences that begin with the same tokens, or with the prefix cache: what is written is this sequence's own. Not
/// safe to share between threads.
class PagedSequence {
 public:
  PagedSequence(Memory& memory, int context) : memory_(memory), context_(context) {}
  ~PagedSequence() { truncate(0); }
  PagedSequence(const PagedSequence&) = delete;
  PagedSequence& operator=(const PagedSequence&) = delete;

  std::span<const int32_t> tokens() const { return tokens_; }
  int size() const { return static_cast<int>(tokens_.size()); }  // at most the context
  std::span<const int32_t> pages() const { return pages_; }
  /// How many tokens of the beginning of `tokens` it has.
  int common(std::span<const int32_t> tokens) const;
  /// Ensures that the next `n` positions can be written. False: there are too few pages for them, or fewer than `spare`
  /// more for others, and nothing changed.
  bool reserve(int n, int spare = 0);
  /// The same. Errors: room "memory": there are too few pages.
  void demand(int n);
  /// The next `count` tokens in a batch. Reserved before.
  plan::Sequence next(int count, int outputs) const;
  /// They were run.
  void push(std::span<const int32_t> tokens);
  /// Drops all but the first `n` tokens, and releases the pages that are no longer needed.
  void truncate(int n);
  /// Adopts what the prefix cache has of `tokens`, if this sequence is empty; returns how many tokens that is.
  int share_prefix(std::span<const int32_t> tokens);
  /// Also gives its full pages to the prefix cache.
  void keep_prefix() const { memory_.keep_prefix(tokens_, pages_); }
  /// Holds `tokens`, of which `states` is what StateStore::save wrote. Errors: as `demand`, another size; then nothing
  /// changed.
  void restore(std::span<const int32_t> tokens, std::span<const std::byte> states);
  /// Errors: logits that are not finite, after `next` tokens more than it holds.
  void check_finite(std::span<const float> logits, int next) const;
  /// The same for what the device chose.
  void check_chosen(const plan::Choice& choice, int next) const;

 private:
  int page_count() const { return static_cast<int>(pages_.size()); }
  bool take(int n);
  void make_own(int page, bool with_contents);

  Memory& memory_;
  int context_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> pages_;  // those of tokens_, and reserved ones
};

}  // namespace ingot::engine
