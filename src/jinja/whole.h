// Whole numbers of any size, as Python has them. What 64 bits hold is an int64_t in a Value and everything else a
// BigInteger, so that a number has one form. Arithmetic is GMP's; numbers are kept within the digits that Python
// prints.
#pragma once
#include <gmp.h>

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "jinja/nodes.h"

namespace ingot::jinja {

constexpr size_t max_digits = 4300;  // of a whole number; sys.get_int_max_str_digits()

class BigInteger {
 public:
  BigInteger() { mpz_init(n); }
  explicit BigInteger(int64_t value) : BigInteger() { *this = value; }
  ~BigInteger() { mpz_clear(n); }
  BigInteger(BigInteger&& other) noexcept : BigInteger() { mpz_swap(n, other.n); }
  BigInteger(const BigInteger& other) { mpz_init_set(n, other.n); }
  BigInteger& operator=(const BigInteger&) = delete;
  BigInteger& operator=(int64_t value);
  mpz_t n;
};

/// The number that `digits` spell in `base`, with a sign or not; they are digits. `budget`: null for constants. Errors:
/// too many.
Value whole(Budget* budget, std::string_view digits, int base = 10);
/// `x` without its fraction; it is finite.
Value whole(Budget* budget, double x);
std::string whole_text(const Value& whole, int base = 10);
/// The nearest float; infinite where it is too large.
double nearest_float(const BigInteger& value);
/// a op b. Errors: division by zero, results of more than `max_digits`.
Value whole_arithmetic(Budget& budget, BinaryOp op, const Value& a, const Value& b);
/// The order of two numbers, exactly: floats are not rounded to whole numbers nor the other way. Unordered: NaN.
std::partial_ordering number_order(const Value& a, const Value& b);

}  // namespace ingot::jinja
