// From a format's text to its host descriptor. Included by the generated registry only, which then includes every
// format.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/format.h"

namespace ingot::quant {
namespace {

#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/encode.h"

constexpr const char* number_name(Float32) { return "f32"; }
constexpr const char* number_name(Float16) { return "f16"; }
constexpr const char* number_name(BFloat16) { return "bf16"; }
constexpr const char* number_name(E8M0Half) { return "e8m0"; }
constexpr const char* number_name(UE4M3Half) { return "e4m3"; }
constexpr const char* number_name(One) { return "none"; }

template <class F> void decode_blocks(const std::byte* from, float* to, int64_t n) {
  const u8* bytes = reinterpret_cast<const u8*>(from);
  for (int64_t b = 0; b < n / F::block; b++)
    for (int i = 0; i < F::block; i++) to[b * F::block + i] = decode<F>(view{bytes + b * F::block_bytes}, i);
}

using Encode = void (*)(const float* from, std::byte* to, int64_t n);
template <class F> Encode encode_of() {
  if constexpr (may_encode<F>())
    if (encoder_of<F>().exists)
      return [](const float* from, std::byte* to, int64_t n) { encode_blocks<F>(from, reinterpret_cast<u8*>(to), n); };
  return nullptr;
}

// ---- what encoding.cpp asks of a format: its accessors as functions of a block's bytes

// All finite values of a number of few bits, ascending; of equal ones the first.
template <class Number> const std::vector<float>& values_of() {
  static const std::vector<float> values = [] {
    std::vector<float> v;
    for (u32 bits = 0; bits < 1u << 8 * Number::storage_bytes; bits++)
      if (float x = Number{bits}; std::isfinite(x)) v.push_back(x);
    std::ranges::sort(v);
    v.erase(std::unique(v.begin(), v.end()), v.end());
    return v;
  }();
  return values;
}
template <class Number> u32 nearest_of_few(float x) {
  static const std::vector<u32> bits_of_values = [] {
    std::vector<u32> bits;
    for (float v : values_of<Number>())
      for (u32 b = 0; b < 1u << 8 * Number::storage_bytes; b++)
        if (float(Number{b}) == v) {
          bits.push_back(b);
          break;
        }
    return bits;
  }();
  const std::vector<float>& v = values_of<Number>();
  size_t k = static_cast<size_t>(std::ranges::lower_bound(v, x) - v.begin());
  if (k == v.size() || (k > 0 && x - v[k - 1] <= v[k] - x)) k--;
  return bits_of_values[k];
}

template <class Number> StoredNumber stored_number(Number) {
  StoredNumber n;
  n.bits = 8 * Number::storage_bytes, n.value = [](uint32_t bits) -> float { return Number{bits}; };
  if constexpr (Number::storage_bytes == 1)
    n.nearest = nearest_of_few<Number>, n.few = values_of<Number>(), n.largest = n.few.back();
  else
    n.nearest = [](float x) -> uint32_t { return nearest(Number{}, x); }, n.largest = largest(Number{});
  return n;
}
inline view block_at(const std::byte* block) { return view{reinterpret_cast<const u8*>(block)}; }

template <class F> Accessors accessors_of() {
  Accessors a;
  if constexpr (facts<F>::floating) {
    a.number = stored_number(decltype(F::value(view{}, 0)){});
    a.code = [](const std::byte* b, int i) -> uint32_t { return F::value(block_at(b), i).bits; };
  } else {
    a.code = [](const std::byte* b, int i) -> uint32_t { return F::code(block_at(b), i); };
    if constexpr (facts<F>::vector)
      a.expand = [](uint32_t code) -> uint64_t { return F::expand(code); };
    else if constexpr (facts<F>::table)
      a.value = [](uint32_t code) -> int { return F::value(code); };
    else
      a.value = [](uint32_t code) -> int { return static_cast<int>(code) - F::zero; };
  }
  if constexpr (facts<F>::scaled) {
    a.scale_number = stored_number(decltype(scale_of<F>(view{}, 0)){});
    a.scale = [](const std::byte* b, int g) -> uint32_t { return scale_of<F>(block_at(b), g).bits; };
  }
  if constexpr (facts<F>::min) {
    a.min_number = stored_number(decltype(min_of<F>(view{}, 0)){});
    a.min = [](const std::byte* b, int g) -> uint32_t { return min_of<F>(block_at(b), g).bits; };
  }
  if constexpr (has_sub<F>::value) a.sub = [](const std::byte* b, int g) -> int { return F::sub(block_at(b), g); };
  if constexpr (has_sub_min<F>::value)
    a.sub_min = [](const std::byte* b, int g) -> int { return F::sub_min(block_at(b), g); };
  a.scale_per_group = has_group_scale<F>::value, a.min_per_group = has_group_min<F>::value;
  a.unit = unit_of<F>();
  return a;
}

template <class F> void block_integers(const std::byte* from, int16_t* values) {
  if constexpr (facts<F>::integers)
    for (int i = 0; i < F::block; i++)
      values[i] = static_cast<int16_t>(integer_of<F>(view{reinterpret_cast<const u8*>(from)}, i));
}

template <class F, class = void> struct tensor_scaled {
  enum { value = 0 };
};
template <class F> struct tensor_scaled<F, typename exists<decltype(F::tensor_scale)>::type> {
  enum { value = F::tensor_scale };
};

// What a format file must keep to, checked where it is read.
template <class F> constexpr void check() {
  static_assert(F::block > 0 && F::block_bytes > 0 && F::group > 0, "a format states block, group and block_bytes");
  static_assert(F::block % F::group == 0, "a block is a whole number of groups");
  static_assert(facts<F>::floating || F::block % 32 == 0, "a block of codes is a multiple of 32 weights");
  static_assert(facts<F>::floating || F::group == 16 || F::group % 32 == 0,
                "a group has 16 weights or a multiple of 32");
  static_assert(F::code_bits > 0 && F::code_bits <= 32, "a code has 1 to 32 bits");
  static_assert(!facts<F>::affine || F::code_bits <= 8, "an affine code has at most 8 bits");
  static_assert(!facts<F>::table || F::code_bits <= 4, "a table has at most 16 values");
  static_assert(
      sub_range<F>::lowest >= -128 && sub_range<F>::lowest <= sub_range<F>::highest && sub_range<F>::highest <= 127,
      "a sub-scale is a signed byte");
  if constexpr (facts<F>::affine)
    static_assert(F::zero >= 0 && F::zero < 1 << F::code_bits, "zero is one of the codes");
  if constexpr (has_values<F>::value)
    static_assert(facts<F>::vector && F::values >= 2 && F::values <= 16,
                  "only a vector format lists its values, 2 to 16 of them");
}

template <class F> Format describe(const char* name, const char* space, uint32_t id) {
  check<F>();
  ValueKind kind = facts<F>::affine   ? ValueKind::affine
                   : facts<F>::table  ? ValueKind::table
                   : facts<F>::vector ? ValueKind::vector
                                      : ValueKind::floating;
  const char* min_type = "none";
  if constexpr (facts<F>::min) min_type = number_name(decltype(min_of<F>(view{}, 0)){});
  return {name,
          space,
          id,
          F::block,
          F::group,
          F::code_bits,
          F::block_bytes,
          kind,
          has_sub<F>::value != 0,
          facts<F>::min != 0,
          has_sub_min<F>::value != 0,
          tensor_scaled<F>::value != 0,
          facts<F>::scaled ? number_name(decltype(scale_of<F>(view{}, 0)){}) : "none",
          min_type,
          decode_blocks<F>,
          encode_of<F>(),
          facts<F>::integers ? block_integers<F> : nullptr,
          accessors_of<F>()};
}

}  // namespace
}  // namespace ingot::quant
