// The lane vocabulary on AVX2 + FMA + F16C: 8 rows. The words are defined in portable.h.
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"

enum {
  lane_rows = 8,
  decode_groups = 2,
  token_block = 4,
  panel_groups = 2,
  panel_pass = 4,
  attend_queries = 2,
  attend_parts = 2,
  asks_ahead = 1,
  signed_bias = 128,
  max_carried = 16
};

struct bytes {
  __m256i v;
};
struct ints {
  __m256i v;
};
struct floats {
  __m256 v;
};

fn load_bytes(const u8* p) { return bytes{_mm256_loadu_si256((const __m256i*)p)}; }
fn store_bytes(u8* p, bytes a) { _mm256_storeu_si256((__m256i*)p, a.v); }
// 16-bit shifts carry bits into the neighbouring byte; the mask clears them.
template <int S> fn shift_and_mask(bytes a, u32 mask) {
  __m256i m = _mm256_set1_epi8((char)mask);
  if constexpr (S > 0)
    return bytes{_mm256_and_si256(_mm256_srli_epi16(a.v, S), m)};
  else if constexpr (S < 0)
    return bytes{_mm256_and_si256(_mm256_slli_epi16(a.v, -S), m)};
  else
    return bytes{_mm256_and_si256(a.v, m)};
}
fn merge(bytes a, bytes b) { return bytes{_mm256_or_si256(a.v, b.v)}; }
fn add(bytes a, bytes b) { return bytes{_mm256_add_epi8(a.v, b.v)}; }
fn mul(bytes a, bytes b) {
  __m256i even = _mm256_mullo_epi16(a.v, b.v),
          odd = _mm256_mullo_epi16(_mm256_srli_epi16(a.v, 8), _mm256_srli_epi16(b.v, 8));
  return bytes{_mm256_blendv_epi8(even, _mm256_slli_epi16(odd, 8), _mm256_set1_epi16((short)0xff00))};
}
fn load_table(const u8* sixteen) {
  return bytes{_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)sixteen))};
}
fn table_lookup(bytes codes, bytes table) { return bytes{_mm256_shuffle_epi8(table.v, codes.v)}; }
fn repeat4(const i8* x) {
  i32 four;
  __builtin_memcpy(&four, x, 4);
  return bytes{_mm256_set1_epi32(four)};
}
fn broadcast(i32 x) { return ints{_mm256_set1_epi32(x)}; }
fn add(ints a, ints b) { return ints{_mm256_add_epi32(a.v, b.v)}; }
fn sub(ints a, ints b) { return ints{_mm256_sub_epi32(a.v, b.v)}; }
fn mul(ints a, ints b) { return ints{_mm256_mullo_epi32(a.v, b.v)}; }
fn load_small_ints(const u8* p) { return ints{_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p))}; }
fn repeat_bytes(ints a) {
  return bytes{_mm256_mullo_epi32(_mm256_and_si256(a.v, _mm256_set1_epi32(255)), _mm256_set1_epi32(0x01010101))};
}
fn broadcast_sum(const i16* two, int a, int b) {
  i32 pair;
  __builtin_memcpy(&pair, two, 4);
  return ints{_mm256_madd_epi16(_mm256_set1_epi32(pair), _mm256_set1_epi32((i32)((u32)b << 16 | (u32)(a & 0xffff))))};
}
fn broadcast(float x) { return floats{_mm256_set1_ps(x)}; }
fn to_floats(ints a) { return floats{_mm256_cvtepi32_ps(a.v)}; }
fn mul(floats a, floats b) { return floats{_mm256_mul_ps(a.v, b.v)}; }
fn fma(floats a, floats b, floats c) { return floats{_mm256_fmadd_ps(a.v, b.v, c.v)}; }
fn load_numbers(Float32, const u8* p) { return floats{_mm256_loadu_ps((const float*)p)}; }
fn load_numbers(Float16, const u8* p) { return floats{_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p))}; }
fn load_numbers(BFloat16, const u8* p) {
  return floats{_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16))};
}
fn load_numbers(E8M0Half, const u8* p) {
  __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p));
  __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
  __m256i tiny = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
  return floats{_mm256_castsi256_ps(_mm256_blendv_epi8(normal, tiny, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e)))};
}
fn load_numbers(UE4M3Half, const u8* p) {
  __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p));
  __m256i bits = _mm256_slli_epi32(_mm256_and_si256(e, _mm256_set1_epi32(127)), 20);
  __m256 f = _mm256_mul_ps(_mm256_castsi256_ps(bits), _mm256_castsi256_ps(_mm256_set1_epi32(0x7b000000)));
  return floats{_mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(e, _mm256_set1_epi32(127))), f)};
}
fn store(float* p, floats a) { _mm256_storeu_ps(p, a.v); }
// With prefetching the one-token kernel streams 16–18 GB/s per core, without 13.5 (Zen 3, 2026-11).
fn prefetch(const u8* p) { _mm_prefetch((const char*)p, _MM_HINT_NTA); }

