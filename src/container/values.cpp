// Metadata values as numbers, booleans and strings. A value of another type than asked for is an error, never a
// reinterpretation.
#include <cmath>

#include <fmt/core.h>

#include "container/part.h"

namespace ingot::container {
namespace {

[[noreturn]] void refuse(const ValueAt& at, const std::string& what, const std::string& got,
                         const std::string& expected) {
  fail({at.file, "key", at.key}, at.value.offset, what, got, expected);
}

std::string type_text(const Value& value) {
  return value.type == Type::array ? fmt::format("array of {} {}", value.count, type_name(value.element))
                                   : type_name(value.type);
}

[[noreturn]] void wrong_type(const ValueAt& at, const char* expected) {
  refuse(at, "the value has the wrong type", type_text(at.value), expected);
}

/// Sign and magnitude of any integer of the file: -2^63 to 2^64 - 1.
struct Integer {
  bool negative;
  uint64_t bits;  ///< two's complement
  std::string text() const { return negative ? std::to_string(static_cast<int64_t>(bits)) : std::to_string(bits); }
};

Integer integer_at(Type type, const std::byte* data) {
  const auto with_sign = [](int64_t x) { return Integer{x < 0, static_cast<uint64_t>(x)}; };
  switch (type) {
    case Type::u8: return {false, load<uint8_t>(data)};
    case Type::i8: return with_sign(load<int8_t>(data));
    case Type::u16: return {false, load<uint16_t>(data)};
    case Type::i16: return with_sign(load<int16_t>(data));
    case Type::u32: return {false, load<uint32_t>(data)};
    case Type::i32: return with_sign(load<int32_t>(data));
    case Type::i64: return with_sign(load<int64_t>(data));
    default: return {false, load<uint64_t>(data)};
  }
}

/// An array that will be read completely.
void expect_array(const ValueAt& at, bool right_element, const char* expected) {
  if (at.value.type != Type::array || !right_element) wrong_type(at, expected);
  if (at.value.count > max_elements)
    refuse(at, "the array is too long", fmt::format("{} elements", at.value.count),
           fmt::format("at most {}", max_elements));
}

/// Calls `visit(string)` for up to `count` strings. The lengths were checked when the file was parsed; they are checked
/// again because the mapped file may have been written to since.
template <class Visit> void each_string(const ValueAt& at, uint64_t count, Visit visit) {
  const std::byte* data = at.value.data;
  uint64_t left = at.value.bytes;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t length = left >= 8 ? load<uint64_t>(data) : UINT64_MAX;
    if (left < 8 || length > left - 8)
      refuse(at, "the file was changed while in use", "", "the strings that were there when it was opened");
    visit(std::string_view{reinterpret_cast<const char*>(data + 8), length});
    data += 8 + length;
    left -= 8 + length;
  }
}

uint64_t fitting_unsigned(const ValueAt& at, const std::byte* data, uint64_t max) {
  const Integer x = integer_at(at.value.element, data);
  if (x.negative || x.bits > max) refuse(at, "the number is out of range", x.text(), fmt::format("0 to {}", max));
  return x.bits;
}

}  // namespace

bool is_integer(Type type) {
  return type != Type::f32 && type != Type::f64 && type != Type::boolean && type != Type::string && type != Type::array;
}

uint64_t type_bytes(Type type) {
  switch (type) {
    case Type::u8:
    case Type::i8:
    case Type::boolean: return 1;
    case Type::u16:
    case Type::i16: return 2;
    case Type::u32:
    case Type::i32:
    case Type::f32: return 4;
    case Type::u64:
    case Type::i64:
    case Type::f64: return 8;
    case Type::string:
    case Type::array: break;
  }
  return 0;
}

uint64_t unsigned_of(const ValueAt& at, uint64_t max) {
  if (!is_integer(at.value.type)) wrong_type(at, "an integer");
  return fitting_unsigned(at, at.value.data, max);
}

