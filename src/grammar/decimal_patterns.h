// Regular expressions for numbers as JSON writes them, with bounds. A bounded number is written without exponent.
#pragma once
#include <string>

namespace ingot::grammar {

/// A number in decimal digits: whole without leading, fraction without trailing zeros.
struct Decimal {
  bool negative = false;
  std::string whole = "0", fraction;
};
/// From JSON's spelling of a number.
Decimal parse_decimal(const std::string& json);

inline const std::string integer_pattern = "0|-?[1-9]\\d*";
/// With an exponent there is one digit before the point, and no number is larger than a double can be.
inline const std::string number_pattern =
    "-?((0|[1-9]\\d*)(\\.\\d+)?|\\d(\\.\\d+)?[eE](-\\d{1,3}|\\+?(\\d{1,2}|[12]\\d\\d|30[0-7]))|1(\\.[0-6]\\d*)?[eE]\\+?"
    "308)";
/// Numbers with at most so many digits behind the point; zero has no sign.
std::string plain_number_pattern(int fraction_digits);
/// Numbers of that kind on one side of `bound`; `strict`: not the bound itself.
std::string at_least_pattern(const Decimal& bound, bool strict);
std::string at_most_pattern(const Decimal& bound, bool strict);

}  // namespace ingot::grammar
