// Both format functions parse a specification, convert the value to text and pad it.
#include "jinja/format.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "jinja/unicode.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

struct Specification {
  Text fill = Words(" ");
  char align = '\0', sign = '-', type = '\0';
  bool alternate = false, thousands = false, zero = false;
  int64_t width = 0, precision = -1;
};

constexpr int64_t max_precision = 400;  // of a precision

/// Reads a number at `at`, -1 where there is none.
int64_t read_number(Renderer& r, std::string_view text, size_t& at) {
  int64_t n = -1;
  const auto read = std::from_chars(text.data() + at, text.data() + text.size(), n);
  if (at >= text.size() || text[at] < '0' || text[at] > '9') return -1;
  if (read.ec != std::errc()) r.fail("a number in a format is too large", std::string(text));
  at = static_cast<size_t>(read.ptr - text.data());
  return n;
}

void pad(Renderer& r, Text& out, const Text& value, const Specification& spec, char default_align) {
  const auto length = static_cast<int64_t>(n_characters(value.bytes()));
  const int64_t missing = std::max<int64_t>(0, spec.width - length);
  if (missing > 0) r.budget.check_text(static_cast<size_t>(missing) * spec.fill.size());
  r.budget.step(static_cast<uint64_t>(missing));
  const char align = spec.align ? spec.align : default_align;
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const bool behind_sign =
      align == '=' && !value.empty() && (value.bytes()[0] == '-' || value.bytes()[0] == '+' || value.bytes()[0] == ' ');
  if (behind_sign) out.append(value, 0, 1);
  for (int64_t i = 0; i < left; i++) out.append(spec.fill);
  out.append(value, behind_sign, value.size());
  for (int64_t i = left; i < missing; i++) out.append(spec.fill);
}

std::string with_thousands(const std::string& digits) {
  const size_t begin = digits.find_first_of("0123456789"),
               end = std::min(digits.find_first_not_of("0123456789", begin), digits.size());
  std::string grouped;
  for (size_t at = 0; at < digits.size(); at++) {
    if (begin != std::string::npos && at > begin && at < end && (end - at) % 3 == 0) grouped += ',';
    grouped += digits[at];
  }
  return grouped;
}

std::string signed_text(const std::string& digits, const Specification& spec) {
  return digits.starts_with('-') || spec.sign == '-' ? digits : fmt::format("{}{}", spec.sign, digits);
}

