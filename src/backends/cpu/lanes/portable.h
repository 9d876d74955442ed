// The lane vocabulary in the compiler's own 16-byte vectors: its definition, and the path of a machine without a known
// instruction set. Kernels are written once in these words; avx2.h, avx512.h and neon.h implement the same words for
// their machines, and every word gives the same bits on all of them.
//
// Two shapes of vectors:
//   bytes, ints, floats   one lane per weight row: lane_rows rows; `bytes` holds 4 consecutive weights of each row
//   f32x16                16 floats of one vector, whatever the machine's width; sums over it run as a tree of halves
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"

enum {
  lane_rows = 8,      // rows a resident tile interleaves
  decode_groups = 1,  // row groups that one token is multiplied with at once
  token_block = 4,    // tokens that share one decoding of the weights
  panel_groups = 1,   // row groups and tokens that share one reading of a panel
  panel_pass = 2,
  attend_queries = 2,  // queries, and runs of 16 elements of a value, that attention holds in registers
  attend_parts = 1,
  asks_ahead = 0,   // whether prefetch() does anything
  signed_bias = 0,  // what is subtracted from 8-bit codes so that dot_large can use them as they are
  max_carried =
      255  // largest code that may carry its sub-scale (gemv/cpu/panels.h): where larger ones cost more than they save
};

typedef u8 u8x16 __attribute__((vector_size(16)));
typedef i8 i8x8 __attribute__((vector_size(8)));
typedef u16 u16x8 __attribute__((vector_size(16)));
typedef i16 i16x8 __attribute__((vector_size(16)));
typedef i32 i32x4 __attribute__((vector_size(16)));
typedef u32 u32x4 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));

// Words of a machine that adds pairs of products in 16 bits (gemv/cpu/panel_pairs.h), as in avx2.h; void: none.
typedef void adds_pairs;

struct bytes {
  u8x16 v[2];
};
struct ints {
  i32x4 v[2];
};
struct floats {
  f32x4 v[2];
};

