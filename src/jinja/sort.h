// Sorting as Python sorts: equal elements stay in order, and a comparison that is not an order (NaN) or that throws
// does no harm. Not std::stable_sort, whose buffer in libstdc++ 12 is deprecated, so that newer compilers warn at every
// use.
#pragma once
#include <algorithm>
#include <iterator>
#include <list>
#include <vector>

namespace ingot::jinja {

/// Sorts `items`; when `less` throws they are lost.
template <class T, class Less> void sort_stably(std::vector<T>& items, Less less) {
  std::list<T> list(std::move_iterator(items.begin()), std::move_iterator(items.end()));
  list.sort(less);
  std::ranges::move(list, items.begin());
}

}  // namespace ingot::jinja