std::string integer_text(const Value& value, const Specification& spec) {
  const char* const prefix = !spec.alternate    ? ""
                             : spec.type == 'x' ? "0x"
                             : spec.type == 'X' ? "0X"
                             : spec.type == 'o' ? "0o"
                             : spec.type == 'b' ? "0b"
                                                : "";
  const bool is_hexadecimal = spec.type == 'x' || spec.type == 'X';
  std::string digits = whole_text(value, is_hexadecimal ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10);
  const bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  if (spec.type == 'X')
    std::ranges::transform(digits, digits.begin(),
                           [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (spec.thousands) digits = with_thousands(digits);
  return signed_text(fmt::format("{}{}{}", negative ? "-" : "", prefix, digits), spec);
}

std::string real_text(Renderer& r, double value, const Specification& spec) {
  if (spec.precision > max_precision)
    r.fail("a format asks for too many digits", fmt::format("{}", spec.precision),
           fmt::format("at most {}", max_precision));
  const int digits = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  std::string text;
  switch (spec.type) {
    case 'f':
    case 'F': text = fmt::format("{:.{}f}", value, digits); break;
    case 'e': text = fmt::format("{:.{}e}", value, digits); break;
    case 'E': text = fmt::format("{:.{}E}", value, digits); break;
    case 'g': text = fmt::format("{:.{}g}", value, digits); break;
    case 'G': text = fmt::format("{:.{}G}", value, digits); break;
    case '%': text = fmt::format("{:.{}f}%", 100 * value, digits); break;
    default:
      if (spec.precision >= 0) r.fail("a float is formatted with a precision but without f, e or g");
      text = float_text(value);
  }
  if (spec.thousands) text = with_thousands(text);
  return signed_text(text, spec);
}

/// How it is written is up to the pattern: where that is the conversation's, so is the number.
Text number(const std::string& digits, Origin pattern) {
  return pattern.is_input() ? Text(digits, pattern) : Text::number(digits);
}

Text cut(const Text& text, const Specification& spec) {
  return spec.precision < 0 ? text
                            : text.slice(0, byte_of_character(text.bytes(), static_cast<size_t>(spec.precision)));
}

}  // namespace

Text percent_format(Renderer& r, const Text& pattern, const Value& values) {
  const bool is_tuple = values.is<ListRef>() && values.as<ListRef>()->kind == ListKind::tuple;
  size_t next = 0;
  bool named = false;
  const auto take = [&]() -> Value {
    if (is_tuple && next < values.as<ListRef>()->items.size()) return values.as<ListRef>()->items[next++];
    if (!is_tuple && next++ == 0) return values;
    r.fail("there are too few values for a format", pattern.bytes());
  };
  const std::string_view bytes = pattern.bytes();
  Text out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t percent = std::min(bytes.find('%', at), bytes.size());
    out.append(pattern, at, percent);
    if ((at = percent + 1) >= bytes.size() + 1) break;
    r.budget.step();
    Specification spec;
    Value value;
    bool has_value = false;
    if (bytes.substr(at).starts_with('(')) {
      const size_t end = bytes.find(')', at);
      if (end == std::string_view::npos || !values.is<DictRef>())
        r.fail("a format refers to a name, but its argument is not a dict");
      const Value* found = values.as<DictRef>()->find(bytes.substr(at + 1, end - at - 1));
      if (!found) r.fail("a format speaks of a name that is not there", std::string(bytes.substr(at, end - at + 1)));
      value = *found;
      has_value = named = true;
      at = end + 1;
    }
    for (; at < bytes.size() && std::string_view("-+ 0#").find(bytes[at]) != std::string_view::npos; at++) {
      if (bytes[at] == '-')
        spec.align = '<';
      else if (bytes[at] == '0')
        spec.zero = true;
      else if (bytes[at] == '#')
        spec.alternate = true;
      else if (spec.sign != '+')
        spec.sign = bytes[at];
    }
    spec.width = std::max<int64_t>(0, read_number(r, bytes, at));
    if (at < bytes.size() && bytes[at] == '.') at++, spec.precision = std::max<int64_t>(0, read_number(r, bytes, at));
    if (at >= bytes.size()) r.fail("a format ends too early", std::string(bytes));
    spec.type = bytes[at++];
    const Origin from = pattern.origin(percent, at);
    if (spec.type == '%') {
      out.append(pattern, at - 1, at);
      continue;
    }
    if (!has_value) value = take();
    const bool is_whole = std::string_view("diuxXo").find(spec.type) != std::string_view::npos,
               real = std::string_view("fFeEgG").find(spec.type) != std::string_view::npos;
    const bool takes_floats = real || std::string_view("diu").find(spec.type) != std::string_view::npos;
    if ((is_whole || real) && (!value.is_number() || (value.is<double>() && !takes_floats)))
      r.fail("a format asks for a number", described(value));
    if (spec.zero && !spec.align && (is_whole || real)) spec.fill = Words("0"), spec.align = '=';
    Text text;
    if (spec.type == 's')
      text = cut(to_text(value, r.budget), spec);
    else if (spec.type == 'r')
      write_repr(text, value, r.budget);
    else if (is_whole && value.is<double>() && std::isfinite(value.number()))
      text = number(integer_text(whole(&r.budget, value.number()), spec), from);
    else if (is_whole && value.is_whole())
      text = number(integer_text(value, spec), from);
    else if (real)
      text = number(real_text(r, value.number(), spec), from);
    else if (spec.type == 'c' && value.is_text() && n_characters(value.bytes()) == 1)
      text = value.text();
    else
      r.fail("a format has a conversion that is not supported", std::string(bytes.substr(at - 1)),
             "one of s r d i u x X o f F e E g G");
    pad(r, out, text, spec, '>');
  }
  const bool all_used =
      named || (is_tuple ? next == values.as<ListRef>()->items.size() : next > 0 || values.is<DictRef>());
  if (!all_used) r.fail("there are too many values for a format", pattern.bytes());
  return out;
}