fn load_bytes(const u8* p) {
  bytes r = {};
  __builtin_memcpy(&r, p, 32);
  return r;
}
fn store_bytes(u8* p, bytes a) { __builtin_memcpy(p, &a, 32); }
// The bits of each byte shifted right by S (left when S is negative), then masked. 16-bit shifts carry bits into the
// neighbouring byte; the mask clears them.
template <int S> fn shift_and_mask(bytes a, u32 mask) {
  for (u8x16& half : a.v) {
    u16x8 shifted = S >= 0 ? (u16x8)half >> (S >= 0 ? S : 0) : (u16x8)half << (S < 0 ? -S : 0);
    half = (u8x16)(shifted & (u16)(mask << 8 | mask));
  }
  return a;
}
fn merge(bytes a, bytes b) {
  for (int i = 0; i < 2; i++) a.v[i] |= b.v[i];
  return a;
}
// Byte by byte; the low 8 bits of products.
fn add(bytes a, bytes b) { return bytes{{a.v[0] + b.v[0], a.v[1] + b.v[1]}}; }
fn mul(bytes a, bytes b) { return bytes{{a.v[0] * b.v[0], a.v[1] * b.v[1]}}; }
// Sixteen entries, repeated.
fn load_table(const u8* sixteen) {
  bytes r = {};
  for (u8x16& half : r.v) __builtin_memcpy(&half, sixteen, 16);
  return r;
}
fn table_lookup(bytes codes, bytes table) {
  bytes r = {};
  for (int h = 0; h < 2; h++)
    for (int i = 0; i < 16; i++) r.v[h][i] = table.v[0][codes.v[h][i]];
  return r;
}
// Four consecutive int8 activations, the same for every row.
fn repeat4(const i8* x) {
  i32 four;
  __builtin_memcpy(&four, x, 4);
  i32x4 all = {four, four, four, four};
  return bytes{{(u8x16)all, (u8x16)all}};
}
fn broadcast(i32 x) { return ints{{i32x4{x, x, x, x}, i32x4{x, x, x, x}}}; }
fn add(ints a, ints b) { return ints{{a.v[0] + b.v[0], a.v[1] + b.v[1]}}; }
fn sub(ints a, ints b) { return ints{{a.v[0] - b.v[0], a.v[1] - b.v[1]}}; }
fn mul(ints a, ints b) { return ints{{a.v[0] * b.v[0], a.v[1] * b.v[1]}}; }
fn load_small_ints(const u8* p) {
  ints r = {};
  for (int i = 0; i < lane_rows; i++) r.v[i / 4][i % 4] = i8(p[i]);
  return r;
}
// The low 8 bits of each int, four times.
fn repeat_bytes(ints a) {
  bytes r = {};
  for (int i = 0; i < 2; i++) r.v[i] = (u8x16)((u32x4)(a.v[i] & 255) * 0x01010101u);
  return r;
}
// a · two[0] + b · two[1], the same for every row.
fn broadcast_sum(const i16* two, int a, int b) { return broadcast((i32)(a * two[0] + b * two[1])); }
fn broadcast(float x) { return floats{{f32x4{x, x, x, x}, f32x4{x, x, x, x}}}; }
fn to_floats(ints a) {
  return floats{{__builtin_convertvector(a.v[0], f32x4), __builtin_convertvector(a.v[1], f32x4)}};
}
fn mul(floats a, floats b) { return floats{{a.v[0] * b.v[0], a.v[1] * b.v[1]}}; }
fn fma(f32x4 a, f32x4 b, f32x4 c) {
  for (int i = 0; i < 4; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
fn fma(floats a, floats b, floats c) { return floats{{fma(a.v[0], b.v[0], c.v[0]), fma(a.v[1], b.v[1], c.v[1])}}; }
template <class Number> fn load_numbers(Number, const u8* p) {
  floats r = {};
  for (int i = 0; i < lane_rows; i++) {
    u32 bits = 0;
    __builtin_memcpy(&bits, p + i * Number::storage_bytes, Number::storage_bytes);
    r.v[i / 4][i % 4] = Number{bits};
  }
  return r;
}
fn store(float* p, floats a) { __builtin_memcpy(p, &a, 32); }
fn prefetch(const u8*) {}

// Σ of each lane's four products, for four rows. A product of a code up to 255 and an activation fits 16 bits.
fn four_products(u8x16 w, u8x16 x) {
  i16x8 lo = __builtin_convertvector(__builtin_shufflevector(w, w, 0, 1, 2, 3, 4, 5, 6, 7), i16x8) *
             __builtin_convertvector((i8x8)__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7), i16x8);
  i16x8 hi = __builtin_convertvector(__builtin_shufflevector(w, w, 8, 9, 10, 11, 12, 13, 14, 15), i16x8) *
             __builtin_convertvector((i8x8)__builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15), i16x8);
  i32x4 a = (i32x4)lo, b = (i32x4)hi;
  a = (((a << 16) >> 16) + (a >> 16)), b = (((b << 16) >> 16) + (b >> 16));
  return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}
// Sums of products of unsigned codes up to max_code and int8 activations, per row; exact.
template <int max_code> struct dot_small {
  enum { fits = 1 << 30 };  // products added before they must be widened
  ints sum = broadcast(0);
  void start(ints x) { sum = x; }
  void add(bytes w, bytes x) {
    for (int i = 0; i < 2; i++) sum.v[i] += four_products(w.v[i], x.v[i]);
  }
  void widen() {}
  ints total() const { return sum; }
};
// The same for 8-bit codes less signed_bias.
struct dot_large : dot_small<255> {};

// Σ w·x of 16 and of 32 int8 pairs.
fn dot16(const i8* w, const i8* x) {
  i32 s = 0;
  for (int i = 0; i < 16; i++) s += w[i] * x[i];
  return s;
}
fn dot32(const i8* w, const i8* x) { return dot16(w, x) + dot16(w + 16, x + 16); }

