// Comparing digit strings from the left, written as alternatives: all digits up to some place equal, the next one
// larger or smaller.
#include "grammar/decimal_patterns.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace ingot::grammar {
namespace {

const std::string any_fraction = "(\\.\\d+)?";

std::string digits(size_t n) { return fmt::format("\\d{{{}}}", n); }
std::string digit_between(int low, int high) {
  return low > high ? "[]" : fmt::format("[{}-{}]", char(low), char(high));
}
std::string either(const std::string& a, const std::string& b) { return fmt::format("({}|{})", a, b); }

/// Whole numbers above `whole`: the same digits up to some place and a larger one there, or more digits.
std::string above(const std::string& whole) {
  const size_t n = whole.size();
  std::string made = fmt::format("([1-9]\\d{{{},}}", n);
  for (size_t i = 0; i < n; i++)
    made += fmt::format("|{}{}{}", whole.substr(0, i), digit_between(whole[i] + 1, '9'), digits(n - i - 1));
  return made + ")";
}

/// Whole numbers below `whole`.
std::string below(const std::string& whole) {
  const size_t n = whole.size();
  std::string made = n > 1 ? fmt::format("(0|[1-9]\\d{{0,{}}}", n - 2) : "([]";
  for (size_t i = 0; i < n; i++)
    made += fmt::format("|{}{}{}", whole.substr(0, i), digit_between(i == 0 && n > 1 ? '1' : '0', whole[i] - 1),
                        digits(n - i - 1));
  return made + ")";
}

std::string magnitude_at_least(const Decimal& d, bool strict) {
  const std::string& f = d.fraction;
  std::string more = f + (strict ? "\\d*[1-9]\\d*" : "\\d*");
  for (size_t i = 0; i < f.size(); i++) more += fmt::format("|{}{}\\d*", f.substr(0, i), digit_between(f[i] + 1, '9'));
  const bool may_stop = f.empty() && !strict;
  return either(above(d.whole) + any_fraction, fmt::format("{}(\\.({})){}", d.whole, more, may_stop ? "?" : ""));
}

std::string magnitude_at_most(const Decimal& d, bool strict) {
  const std::string& f = d.fraction;
  std::string less = strict ? "[]" : f + "0*";
  for (size_t i = 0; i < f.size(); i++) {
    less += fmt::format("|{}{}\\d*", f.substr(0, i), digit_between('0', f[i] - 1));
    if (i > 0) less += fmt::format("|{}", f.substr(0, i));
  }
  const bool may_stop = !f.empty() || !strict;
  return either(below(d.whole) + any_fraction, fmt::format("{}(\\.({})){}", d.whole, less, may_stop ? "?" : ""));
}

}  // namespace

Decimal parse_decimal(const std::string& json) {
  Decimal d;
  size_t i = 0;
  if (json[i] == '-') d.negative = true, i++;
  std::string all;
  long point = -1;
  for (; i < json.size() && json[i] != 'e' && json[i] != 'E'; i++) {
    if (json[i] == '.')
      point = static_cast<long>(all.size());
    else
      all += json[i];
  }
  if (point < 0) point = static_cast<long>(all.size());
  int exponent = 0;
  if (i < json.size()) {
    if (json[++i] == '+') i++;
    std::from_chars(json.data() + i, json.data() + json.size(), exponent);
  }
  point += exponent;
  if (point < 0) all.insert(0, static_cast<size_t>(-point), '0'), point = 0;
  if (point > static_cast<long>(all.size())) all.append(static_cast<size_t>(point) - all.size(), '0');
  d.whole = all.substr(0, static_cast<size_t>(point)), d.fraction = all.substr(static_cast<size_t>(point));
  d.whole.erase(0, std::min(d.whole.find_first_not_of('0'), d.whole.size()));
  if (d.whole.empty()) d.whole.push_back('0');
  d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
  if (d.whole == "0" && d.fraction.empty()) d.negative = false;
  return d;
}

std::string plain_number_pattern(int fraction_digits) {
  if (fraction_digits <= 0) return integer_pattern;
  return fmt::format("(0|-?[1-9]\\d*)(\\.\\d{{1,{0}}})?|-0\\.0{{0,{1}}}[1-9]\\d{{0,{0}}}", fraction_digits,
                     fraction_digits - 1);
}

std::string at_least_pattern(const Decimal& bound, bool strict) {
  if (!bound.negative) return magnitude_at_least(bound, strict);
  return fmt::format("\\d.*|-{}", magnitude_at_most(bound, strict));
}

std::string at_most_pattern(const Decimal& bound, bool strict) {
  if (bound.negative) return fmt::format("-{}", magnitude_at_least(bound, strict));
  return fmt::format("-.*|{}", magnitude_at_most(bound, strict));
}

}  // namespace ingot::grammar