namespace {

Specification read_specification(Renderer& r, const Text& written) {
  const std::string_view text = written.bytes();
  Specification spec;
  size_t at = 0;
  if (!text.empty()) {
    size_t behind = 0;
    next_character(text, behind);
    const auto is_align = [&](size_t i) {
      return i < text.size() && std::string_view("<>^=").find(text[i]) != std::string_view::npos;
    };
    if (is_align(behind))
      spec.fill = written.slice(0, behind), spec.align = text[behind], at = behind + 1;
    else if (is_align(0))
      spec.align = text[0], at = 1;
  }
  const auto skip = [&](char c) { return at < text.size() && text[at] == c && ++at; };
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) spec.sign = text[at++];
  spec.alternate = skip('#');
  if (skip('0')) {
    if (!spec.align) spec.fill = Words("0"), spec.align = '=';
    spec.zero = true;
  }
  spec.width = std::max<int64_t>(0, read_number(r, text, at));
  spec.thousands = skip(',');
  if (skip('.')) spec.precision = std::max<int64_t>(0, read_number(r, text, at));
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) r.fail("a format is not understood", std::string(text));
  return spec;
}

void write_field(Renderer& r, Text& out, const Value& value, std::string_view conversion, const Text& written) {
  const std::string_view format = written.bytes();
  if (format.find('{') != std::string_view::npos)
    r.fail("a format inside of a format is not supported", std::string(format));
  Specification spec = read_specification(r, written);
  Text text;
  if (conversion == "r")
    write_repr(text, value, r.budget);
  else if (!conversion.empty() && conversion != "s")
    r.fail("a conversion is not supported", fmt::format("!{}", conversion), "!s or !r");
  else if (value.is_number() && conversion.empty() && !(value.is<bool>() && format.empty())) {
    const bool real =
        value.is<double>() || (spec.type && std::string_view("fFeEgG%").find(spec.type) != std::string_view::npos);
    const bool whole_type = spec.type && std::string_view("dxXob").find(spec.type) != std::string_view::npos;
    if (!real && spec.type && !whole_type) r.fail("a format does not suit a whole number", std::string(format));
    if (value.is<double>() && whole_type)
      r.fail("a format of whole numbers does not suit a float", std::string(format));
    text = number(real ? real_text(r, value.number(), spec) : integer_text(value, spec), written.origin());
    return pad(r, out, text, spec, '>');
  } else {
    if (!value.is_text() && conversion.empty() && !format.empty()) r.fail("a format is given for " + described(value));
    if ((spec.type && spec.type != 's') || spec.align == '=') {
      if (spec.zero && (!spec.type || spec.type == 's'))
        spec.align = '<';
      else
        r.fail("a format does not suit a string", std::string(format));
    }
    text = cut(to_text(value, r.budget), spec);
  }
  pad(r, out, text, spec, '<');
}

}  // namespace

Text brace_format(Renderer& r, const Text& pattern, const Arguments& arguments) {
  const std::string_view bytes = pattern.bytes();
  Text out;
  size_t next = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    out.append(pattern, at, brace);
    if (brace == bytes.size()) break;
    r.budget.step();
    if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
      out.append(pattern, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    size_t end = bytes.find('}', brace);
    if (bytes[brace] == '}' || end == std::string_view::npos)
      r.fail("a format has a single brace", std::string(bytes.substr(brace)));
    const size_t inner = bytes.find('{', brace + 1);
    if (inner < end)
      r.fail("a format inside of a format is not supported", std::string(bytes.substr(brace, end - brace)));
    std::string_view field = bytes.substr(brace + 1, end - brace - 1), conversion;
    Text format;
    if (const size_t colon = field.find(':'); colon != std::string_view::npos)
      format = pattern.slice(brace + 1 + colon + 1, end), field = field.substr(0, colon);
    if (const size_t mark = field.find('!'); mark != std::string_view::npos)
      conversion = field.substr(mark + 1), field = field.substr(0, mark);
    const Value* value = nullptr;
    size_t index = 0;
    const auto number = std::from_chars(field.data(), field.data() + field.size(), index);
    const bool is_index = !field.empty() && number.ptr == field.data() + field.size() && number.ec == std::errc();
    if (field.empty()) index = next++;
    if (field.empty() || is_index) {
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else {
      for (const auto& [name, given] : arguments.named)
        if (name.bytes() == field) value = &given;
    }
    if (!value)
      r.fail("a format speaks of a value that is not there", fmt::format("{{{}}}", field), "",
             "attributes and items of values are not supported here");
    write_field(r, out, *value, conversion, format);
    at = end + 1;
  }
  return out;
}

}  // namespace ingot::jinja