// vpmaddubsw adds two products in 16 bits; `fits` such sums are sure to fit before they must be widened to 32.
template <int max_code> struct dot_small {
  static_assert(max_code <= 127, "two products must fit 16 bits");
  enum { fits = 32767 / (max_code * 127 * 2) };
  __m256i narrow = _mm256_setzero_si256(), sum = _mm256_setzero_si256();
  void start(ints x) { sum = x.v; }
  void add(bytes w, bytes x) {
    narrow = _mm256_add_epi16(narrow, _mm256_maddubs_epi16(w.v, x.v));
    asm("" : "+x"(narrow));
  }
  void widen() {
    sum = total().v;
    narrow = _mm256_setzero_si256();
  }
  ints total() const { return ints{_mm256_add_epi32(sum, _mm256_madd_epi16(narrow, _mm256_set1_epi16(1)))}; }
};
// Signed bytes: |w| times x with w's sign. |w| ≤ 128 and |x| ≤ 127, so two products fit 16 bits.
struct dot_large {
  enum { fits = 1 << 30 };
  __m256i sum = _mm256_setzero_si256();
  void start(ints x) { sum = x.v; }
  void add(bytes w, bytes x) {
    __m256i p = _mm256_maddubs_epi16(_mm256_abs_epi8(w.v), _mm256_sign_epi8(x.v, w.v));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(p, _mm256_set1_epi16(1)));
    asm("" : "+x"(sum));
  }
  void widen() {}
  ints total() const { return ints{sum}; }
};

// Pairs of products in 16 bits: two of each row.
struct adds_pairs {
  struct pairs {
    __m256i v;
  };
  fn none() { return pairs{_mm256_setzero_si256()}; }
  fn ones() { return pairs{_mm256_set1_epi16(1)}; }
  fn twice(ints a) {
    return pairs{_mm256_or_si256(_mm256_and_si256(a.v, _mm256_set1_epi32(0xffff)), _mm256_slli_epi32(a.v, 16))};
  }
  fn load(const i16* p) { return pairs{_mm256_loadu_si256((const __m256i*)p)}; }
  fn store(i16* p, pairs a) { _mm256_storeu_si256((__m256i*)p, a.v); }
  // Unsigned times signed; saturates.
  fn multiply(bytes a, bytes b) { return pairs{_mm256_maddubs_epi16(a.v, b.v)}; }
  fn sub(pairs a, pairs b) { return pairs{_mm256_sub_epi16(a.v, b.v)}; }
  // Sums stay in program order: compilers that reorder them keep every product in memory until the end.
  fn add(pairs sum, pairs a) {
    sum.v = _mm256_add_epi16(sum.v, a.v);
    asm("" : "+x"(sum.v));
    return sum;
  }
  fn add(ints sum, ints a) {
    sum.v = _mm256_add_epi32(sum.v, a.v);
    asm("" : "+x"(sum.v));
    return sum;
  }
  fn widen(pairs a, pairs factors) { return ints{_mm256_madd_epi16(a.v, factors.v)}; }
  fn abs(bytes a) { return bytes{_mm256_abs_epi8(a.v)}; }
  fn below_zero(bytes a) { return bytes{_mm256_cmpgt_epi8(_mm256_setzero_si256(), a.v)}; }
  fn inverted(bytes a, bytes where) { return bytes{_mm256_xor_si256(a.v, where.v)}; }
};

fn pairs16(const i8* w, const i8* x) {
  return _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)w)),
                           _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)x)));
}
fn total(__m256i p) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(p), _mm256_extracti128_si256(p, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}
fn dot16(const i8* w, const i8* x) { return total(pairs16(w, x)); }
fn dot32(const i8* w, const i8* x) { return total(_mm256_add_epi32(pairs16(w, x), pairs16(w + 16, x + 16))); }

// ---- f32x16

struct f32x16 {
  __m256 lo, hi;
};

fn broadcast_f32x16(float x) { return f32x16{_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
fn load_f32x16(Float32, const u8* p) {
  return f32x16{_mm256_loadu_ps((const float*)p), _mm256_loadu_ps((const float*)p + 8)};
}
fn load_f32x16(Float16, const u8* p) {
  return f32x16{_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)),
                _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p + 1))};
}
fn load_f32x16(BFloat16, const u8* p) {
  return f32x16{load_numbers(BFloat16{}, p).v, load_numbers(BFloat16{}, p + 16).v};
}
fn store_f32x16(float* p, f32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
fn store_halves(u16* p, f32x16 a) {
  _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128((__m128i*)p + 1, _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}
fn add(f32x16 a, f32x16 b) { return f32x16{_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
fn sub(f32x16 a, f32x16 b) { return f32x16{_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
fn mul(f32x16 a, f32x16 b) { return f32x16{_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
fn div(f32x16 a, f32x16 b) { return f32x16{_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
fn fma(f32x16 a, f32x16 b, f32x16 c) {
  return f32x16{_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
fn max(f32x16 a, f32x16 b) { return f32x16{_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
fn abs(f32x16 a) {
  __m256 sign = _mm256_set1_ps(-0.0f);
  return f32x16{_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
fn reduce_sum(f32x16 a) {
  __m256 eight = _mm256_add_ps(a.lo, a.hi);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
fn reduce_max(f32x16 a) {
  __m256 eight = _mm256_max_ps(a.lo, a.hi);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
fn power_of_two(f32x16 shifted) {
  __m256i bias = _mm256_set1_epi32(127);
  return f32x16{_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(shifted.lo), bias), 23)),
                _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(shifted.hi), bias), 23))};
}
fn store_codes(i8* p, f32x16 a) {
  __m256i lo = _mm256_cvtps_epi32(a.lo), hi = _mm256_cvtps_epi32(a.hi);
  __m256i pairs = _mm256_permute4x64_epi64(_mm256_packs_epi32(lo, hi), 0xd8);
  _mm_storeu_si128((__m128i*)p, _mm_packs_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
  return total(_mm256_add_epi32(lo, hi));
}
