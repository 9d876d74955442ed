// Overflow-safe arithmetic on sizes that come from a file or a request. Nothing that a file says is added, multiplied or
// aligned by any other means. The functions on sizes return nothing on overflow; the caller words the error. `narrow` is how a
// number gets a smaller type: it throws where the number would change.
#pragma once
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "ingot/error.h"

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

/// `value` as a T. Errors: a T cannot hold it; `room` and `what` ("the number of tokens") word the error.
template <std::integral T, std::integral From>
constexpr T narrow(From value, const char* room = "base", const char* what = "a number") {
  if (!std::in_range<T>(value)) {
    throw Error(room, std::string(what) + " is out of range", std::to_string(value),
                std::to_string(std::numeric_limits<T>::min()) + " to " + std::to_string(std::numeric_limits<T>::max()));
  }
  return static_cast<T>(value);
}

}  // namespace ingot
