// The lane vocabulary on NEON with dot products and half precision (ARMv8.2): 4 rows. The words are defined in
// portable.h.
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"

enum {
  lane_rows = 4,
  decode_groups = 1,
  token_block = 4,
  panel_groups = 4,
  panel_pass = 4,
  attend_queries = 2,
  attend_parts = 2,
  asks_ahead = 0,
  signed_bias = 128,
  max_carried = 255
};

typedef void adds_pairs;

struct bytes {
  uint8x16_t v;
};
struct ints {
  int32x4_t v;
};
struct floats {
  float32x4_t v;
};

fn load_bytes(const u8* p) { return bytes{vld1q_u8(p)}; }
fn store_bytes(u8* p, bytes a) { vst1q_u8(p, a.v); }
template <int S> fn shift_and_mask(bytes a, u32 mask) {
  uint8x16_t m = vdupq_n_u8((u8)mask);
  if constexpr (S > 0)
    return bytes{vandq_u8(vshrq_n_u8(a.v, S), m)};
  else if constexpr (S < 0)
    return bytes{vandq_u8(vshlq_n_u8(a.v, -S), m)};
  else
    return bytes{vandq_u8(a.v, m)};
}
fn merge(bytes a, bytes b) { return bytes{vorrq_u8(a.v, b.v)}; }
fn add(bytes a, bytes b) { return bytes{vaddq_u8(a.v, b.v)}; }
fn mul(bytes a, bytes b) { return bytes{vmulq_u8(a.v, b.v)}; }
fn load_table(const u8* sixteen) { return bytes{vld1q_u8(sixteen)}; }
fn table_lookup(bytes codes, bytes table) { return bytes{vqtbl1q_u8(table.v, codes.v)}; }
fn repeat4(const i8* x) {
  u32 four;
  __builtin_memcpy(&four, x, 4);
  return bytes{vreinterpretq_u8_u32(vdupq_n_u32(four))};
}
fn broadcast(i32 x) { return ints{vdupq_n_s32(x)}; }
fn add(ints a, ints b) { return ints{vaddq_s32(a.v, b.v)}; }
fn sub(ints a, ints b) { return ints{vsubq_s32(a.v, b.v)}; }
fn mul(ints a, ints b) { return ints{vmulq_s32(a.v, b.v)}; }
fn load_small_ints(const u8* p) {
  u32 four;
  __builtin_memcpy(&four, p, 4);
  return ints{vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)))))};
}
fn repeat_bytes(ints a) {
  return bytes{vreinterpretq_u8_s32(vmulq_n_s32(vandq_s32(a.v, vdupq_n_s32(255)), 0x01010101))};
}
fn broadcast_sum(const i16* two, int a, int b) { return broadcast((i32)(a * two[0] + b * two[1])); }
fn broadcast(float x) { return floats{vdupq_n_f32(x)}; }
fn to_floats(ints a) { return floats{vcvtq_f32_s32(a.v)}; }
fn mul(floats a, floats b) { return floats{vmulq_f32(a.v, b.v)}; }
fn fma(floats a, floats b, floats c) { return floats{vfmaq_f32(c.v, a.v, b.v)}; }
fn four_halves(const u8* p) {
  u64 bits;
  __builtin_memcpy(&bits, p, 8);
  return vcvt_f32_f16(vreinterpret_f16_u64(vdup_n_u64(bits)));
}
template <class Number> fn load_numbers(Number, const u8* p) {
  float r[4];
  for (int i = 0; i < 4; i++) {
    u32 bits = 0;
    __builtin_memcpy(&bits, p + i * Number::storage_bytes, Number::storage_bytes);
    r[i] = Number{bits};
  }
  return floats{vld1q_f32(r)};
}
fn load_numbers(Float16, const u8* p) { return floats{four_halves(p)}; }
fn store(float* p, floats a) { vst1q_f32(p, a.v); }
fn prefetch(const u8*) {}