double number_of(const ValueAt& at) {
  const Value& v = at.value;
  double x = 0;
  if (v.type == Type::f32) {
    x = load<float>(v.data);
  } else if (v.type == Type::f64) {
    x = load<double>(v.data);
  } else if (is_integer(v.type)) {
    const Integer i = integer_at(v.type, v.data);
    x = i.negative ? static_cast<double>(static_cast<int64_t>(i.bits)) : static_cast<double>(i.bits);
  } else {
    wrong_type(at, "a number");
  }
  if (!std::isfinite(x)) refuse(at, "the number is not finite", fmt::format("{}", x), "a finite number");
  return x;
}

bool bool_of(const ValueAt& at) {
  if (at.value.type != Type::boolean) wrong_type(at, "bool");
  return load<uint8_t>(at.value.data) != 0;
}

std::string_view string_of(const ValueAt& at) {
  if (at.value.type != Type::string) wrong_type(at, "string");
  std::string_view text;
  each_string(at, 1, [&](std::string_view s) { text = s; });
  return text;
}

std::vector<std::string_view> strings_of(const ValueAt& at) {
  expect_array(at, at.value.element == Type::string, "an array of strings");
  std::vector<std::string_view> out;
  out.reserve(at.value.count);
  each_string(at, at.value.count, [&](std::string_view s) { out.push_back(s); });
  return out;
}

std::vector<float> floats_of(const ValueAt& at) {
  expect_array(at, at.value.element == Type::f32, "an array of f32");
  std::vector<float> out(at.value.count);
  for (uint64_t i = 0; i < out.size(); ++i) {
    out[i] = load<float>(at.value.data + 4 * i);
    if (!std::isfinite(out[i]))
      refuse(at, fmt::format("element {} is not finite", i), fmt::format("{}", out[i]), "a finite number");
  }
  return out;
}

std::vector<int32_t> integers_of(const ValueAt& at) {
  expect_array(at, is_integer(at.value.element), "an array of integers");
  const uint64_t each = type_bytes(at.value.element);
  std::vector<int32_t> out(at.value.count);
  for (uint64_t i = 0; i < out.size(); ++i) {
    const Integer x = integer_at(at.value.element, at.value.data + each * i);
    const auto value = static_cast<int64_t>(x.bits);
    if ((!x.negative && x.bits > INT32_MAX) || (x.negative && value < INT32_MIN))
      refuse(at, fmt::format("element {} is out of range", i), x.text(), fmt::format("{} to {}", INT32_MIN, INT32_MAX));
    out[i] = static_cast<int32_t>(value);
  }
  return out;
}

std::vector<uint64_t> unsigneds_of(const ValueAt& at) {
  if (is_integer(at.value.type)) return {unsigned_of(at, UINT64_MAX)};
  expect_array(at, is_integer(at.value.element), "an integer or an array of integers");
  const uint64_t each = type_bytes(at.value.element);
  std::vector<uint64_t> out(at.value.count);
  for (uint64_t i = 0; i < out.size(); ++i) out[i] = fitting_unsigned(at, at.value.data + each * i, UINT64_MAX);
  return out;
}

std::vector<Scalar> Gguf::elements(const Value& value, uint64_t max) {
  const ValueAt at{"", "", value};
  const uint64_t count = std::min(value.count, max), each = type_bytes(value.element);
  std::vector<Scalar> out;
  if (value.element == Type::string) {
    each_string(at, count, [&](std::string_view s) { out.emplace_back(s); });
    return out;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const std::byte* data = value.data + each * i;
    if (value.element == Type::boolean)
      out.emplace_back(load<uint8_t>(data) != 0);
    else if (value.element == Type::f32)
      out.emplace_back(static_cast<double>(load<float>(data)));
    else if (value.element == Type::f64)
      out.emplace_back(load<double>(data));
    else if (const Integer x = integer_at(value.element, data); x.negative)
      out.emplace_back(static_cast<int64_t>(x.bits));
    else
      out.emplace_back(x.bits);
  }
  return out;
}

}  // namespace ingot::container
