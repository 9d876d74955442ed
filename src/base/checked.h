// Overflow-safe arithmetic on sizes that come from a file or a request. Numbers from a file are added, multiplied and
// aligned only by these functions. The checked_ functions return nothing on overflow and leave the error message to the
// caller; the capped_ ones are for sizes that are finally compared or allocated. `narrow` converts to a smaller type
// and throws if the value would change.
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

/// `value` as a T. Errors: out of range; `room` and `what` ("the number of tokens") go into the message.
template <std::integral T, std::integral From>
constexpr T narrow(From value, const char* room = "base", const char* what = "a number") {
  if (!std::in_range<T>(value)) {
    throw Error(room, std::string(what) + " is out of range", std::to_string(value),
                std::to_string(std::numeric_limits<T>::min()) + " to " + std::to_string(std::numeric_limits<T>::max()));
  }
  return static_cast<T>(value);
}

/// More than the memory of any machine; the sum of two still fits 64 bits.
inline constexpr uint64_t max_size = uint64_t{1} << 62;

/// The product or sum of arbitrary sizes, saturated at max_size, which every allocation refuses; it never wraps.
template <std::integral... T> constexpr uint64_t capped_product(T... factors) {
  uint64_t product = 1;
  bool fits = true, zero = false;
  for (uint64_t factor : {narrow<uint64_t>(factors)...}) {
    zero = zero || factor == 0;
    fits = !__builtin_mul_overflow(product, factor, &product) && fits;
  }
  return zero ? 0 : fits && product < max_size ? product : max_size;
}
template <std::integral... T> constexpr uint64_t capped_sum(T... terms) {
  uint64_t sum = 0;
  for (uint64_t term : {narrow<uint64_t>(terms)...}) sum = term < max_size - sum ? sum + term : max_size;
  return sum;
}

}  // namespace ingot
