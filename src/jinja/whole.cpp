#include "jinja/whole.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ingot::jinja {
namespace {

constexpr double bits_per_digit = 3.3219280948873623;  // log2(10)
constexpr auto max_bits = static_cast<size_t>(max_digits * bits_per_digit);

[[noreturn]] void too_large(const Budget* budget) {
  static const Budget nowhere{Limits{}};
  fail(budget ? *budget : nowhere, "an integer becomes too large", "",
       "at most " + std::to_string(max_digits) + " digits");
}

size_t bits_of(const BigInteger& value) { return mpz_sizeinbase(value.n, 2); }

BigInteger big(const Value& whole) {
  return whole.is<BigRef>() ? BigInteger(*whole.as<BigRef>()) : BigInteger(whole.integer());
}

struct Counted : Held {
  Counted(Budget* budget, BigInteger&& n) : Held(budget, sizeof(Counted) + bits_of(n) / 8), number(std::move(n)) {}
  BigInteger number;
};

/// The one form of the number.
Value value_of(Budget* budget, BigInteger&& number) {
  static const BigInteger min(INT64_MIN), max(INT64_MAX);
  if (mpz_cmp(number.n, min.n) >= 0 && mpz_cmp(number.n, max.n) <= 0) {
    uint64_t magnitude = 0;
    mpz_export(&magnitude, nullptr, -1, sizeof magnitude, 0, 0, number.n);
    return static_cast<int64_t>(mpz_sgn(number.n) < 0 ? 0 - magnitude : magnitude);
  }
  if (bits_of(number) > max_bits) too_large(budget);
  const auto counted = std::make_shared<const Counted>(budget, std::move(number));
  return BigRef(counted, &counted->number);
}

/// The quotient, rounded once: its 66 leading bits, the last of which stands for all that follow, and a power of two.
double true_quotient(const BigInteger& a, const BigInteger& b) {
  if (mpz_sgn(a.n) == 0) return mpz_sgn(b.n) < 0 ? -0.0 : 0.0;
  BigInteger dividend(a), divisor(b), quotient, rest;
  const auto shift = 66 - (static_cast<long>(bits_of(a)) - static_cast<long>(bits_of(b)));
  if (shift >= 0)
    mpz_mul_2exp(dividend.n, dividend.n, static_cast<mp_bitcnt_t>(shift));
  else
    mpz_mul_2exp(divisor.n, divisor.n, static_cast<mp_bitcnt_t>(-shift));
  mpz_tdiv_qr(quotient.n, rest.n, dividend.n, divisor.n);
  if (mpz_sgn(rest.n) != 0) mpz_setbit(quotient.n, 0);
  return std::ldexp(nearest_float(quotient), static_cast<int>(-shift));
}

Value power(Budget& budget, const BigInteger& base, const BigInteger& exponent) {
  if (mpz_sgn(exponent.n) < 0 && mpz_sgn(base.n) == 0) fail(budget, "a division by zero");
  if (mpz_sgn(exponent.n) < 0) return std::pow(nearest_float(base), nearest_float(exponent));
  BigInteger result;
  if (mpz_cmpabs_ui(base.n, 1) > 0) {
    if (mpz_cmp_ui(exponent.n, max_bits) > 0 ||
        static_cast<size_t>(mpz_get_ui(exponent.n)) * (bits_of(base) - 1) > max_bits)
      too_large(&budget);
    mpz_pow_ui(result.n, base.n, mpz_get_ui(exponent.n));
  } else if (mpz_sgn(base.n) < 0) {
    result = mpz_odd_p(exponent.n) ? -1 : 1;
  } else {
    result = mpz_sgn(base.n) > 0 || mpz_sgn(exponent.n) == 0;
  }
  return value_of(&budget, std::move(result));
}

}  // namespace

BigInteger& BigInteger::operator=(int64_t value) {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  mpz_import(n, 1, -1, sizeof magnitude, 0, 0, &magnitude);
  if (value < 0) mpz_neg(n, n);
  return *this;
}

Value whole(Budget* budget, std::string_view digits, int base) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.size() > max_bits || (base == 10 && digits.size() - digits.starts_with('-') > max_digits))
    too_large(budget);
  BigInteger number;
  mpz_set_str(number.n, std::string(digits).c_str(), base);
  return value_of(budget, std::move(number));
}

Value whole(Budget* budget, double x) {
  BigInteger number;
  mpz_set_d(number.n, x);
  return value_of(budget, std::move(number));
}

std::string whole_text(const Value& whole, int base) {
  if (!whole.is<BigRef>() && base == 10) return std::to_string(whole.integer());
  const BigInteger number = big(whole);
  std::string text(mpz_sizeinbase(number.n, base) + 2, '\0');
  mpz_get_str(text.data(), base, number.n);
  text.resize(text.find('\0'));
  return text;
}

double nearest_float(const BigInteger& value) {
  std::string text(mpz_sizeinbase(value.n, 10) + 2, '\0');
  mpz_get_str(text.data(), 10, value.n);
  return std::strtod(text.c_str(), nullptr);
}

Value whole_arithmetic(Budget& budget, BinaryOp op, const Value& left, const Value& right) {
  const BigInteger a = big(left), b = big(right);
  budget.step(1 + bits_of(a) / 64 * (1 + bits_of(b) / 64));
  BigInteger result;
  switch (op) {
    case BinaryOp::add: mpz_add(result.n, a.n, b.n); break;
    case BinaryOp::subtract: mpz_sub(result.n, a.n, b.n); break;
    case BinaryOp::multiply: mpz_mul(result.n, a.n, b.n); break;
    case BinaryOp::power: return power(budget, a, b);
    default:
      if (mpz_sgn(b.n) == 0) fail(budget, "a division by zero");
      if (op == BinaryOp::divide) return true_quotient(a, b);
      if (op == BinaryOp::modulo)
        mpz_fdiv_r(result.n, a.n, b.n);
      else
        mpz_fdiv_q(result.n, a.n, b.n);
  }
  return value_of(&budget, std::move(result));
}

std::partial_ordering number_order(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() <=> b.integer();
  if (a.is<double>() && b.is<double>()) return a.as<double>() <=> b.as<double>();
  if (a.is<double>()) return 0 <=> number_order(b, a);
  if (b.is<double>()) {
    const double x = b.as<double>();
    if (std::isnan(x)) return std::partial_ordering::unordered;
    if (std::isinf(x)) return 0.0 <=> x;
    return mpz_cmp_d(big(a).n, x) <=> 0;
  }
  return mpz_cmp(big(a).n, big(b).n) <=> 0;
}

}  // namespace ingot::jinja