// ---- f32x16

struct f32x16 {
  f32x4 v[4];
};

fn broadcast_f32x16(float x) {
  f32x4 all = {x, x, x, x};
  return f32x16{{all, all, all, all}};
}
fn load_f32x16(Float32, const u8* p) {
  f32x16 r = {};
  __builtin_memcpy(&r, p, 64);
  return r;
}
fn load_f32x16(Float16, const u8* p) {
  f32x16 r = {};
  for (int i = 0; i < 16; i++) r.v[i / 4][i % 4] = half_to_float(p[2 * i] | p[2 * i + 1] << 8);
  return r;
}
fn load_f32x16(BFloat16, const u8* p) {
  f32x16 r = {};
  for (int i = 0; i < 16; i++) r.v[i / 4][i % 4] = float_of(u32(p[2 * i] | p[2 * i + 1] << 8) << 16);
  return r;
}
fn store_f32x16(float* p, f32x16 a) { __builtin_memcpy(p, &a, 64); }
// Rounds to the nearest half, ties to even.
fn store_halves(u16* p, f32x16 a) {
  for (int i = 0; i < 16; i++) {
    u32 bits;
    float x = a.v[i / 4][i % 4];
    __builtin_memcpy(&bits, &x, 4);
    u32 sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    u32 h;
    if (magnitude > 0x7f800000u)
      h = 0x7e00u | (magnitude >> 13 & 0x1ffu);  // NaN stays NaN, quiet
    else if (magnitude >= 0x477ff000u)
      h = 0x7c00u;                       // rounds to infinity
    else if (magnitude < 0x38800000u) {  // subnormal half: let the float adder round
      float f = float_of(magnitude) + 0.5f;
      __builtin_memcpy(&h, &f, 4);
      h -= 0x3f000000u;
    } else
      h = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    p[i] = u16(sign | h);
  }
}
fn add(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] += b.v[i];
  return a;
}
fn sub(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] -= b.v[i];
  return a;
}
fn mul(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] *= b.v[i];
  return a;
}
fn div(f32x16 a, f32x16 b) {
  for (int i = 0; i < 4; i++) a.v[i] /= b.v[i];
  return a;
}
fn fma(f32x16 a, f32x16 b, f32x16 c) {
  for (int i = 0; i < 4; i++) c.v[i] = fma(a.v[i], b.v[i], c.v[i]);
  return c;
}
fn max(f32x16 a, f32x16 b) {  // NaN where b is NaN; where only a is, machines differ
  for (int i = 0; i < 4; i++) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
  return a;
}
fn abs(f32x16 a) {
  for (f32x4& part : a.v) part = (f32x4)((i32x4)part & 0x7fffffff);
  return a;
}
// Σ as a tree: lane i + lane i+8, then +4, +2, +1.
fn reduce_sum(f32x16 a) {
  f32x4 four = (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
  return (four[0] + four[2]) + (four[1] + four[3]);
}
fn reduce_max(f32x16 a) {
  float m = a.v[0][0];
  for (int i = 1; i < 16; i++) m = a.v[i / 4][i % 4] > m ? a.v[i / 4][i % 4] : m;
  return m;
}
// 2^n for lanes that hold n + 1.5·2^23, n a whole number in −126…127.
fn power_of_two(f32x16 shifted) {
  for (f32x4& part : shifted.v) part = (f32x4)(((i32x4)part + 127) << 23);
  return shifted;
}
// Rounds 16 values in −127…127 to the nearest integer (ties to even), stores them as int8, returns their sum.
fn store_codes(i8* p, f32x16 a) {
  i32 s = 0;
  for (int i = 0; i < 16; i++) {
    i32 q = i32((a.v[i / 4][i % 4] + 12582912.0f) - 12582912.0f);
    p[i] = i8(q);
    s += q;
  }
  return s;
}
