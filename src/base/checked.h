// Overflow-safe arithmetic on sizes that come from a file or a request. Nothing that a file says is added, multiplied or
// aligned by any other means. Each function returns nothing on overflow; the caller words the error.
#pragma once
#include <cstdint>
#include <optional>

namespace ingot {

inline std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}

inline std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}

/// `x` rounded up to a multiple of `alignment` (a power of two).
inline std::optional<uint64_t> checked_align(uint64_t x, uint64_t alignment) {
  auto r = checked_add(x, alignment - 1);
  if (!r) return std::nullopt;
  return *r & ~(alignment - 1);
}

}  // namespace ingot
