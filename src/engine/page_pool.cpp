#include "engine/page_pool.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/checked.h"

namespace ingot::engine {

PagePool::PagePool(int pages) : users_(narrow<size_t>(pages, "memory", "the number of pages")), free_(users_.size()) {
  std::iota(free_.begin(), free_.end(), 0);  // in ascending order: a heap
}

int PagePool::free_pages() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(free_.size());
}

bool PagePool::take(int n, std::vector<int32_t>& to) {
  std::lock_guard lock(mutex_);
  if (n < 0 || free_.size() < static_cast<size_t>(n)) return false;
  to.reserve(to.size() + static_cast<size_t>(n));  // so that nothing below throws
  for (int i = 0; i < n; i++) {
    std::ranges::pop_heap(free_, std::greater());
    users_[free_.back()] = 1;
    to.push_back(free_.back());
    free_.pop_back();
  }
  return true;
}

void PagePool::share(std::span<const int32_t> pages) {
  std::lock_guard lock(mutex_);
  for (int32_t page : pages) users_[page]++;
}

void PagePool::release(std::span<const int32_t> pages) {
  std::lock_guard lock(mutex_);
  for (int32_t page : pages) {
    if (--users_[page] > 0) continue;
    free_.push_back(page);  // within capacity: it began full
    std::ranges::push_heap(free_, std::greater());
  }
}

int PagePool::users(int32_t page) const {
  std::lock_guard lock(mutex_);
  return users_[page];
}

}  // namespace ingot::engine
