// Names that come from a file: which are acceptable, how they are shown in messages, and how they are found. Names are
// compared byte by byte. Duplicates are found by sorting, not hashing: with a known hash function a file could be
// crafted to collide.
#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"

namespace ingot::container {

/// `text` for a message, in double quotes.
std::string quoted(std::string_view text);

/// What is wrong with a key or tensor name, at most `max_bytes` long; null when nothing is. Empty names, control
/// characters (NUL included) and bytes that are not UTF-8 are wrong.
const char* name_fault(std::string_view name, uint64_t max_bytes);

/// Positions of `entries` in the order of their names; `name_of(entry)` gives a name.
template <class Entries, class NameOf> std::vector<uint32_t> name_order(const Entries& entries, NameOf name_of) {
  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int c = std::string_view(name_of(entries[a])).compare(name_of(entries[b]));
    return c != 0 ? c < 0 : a < b;
  });
  return order;
}

/// Positions of two entries that share a name: {first, second} in file order.
template <class Entries, class NameOf>
std::optional<std::pair<uint32_t, uint32_t>> duplicate(const Entries& entries, const std::vector<uint32_t>& order,
                                                       NameOf name_of) {
  for (size_t i = 1; i < order.size(); ++i)
    if (name_of(entries[order[i - 1]]) == name_of(entries[order[i]])) return std::pair{order[i - 1], order[i]};
  return std::nullopt;
}

/// The entry called `name`; null when there is none.
template <class Entries, class NameOf> auto find_name(const Entries& entries, const std::vector<uint32_t>& order,
                                                      std::string_view name, NameOf name_of) -> decltype(&entries[0]) {
  auto at = std::lower_bound(order.begin(), order.end(), name, [&](uint32_t i, std::string_view wanted) {
    return std::string_view(name_of(entries[i])) < wanted;
  });
  return at != order.end() && name_of(entries[*at]) == name ? &entries[*at] : nullptr;
}

}  // namespace ingot::container
