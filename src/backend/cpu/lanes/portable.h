// The lane vocabulary, in plain C++: its definition, and the path of a machine without a known instruction set. Kernels are
// written once in these words; avx2.h, avx512.h and neon.h say the same words for their machines, and every word gives the
// same bits on all of them.
//
// Two shapes of vectors:
//   bytes, ints, floats   one lane per weight row: lane_rows rows; `bytes` holds 4 consecutive weights of each row
//   wide                  16 floats of one vector, whatever the machine's width; sums over it run as a tree of halves
#pragma once

enum {
  lane_rows = 8,          // rows a resident tile interleaves
  token_block = 4,        // tokens that share one decoding of the weights
  prefetch_distance = 0,  // bytes that the one-token kernel asks for ahead; 0: none
  signed_bias = 0         // what is taken off 8-bit codes so that dot_large can use them as they are
};

struct bytes { u8 v[4 * lane_rows]; };
struct ints { i32 v[lane_rows]; };
struct floats { float v[lane_rows]; };

fn load_bytes(const u8* p) {
  bytes r;
  for (int i = 0; i < 4 * lane_rows; i++) r.v[i] = p[i];
  return r;
}
// The bits of each byte moved down by S (up when S is negative), then masked.
template <int S> fn take(bytes a, u32 mask) {
  for (int i = 0; i < 4 * lane_rows; i++) a.v[i] = u8((S >= 0 ? a.v[i] >> (S >= 0 ? S : 0) : a.v[i] << (S < 0 ? -S : 0)) & mask);
  return a;
}
fn merge(bytes a, bytes b) {
  for (int i = 0; i < 4 * lane_rows; i++) a.v[i] |= b.v[i];
  return a;
}
fn load_table(const u8* sixteen) {
  bytes r;
  for (int i = 0; i < 4 * lane_rows; i++) r.v[i] = sixteen[i % 16];
  return r;
}
fn look_up(bytes codes, bytes table) {
  for (int i = 0; i < 4 * lane_rows; i++) codes.v[i] = table.v[codes.v[i]];
  return codes;
}
// Four consecutive int8 activations, the same for every row.
fn repeat4(const i8* x) {
  bytes r;
  for (int i = 0; i < 4 * lane_rows; i++) r.v[i] = u8(x[i % 4]);
  return r;
}
fn splat(i32 x) {
  ints r;
  for (int i = 0; i < lane_rows; i++) r.v[i] = x;
  return r;
}
fn plus(ints a, ints b) {
  for (int i = 0; i < lane_rows; i++) a.v[i] += b.v[i];
  return a;
}
fn minus(ints a, ints b) {
  for (int i = 0; i < lane_rows; i++) a.v[i] -= b.v[i];
  return a;
}
fn times(ints a, ints b) {
  for (int i = 0; i < lane_rows; i++) a.v[i] *= b.v[i];
  return a;
}
fn load_small_ints(const u8* p) {
  ints r;
  for (int i = 0; i < lane_rows; i++) r.v[i] = i8(p[i]);
  return r;
}
fn splat(float x) {
  floats r;
  for (int i = 0; i < lane_rows; i++) r.v[i] = x;
  return r;
}
fn to_floats(ints a) {
  floats r;
  for (int i = 0; i < lane_rows; i++) r.v[i] = float(a.v[i]);
  return r;
}
fn times(floats a, floats b) {
  for (int i = 0; i < lane_rows; i++) a.v[i] *= b.v[i];
  return a;
}
fn fma(floats a, floats b, floats c) {
  for (int i = 0; i < lane_rows; i++) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
  return c;
}
template <class Number> fn load_numbers(Number, const u8* p) {
  floats r;
  for (int i = 0; i < lane_rows; i++) {
    u32 bits = 0;
    __builtin_memcpy(&bits, p + i * Number::storage_bytes, Number::storage_bytes);
    r.v[i] = Number{bits};
  }
  return r;
}
fn store(float* p, floats a) { for (int i = 0; i < lane_rows; i++) p[i] = a.v[i]; }
fn prefetch(const u8*) {}

