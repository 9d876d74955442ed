#include "engine/memory.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/checked.h"
#include "plan/finite.h"

namespace ingot::engine {

int Memory::cached_pages() const {
  std::lock_guard lock(mutex_);
  return prefixes_.pages();
}

bool Memory::reclaim(int n) {
  if (pool_.free_pages() >= n) return true;
  std::lock_guard lock(mutex_);
  if (pool_.free_pages() + prefixes_.pages() < n) return false;  // otherwise prefixes would be dropped for nothing
  while (pool_.free_pages() < n)
    if (!prefixes_.drop_one()) return false;
  return true;
}

bool Memory::take(int n, std::vector<int32_t>& to) {
  while (!pool_.take(n, to))  // again, if another thread took what was free
    if (!reclaim(n)) return false;
  return true;
}

std::vector<int32_t> Memory::find_prefix(std::span<const int32_t> tokens) {
  std::lock_guard lock(mutex_);
  return prefixes_.find(tokens);
}

bool Memory::drop_prefixes() {
  std::lock_guard lock(mutex_);
  return prefixes_.clear();
}

void Memory::keep_prefix(std::span<const int32_t> tokens, std::span<const int32_t> pages) {
  std::lock_guard lock(mutex_);
  prefixes_.add(tokens, pages);
}

Error Memory::no_pages(int n) const {
  return Error("memory",
               fmt::format("not enough memory for keys and values of {} more positions", n * plan::page_positions),
               fmt::format("{} of {} pages of {} positions in use by {} sequences (sessions and requests)",
                           pool_.pages() - pool_.free_pages(), pool_.pages(), plan::page_positions, holders_.load()),
               fmt::format("{} free", n),
               "end one of them, ask for a shorter context (-c), or give them more memory (--state-memory)");
}

int PagedSequence::common(std::span<const int32_t> tokens) const {
  return static_cast<int>(std::ranges::mismatch(tokens, tokens_).in1 - tokens.begin());
}

/// Appends `n` pages.
bool PagedSequence::take(int n) {
  if (n == 0) return true;
  tokens_.reserve(static_cast<size_t>(context_));  // once, so that decoding allocates nothing
  pages_.reserve(static_cast<size_t>(plan::pages_for(context_)) + 1);
  const bool held_none = pages_.empty();
  if (!memory_.take(n, pages_)) return false;
  if (held_none && !pages_.empty()) memory_.add_holder(1);
  return true;
}

/// Replaces page `page`, which is shared, by the last one, which is this sequence's own.
void PagedSequence::make_own(int page, bool with_contents) {
  if (with_contents) memory_.states().copy(pages_[page], pages_.back());
  memory_.release({&pages_[page], 1});
  pages_[page] = pages_.back();
  pages_.pop_back();
}

bool PagedSequence::reserve(int n, int spare) {
  // Only the page of the next position can have other users: those after it are reserved, and not shared.
  const int first = size() / plan::page_positions, needed = plan::pages_for(int64_t{size()} + n);
  for (;;) {
    const bool shared = size() % plan::page_positions != 0 && memory_.pool().users(pages_[first]) > 1;
    const int more = std::max(needed - page_count(), 0) + shared;
    if ((spare == 0 || memory_.reclaim(more + spare)) && take(more)) {
      if (shared) make_own(first, true);
      return true;
    }
    // If no page is left to copy it to, the prefix cache may be the one that shares it.
    if (!shared || !memory_.drop_prefixes()) return false;
  }
}

void PagedSequence::demand(int n) {
  if (!reserve(n)) throw memory_.no_pages(std::max(plan::pages_for(int64_t{size()} + n) - page_count(), 1));
}

plan::Sequence PagedSequence::next(int count, int outputs) const {
  return {.pages = pages_, .position = size(), .count = count, .outputs = outputs};
}

void PagedSequence::push(std::span<const int32_t> tokens) {
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

void PagedSequence::truncate(int n) {
  tokens_.resize(static_cast<size_t>(n));
  const auto kept = static_cast<size_t>(plan::pages_for(n));
  if (pages_.size() <= kept) return;
  memory_.release(std::span(pages_).subspan(kept));
  pages_.resize(kept);
  if (kept == 0) memory_.add_holder(-1);
}

int PagedSequence::share_prefix(std::span<const int32_t> tokens) {
  truncate(0);
  pages_ = memory_.find_prefix(tokens);
  if (!pages_.empty()) memory_.add_holder(1);
  push(tokens.first(pages_.size() * plan::page_positions));
  return size();
}

void PagedSequence::restore(std::span<const int32_t> tokens, std::span<const std::byte> states) {
  const int positions = narrow<int>(tokens.size(), "memory", "the number of tokens"),
            needed = plan::pages_for(positions);
  if (const uint64_t expected = memory_.states().saved_bytes(positions); states.size() != expected)
    throw Error("memory", "saved keys and values have the wrong size", fmt::format("{} bytes", states.size()),
                fmt::format("{} for {} tokens", expected, positions));
  const int held = page_count();
  int shared = 0;
  for (int i = 0; i < std::min(held, needed); i++) shared += memory_.pool().users(pages_[i]) > 1;
  const int more = std::max(needed - held, 0) + shared;
  if (!take(more)) throw memory_.no_pages(more);
  for (int i = 0; i < std::min(held, needed); i++)
    if (memory_.pool().users(pages_[i]) > 1) make_own(i, false);
  tokens_.clear();  // until they are there
  memory_.states().restore(std::span(pages_).first(static_cast<size_t>(needed)), positions, states);
  push(tokens);
  truncate(positions);
}

void PagedSequence::check_finite(std::span<const float> logits, int next) const {
  plan::check_finite(logits, memory_.states(), pages_, size() + next);
}

void PagedSequence::check_chosen(const plan::Choice& choice, int next) const {
  if (choice.id < 0) plan::refuse_output(memory_.states(), pages_, size() + next);
}

}  // namespace ingot::engine
