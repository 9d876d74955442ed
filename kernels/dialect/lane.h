// Shared by the kernels of GPUs: sums over the 32 lanes of a warp, and the lane vocabulary of the matrix kernels, one
// row per lane. It is the vocabulary of the CPU's instruction sets (src/backends/cpu/lanes) with vectors of one
// element: a thread holds its own lane.
#pragma once

enum { warp_lanes = 32 };

// Initial value of a max reduction. Finite: compilers may assume that there are no infinities.
fn lowest_float() { return -3.0e38f; }

// Over all lanes, in one fixed order; every lane gets the result.
template <class T> fn lane_sum(T x) {
  for (u32 mask = 16; mask > 0; mask /= 2) x = x + lane_exchange(x, mask);
  return x;
}
// Over the sixteen lanes that share lane / 16.
fn half_lane_sum(i32 x) {
  for (u32 mask = 8; mask > 0; mask /= 2) x = x + lane_exchange(x, mask);
  return x;
}
fn lane_max(float x) {
  for (u32 mask = 16; mask > 0; mask /= 2) {
    float y = lane_exchange(x, mask);
    x = y > x ? y : x;
  }
  return x;
}

// ---- vocabulary: lane_rows rows per tile; `bytes` are 4 consecutive weights of the lane's row

enum {
  lane_rows = 32,
  signed_bias = 128  // 8-bit codes are packed as signed bytes, for dot4
};
typedef u32 bytes;

fn load_bytes(BYTES p) { return *(DEVICE const u32*)p; }
template <int S> fn shift_and_mask(bytes a, u32 mask) -> bytes {
  if constexpr (S >= 0)
    return a >> S & mask * 0x01010101u;
  else
    return a << -S & mask * 0x01010101u;
}
fn merge(bytes a, bytes b) { return a | b; }

typedef float floats;
typedef i32 ints;
fn broadcast(float x) { return x; }
fn to_floats(ints a) { return (float)a; }
fn to_floats(floats a) { return a; }
fn add(ints a, ints b) { return a + b; }
fn add(floats a, floats b) { return a + b; }
fn mul(ints a, ints b) { return a * b; }
fn mul(floats a, floats b) { return a * b; }
fn mul(ints a, floats b) { return (float)a * b; }

// Table lookup: sixteen bytes by index.
struct table16 {
  u32 word[4];
};
fn table_lookup(bytes codes, table16 t) {
  u32 low = codes & 0x07070707u, selector = low | low >> 4;
  selector = (selector & 0xffu) | (selector >> 8 & 0xff00u);
  u32 upper = codes >> 3 & 0x01010101u, mask = upper * 0xffu;
  return (permute(t.word[0], t.word[1], selector) & ~mask) | (permute(t.word[2], t.word[3], selector) & mask);
}

fn load_number(Float32, BYTES p) { return *(DEVICE const float*)p; }
fn load_number(Float16, BYTES p) { return half_to_float(*(DEVICE const u16*)p); }
fn load_number(BFloat16, BYTES p) { return float_of((u32) * (DEVICE const u16*)p << 16); }
template <class Number> fn load_number(Number, BYTES p) { return (float)Number{(u32)*p}; }