// Sums of products of unsigned codes up to max_code and int8 activations, per row; exact.
template <int max_code> struct dot_small {
  enum { fits = 1 << 30 };  // products added before they must be widened
  void widen() {}
  ints sum = splat(0);
  void add(bytes w, bytes x) {
    for (int i = 0; i < lane_rows; i++)
      sum.v[i] += w.v[4 * i] * i8(x.v[4 * i]) + w.v[4 * i + 1] * i8(x.v[4 * i + 1]) + w.v[4 * i + 2] * i8(x.v[4 * i + 2]) + w.v[4 * i + 3] * i8(x.v[4 * i + 3]);
  }
  ints total() const { return sum; }
};
// The same for 8-bit codes, after signed_bias has been taken off them.
struct dot_large : dot_small<255> {};

// Σ w·x of 16 int8 pairs.
fn dot16(const i8* w, const i8* x) {
  i32 s = 0;
  for (int i = 0; i < 16; i++) s += w[i] * x[i];
  return s;
}

// ---- wide

struct wide { float v[16]; };

fn wide_splat(float x) {
  wide r;
  for (int i = 0; i < 16; i++) r.v[i] = x;
  return r;
}
fn load_wide(Float32, const u8* p) {
  wide r;
  __builtin_memcpy(&r, p, 64);
  return r;
}
fn load_wide(Float16, const u8* p) {
  wide r;
  for (int i = 0; i < 16; i++) r.v[i] = half_to_float(p[2 * i] | p[2 * i + 1] << 8);
  return r;
}
fn load_wide(BFloat16, const u8* p) {
  wide r;
  for (int i = 0; i < 16; i++) r.v[i] = float_of(u32(p[2 * i] | p[2 * i + 1] << 8) << 16);
  return r;
}
fn store_wide(float* p, wide a) { __builtin_memcpy(p, &a, 64); }
// Rounds to the nearest half, ties to even.
fn store_halves(u16* p, wide a) {
  for (int i = 0; i < 16; i++) {
    u32 bits;
    __builtin_memcpy(&bits, &a.v[i], 4);
    u32 sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    u32 h;
    if (magnitude > 0x7f800000u) h = 0x7e00u | (magnitude >> 13 & 0x1ffu);  // NaN stays NaN, quiet
    else if (magnitude >= 0x477ff000u) h = 0x7c00u;                          // rounds to infinity
    else if (magnitude < 0x38800000u) {                                      // subnormal half: let the float adder round
      float f = float_of(magnitude) + 0.5f;
      __builtin_memcpy(&h, &f, 4);
      h -= 0x3f000000u;
    } else h = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    p[i] = u16(sign | h);
  }
}
fn plus(wide a, wide b) {
  for (int i = 0; i < 16; i++) a.v[i] += b.v[i];
  return a;
}
fn minus(wide a, wide b) {
  for (int i = 0; i < 16; i++) a.v[i] -= b.v[i];
  return a;
}
fn times(wide a, wide b) {
  for (int i = 0; i < 16; i++) a.v[i] *= b.v[i];
  return a;
}
fn over(wide a, wide b) {
  for (int i = 0; i < 16; i++) a.v[i] /= b.v[i];
  return a;
}
fn fma(wide a, wide b, wide c) {
  for (int i = 0; i < 16; i++) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
  return c;
}
fn larger(wide a, wide b) {
  for (int i = 0; i < 16; i++) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
  return a;
}
fn magnitude(wide a) {
  for (int i = 0; i < 16; i++) a.v[i] = __builtin_fabsf(a.v[i]);
  return a;
}
// Σ as a tree: lane i + lane i+8, then +4, +2, +1.
fn sum(wide a) {
  for (int half = 8; half; half /= 2)
    for (int i = 0; i < half; i++) a.v[i] += a.v[i + half];
  return a.v[0];
}
fn largest(wide a) {
  float m = a.v[0];
  for (int i = 0; i < 16; i++) m = a.v[i] > m ? a.v[i] : m;
  return m;
}
// 2^n for lanes that hold n + 1.5·2^23, n a whole number in −126…127.
fn power_of_two(wide shifted) {
  for (int i = 0; i < 16; i++) {
    u32 bits;
    __builtin_memcpy(&bits, &shifted.v[i], 4);
    shifted.v[i] = float_of((bits + 127u) << 23);
  }
  return shifted;
}
// Rounds 16 values in −127…127 to the nearest integer (ties to even), stores them as int8, returns their sum.
fn store_codes(i8* p, wide a) {
  i32 s = 0;
  for (int i = 0; i < 16; i++) {
    i32 q = i32((a.v[i] + 12582912.0f) - 12582912.0f);
    p[i] = i8(q);
    s += q;
  }
  return s;
}