// Codes up to 127 are signed bytes as they are; 8-bit codes have signed_bias subtracted.
template <int max_code> struct dot_small {
  enum { fits = 1 << 30 };
  int32x4_t sum = vdupq_n_s32(0);
  void start(ints x) { sum = x.v; }
  void add(bytes w, bytes x) { sum = vdotq_s32(sum, vreinterpretq_s8_u8(w.v), vreinterpretq_s8_u8(x.v)); }
  void widen() {}
  ints total() const { return ints{sum}; }
};
struct dot_large : dot_small<127> {};

fn products16(int32x4_t sum, const i8* w, const i8* x) {
  return vdotq_s32(sum, vld1q_s8((const signed char*)w), vld1q_s8((const signed char*)x));
}
fn dot16(const i8* w, const i8* x) { return (i32)vaddvq_s32(products16(vdupq_n_s32(0), w, x)); }
fn dot32(const i8* w, const i8* x) {
  return (i32)vaddvq_s32(products16(products16(vdupq_n_s32(0), w, x), w + 16, x + 16));
}

// ---- f32x16

struct f32x16 {
  float32x4_t v[4];
};

fn broadcast_f32x16(float x) { return f32x16{{vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x)}}; }
fn load_f32x16(Float32, const u8* p) {
  const float* f = (const float*)p;
  return f32x16{{vld1q_f32(f), vld1q_f32(f + 4), vld1q_f32(f + 8), vld1q_f32(f + 12)}};
}
fn load_f32x16(Float16, const u8* p) {
  return f32x16{{four_halves(p), four_halves(p + 8), four_halves(p + 16), four_halves(p + 24)}};
}
fn load_f32x16(BFloat16, const u8* p) {
  return f32x16{{load_numbers(BFloat16{}, p).v, load_numbers(BFloat16{}, p + 8).v, load_numbers(BFloat16{}, p + 16).v,
                 load_numbers(BFloat16{}, p + 24).v}};
}
fn store_f32x16(float* p, f32x16 a) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, a.v[i]);
}
fn store_halves(u16* p, f32x16 a) {
  for (int i = 0; i < 4; i++) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.v[i])));
}
fn add(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] = vaddq_f32(a.v[i], b.v[i]);
  return a;
}
fn sub(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] = vsubq_f32(a.v[i], b.v[i]);
  return a;
}
fn mul(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] = vmulq_f32(a.v[i], b.v[i]);
  return a;
}
fn div(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] = vdivq_f32(a.v[i], b.v[i]);
  return a;
}
fn fma(f32x16 a, f32x16 b, f32x16 c) {
  for (int i = 0; i < 4; i++) c.v[i] = vfmaq_f32(c.v[i], a.v[i], b.v[i]);
  return c;
}
fn max(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] = vmaxq_f32(a.v[i], b.v[i]);
  return a;
}
fn abs(f32x16 a) {
  for (int i = 0; i < 4; i++) a.v[i] = vabsq_f32(a.v[i]);
  return a;
}
fn reduce_sum(f32x16 a) {
  float32x4_t four = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
fn reduce_max(f32x16 a) { return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.v[0], a.v[1]), vmaxq_f32(a.v[2], a.v[3]))); }
fn power_of_two(f32x16 shifted) {
  for (int i = 0; i < 4; i++)
    shifted.v[i] =
        vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vreinterpretq_s32_f32(shifted.v[i]), vdupq_n_s32(127)), 23));
  return shifted;
}
fn store_codes(i8* p, f32x16 a) {
  int32x4_t q[4];
  for (int i = 0; i < 4; i++) q[i] = vcvtnq_s32_f32(a.v[i]);
  vst1q_s8((signed char*)p, vcombine_s8(vmovn_s16(vcombine_s16(vmovn_s32(q[0]), vmovn_s32(q[1]))),
                                        vmovn_s16(vcombine_s16(vmovn_s32(q[2]), vmovn_s32(q[3])))));
  return (i32)vaddvq_s32(vaddq_s32(vaddq_s32(q[0], q[1]), vaddq_s32(q[2], q[3])));
}
