// The lane vocabulary on AVX-512 (F, BW, DQ, VL, VNNI): 16 rows. The words are defined in portable.h.
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"

enum {
  lane_rows = 16,
  decode_groups = 4,
  token_block = 8,
  panel_groups = 2,
  panel_pass = 4,
  attend_queries = 8,
  attend_parts = 2,
  asks_ahead = 1,
  signed_bias = 0,
  max_carried = 255
};

typedef void adds_pairs;

struct bytes {
  __m512i v;
};
struct ints {
  __m512i v;
};
struct floats {
  __m512 v;
};

fn load_bytes(const u8* p) { return bytes{_mm512_loadu_si512(p)}; }
fn store_bytes(u8* p, bytes a) { _mm512_storeu_si512(p, a.v); }
// 16-bit shifts carry bits into the neighbouring byte; the mask clears them.
template <int S> fn shift_and_mask(bytes a, u32 mask) {
  __m512i m = _mm512_set1_epi8((char)mask);
  if constexpr (S > 0)
    return bytes{_mm512_and_si512(_mm512_srli_epi16(a.v, S), m)};
  else if constexpr (S < 0)
    return bytes{_mm512_and_si512(_mm512_slli_epi16(a.v, -S), m)};
  else
    return bytes{_mm512_and_si512(a.v, m)};
}
fn merge(bytes a, bytes b) { return bytes{_mm512_or_si512(a.v, b.v)}; }
fn add(bytes a, bytes b) { return bytes{_mm512_add_epi8(a.v, b.v)}; }
fn mul(bytes a, bytes b) {
  __m512i even = _mm512_mullo_epi16(a.v, b.v),
          odd = _mm512_mullo_epi16(_mm512_srli_epi16(a.v, 8), _mm512_srli_epi16(b.v, 8));
  return bytes{_mm512_mask_mov_epi8(even, 0xaaaaaaaaaaaaaaaa, _mm512_slli_epi16(odd, 8))};
}
fn load_table(const u8* sixteen) { return bytes{_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)sixteen))}; }
fn table_lookup(bytes codes, bytes table) { return bytes{_mm512_shuffle_epi8(table.v, codes.v)}; }
fn repeat4(const i8* x) {
  i32 four;
  __builtin_memcpy(&four, x, 4);
  return bytes{_mm512_set1_epi32(four)};
}
fn broadcast(i32 x) { return ints{_mm512_set1_epi32(x)}; }
fn add(ints a, ints b) { return ints{_mm512_add_epi32(a.v, b.v)}; }
fn sub(ints a, ints b) { return ints{_mm512_sub_epi32(a.v, b.v)}; }
fn mul(ints a, ints b) { return ints{_mm512_mullo_epi32(a.v, b.v)}; }
fn load_small_ints(const u8* p) { return ints{_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p))}; }
fn repeat_bytes(ints a) {
  return bytes{_mm512_mullo_epi32(_mm512_and_si512(a.v, _mm512_set1_epi32(255)), _mm512_set1_epi32(0x01010101))};
}
fn broadcast_sum(const i16* two, int a, int b) {
  i32 pair;
  __builtin_memcpy(&pair, two, 4);
  return ints{_mm512_madd_epi16(_mm512_set1_epi32(pair), _mm512_set1_epi32((i32)((u32)b << 16 | (u32)(a & 0xffff))))};
}
fn broadcast(float x) { return floats{_mm512_set1_ps(x)}; }
fn to_floats(ints a) { return floats{_mm512_cvtepi32_ps(a.v)}; }
fn mul(floats a, floats b) { return floats{_mm512_mul_ps(a.v, b.v)}; }
fn fma(floats a, floats b, floats c) { return floats{_mm512_fmadd_ps(a.v, b.v, c.v)}; }
fn load_numbers(Float32, const u8* p) { return floats{_mm512_loadu_ps(p)}; }
fn load_numbers(Float16, const u8* p) { return floats{_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p))}; }
fn load_numbers(BFloat16, const u8* p) {
  return floats{
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16))};
}
fn load_numbers(E8M0Half, const u8* p) {
  __m512i e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p));
  __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
  __m512i tiny = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
  return floats{
      _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2)), tiny))};
}
fn load_numbers(UE4M3Half, const u8* p) {
  __m512i e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p));
  __m512i bits = _mm512_slli_epi32(_mm512_and_si512(e, _mm512_set1_epi32(127)), 20);
  __m512 f = _mm512_mul_ps(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(_mm512_set1_epi32(0x7b000000)));
  return floats{_mm512_maskz_mov_ps(_mm512_cmpneq_epi32_mask(e, _mm512_set1_epi32(127)), f)};
}
fn store(float* p, floats a) { _mm512_storeu_ps(p, a.v); }
// With prefetching the one-token kernel streams 17.1–17.4 GB/s, without 13.4–15.3; non-temporal hints halve it (Xeon,
// 2026-11).
fn prefetch(const u8* p) { _mm_prefetch((const char*)p, _MM_HINT_T0); }

// vpdpbusd: unsigned codes times signed activations, four products into 32 bits, no saturation.
template <int max_code> struct dot_small {
  enum { fits = 1 << 30 };  // products added before they must be widened
  void start(ints x) { sum = x.v; }
  void widen() {}
  __m512i sum = _mm512_setzero_si512();
  void add(bytes w, bytes x) { sum = _mm512_dpbusd_epi32(sum, w.v, x.v); }
  ints total() const { return ints{sum}; }
};
struct dot_large : dot_small<255> {};

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
  __m512 v;
};

fn broadcast_f32x16(float x) { return f32x16{_mm512_set1_ps(x)}; }
fn load_f32x16(Float32, const u8* p) { return f32x16{_mm512_loadu_ps(p)}; }
fn load_f32x16(Float16, const u8* p) { return f32x16{load_numbers(Float16{}, p).v}; }
fn load_f32x16(BFloat16, const u8* p) { return f32x16{load_numbers(BFloat16{}, p).v}; }
fn store_f32x16(float* p, f32x16 a) { _mm512_storeu_ps(p, a.v); }
fn store_halves(u16* p, f32x16 a) { _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT)); }
fn add(f32x16 a, f32x16 b) { return f32x16{_mm512_add_ps(a.v, b.v)}; }
fn sub(f32x16 a, f32x16 b) { return f32x16{_mm512_sub_ps(a.v, b.v)}; }
fn mul(f32x16 a, f32x16 b) { return f32x16{_mm512_mul_ps(a.v, b.v)}; }
fn div(f32x16 a, f32x16 b) { return f32x16{_mm512_div_ps(a.v, b.v)}; }
fn fma(f32x16 a, f32x16 b, f32x16 c) { return f32x16{_mm512_fmadd_ps(a.v, b.v, c.v)}; }
fn max(f32x16 a, f32x16 b) { return f32x16{_mm512_max_ps(a.v, b.v)}; }
fn abs(f32x16 a) { return f32x16{_mm512_abs_ps(a.v)}; }
fn reduce_sum(f32x16 a) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
fn reduce_max(f32x16 a) { return _mm512_reduce_max_ps(a.v); }
fn power_of_two(f32x16 shifted) {
  return f32x16{_mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_castps_si512(shifted.v), _mm512_set1_epi32(127)), 23))};
}
fn store_codes(i8* p, f32x16 a) {
  __m512i q = _mm512_cvtps_epi32(a.v);
  _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(q));
  return _mm512_reduce_add_epi32(q);
}
