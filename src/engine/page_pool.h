// Which pages of a state store are free, and how many users each of the others has. It does not know their contents.
#pragma once
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace ingot::engine {

/// Calls from several threads are safe.
class PagePool {
 public:
  /// Pages 0 … pages − 1, all of them free.
  explicit PagePool(int pages);
  int pages() const { return static_cast<int>(users_.size()); }
  int free_pages() const;
  /// Appends `n` free pages to `to`, the lowest first; each then has one user. False: fewer are free, and nothing
  /// changed.
  bool take(int n, std::vector<int32_t>& to);
  /// One more user of each page, which has at least one.
  void share(std::span<const int32_t> pages);
  /// One user less of each; a page without a user is free.
  void release(std::span<const int32_t> pages);
  int users(int32_t page) const;

 private:
  mutable std::mutex mutex_;
  std::vector<int32_t> users_;  // of each page
  std::vector<int32_t> free_;   // a heap, the lowest on top
};

}  // namespace ingot::engine
