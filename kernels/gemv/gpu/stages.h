// Before and after the sums of a matrix kernel on a GPU: which outputs belong to a thread group, where activations come
// from, where outputs go.
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_split.h"

// ---- shares. Groups with the same tokens follow each other.

struct group_share {
  int segment, row_group;  // in the unit in which the segments count their groups
  int token;               // first of the group's tokens
};
// `N`: tokens that a group computes.
fn share_of(PARAMS(GemvLaunch) p, int segments, int N, Thread me) {
  int groups = 0;
  for (int i = 0; i < segments; i++) groups += p.segment[i].groups;
  group_share share = {0, (int)me.group % groups, (int)me.group / groups * N};
  while (share.row_group >= p.segment[share.segment].groups) share.row_group -= p.segment[share.segment++].groups;
  return share;
}

// The first of a launch's three formats that is the format of segment s: equal formats share one text.
template <class A, class B> struct same {
  enum { value = 0 };
};
template <class A> struct same<A, A> {
  enum { value = 1 };
};
template <class F0, class F1, class F2> fn format_of(int s) -> int {
  if (s == 0 || (s == 1 ? (int)same<F0, F1>::value : (int)same<F0, F2>::value)) return 0;
  return s == 1 || same<F1, F2>::value ? 1 : 2;
}

// ---- inputs. `chunk(n, c)`: activations of chunk c of the launch's token first + n.

// Codes in device memory. `one`: the launch's only token.
template <bool one> struct prepared_input {
  DEVICE const i8* codes;
  DEVICE const float* scales;
  DEVICE const i32* sums;
  i32 stride;  // from a token's 16 codes to its next: tokens of the launch
  u32 last;    // of the tokens from `first` on; those past it are read as the last one
  MEMBER chunk_input chunk(int n, int c) const {
    if constexpr (one) {
      int2 both = ((DEVICE const int2*)sums)[c];
      return chunk_input{
          {((DEVICE const uint4*)codes)[2 * c], ((DEVICE const uint4*)codes)[2 * c + 1]}, scales[c], {both.x, both.y}};
    } else {
      i64 token = (u32)n < last ? (u32)n : last, at = (i64)(2 * c) * stride + token;
      DEVICE const uint4* here = (DEVICE const uint4*)codes + at;
      return chunk_input{{here[0], here[stride]}, scales[(i64)c * stride + token], {sums[at], sums[at + stride]}};
    }
  }
};
template <bool one> fn prepared(PARAMS(GemvLaunch) p, int first) {
  return prepared_input<one>{p.codes.codes + 16 * (i64)first, p.codes.scales + first, p.codes.sums + first, p.tokens,
                             (u32)(p.tokens - 1 - first)};
}

// A projection's Σ x², a sum per warp: thread t of one_token_warps · 32 takes the elements 4 t … 4 t + 3 of every run
// of four times as many. Every kernel that norms a projection's input takes them so.
fn keep_squares(DEVICE const float* x, int cols, SHARED float* sums, Thread me) -> void {
  float squares = 0;
  for (int first = 4 * (int)me.index; first < cols; first += 4 * one_token_warps * warp_lanes)
    for (int i = first; i < first + 4 && i < cols; i++) squares = fma(x[i], x[i], squares);
  squares = lane_sum(squares);
  if (me.lane() == 0) sums[me.warp()] = squares;
}
// 1 / sqrt(mean(x²) + epsilon) of sums of squares; NaN, not 0, where the squares leave the range of floats.
fn inverse_of_squares(SHARED const float* sums, int warps, int cols, float epsilon) -> float {
  float total = 0;
  for (int w = 0; w < warps; w++) total += sums[w];
  float mean = total / (float)cols + epsilon;
  return 1.0f / sqrt(mean) + mean * 0.0f;
}
// Of a vector, to every thread of a group of split_warps. `sums`: one float per warp.
fn inverse_rms(DEVICE const float* x, int cols, float epsilon, SHARED float* sums, Thread me) {
  float squares = 0;
  for (int i = (int)me.index; i < cols; i += split_warps * warp_lanes) squares = fma(x[i], x[i], squares);
  squares = lane_sum(squares);
  if (me.lane() == 0) sums[me.warp()] = squares;
  group_barrier();
  float inverse = inverse_of_squares(sums, split_warps, cols, epsilon);
  group_barrier();
  return inverse;
}

// ---- outputs, by the lanes of a warp: `y` of row `row` and a token

fn inverse_of(PARAMS(GemvLaunch) p, int token) -> float { return p.inverse ? p.inverse[token] : 1.0f; }
fn finished(PARAMS(GemvLaunch) p, int s, int row, float y, float inverse) {
  y = y * inverse * p.segment[s].scale;
  return p.segment[s].bias && row < p.segment[s].rows ? y + p.segment[s].bias[row] : y;
}

// A token's values of 32 rows as codes; `tokens`: of the launch.
fn quantize_out(PARAMS(DeviceActivations) to, int token, int tokens, int row, bool inside, float y) -> void {
  quantized q = quantize_chunk(inside ? y : 0.0f);
  if (!inside) return;
  i64 sixteen = (i64)(row / 16) * tokens + token;
  to.codes[16 * sixteen + row % 16] = (i8)q.code;
  if (row % 32 == 0) to.scales[(i64)(row / 32) * tokens + token] = q.scale;
  if (row % 16 == 0) to.sums[sixteen] = q.sum;
}

struct store_out {
  enum { pairs = 0 };
  fn write(PARAMS(GemvLaunch) p, int s, i64 token, int row, float y, float) -> void {
    if (row < p.segment[s].rows) p.segment[s].y[token * p.segment[s].rows + row] = y;
  }
};
struct add_out {
  enum { pairs = 0 };
  fn write(PARAMS(GemvLaunch) p, int s, i64 token, int row, float y, float) -> void {
    if (row < p.segment[s].rows) p.segment[s].y[token * p.segment[s].rows + row] += y;
  }
};

struct silu_of {
  fn of(float x) { return x / (1.0f + exp(-x)); }
};
// x · Φ(x) by the tanh formula (Hendrycks & Gimpel 2016): x · sigmoid(2 u), u = sqrt(2/π) (x + 0.044715 x³)
struct gelu_tanh_of {
  fn of(float x) { return x / (1.0f + exp(-1.5957691216f * fma(0.044715f * x * x, x, x))); }
};

// activation(gate) · up, as floats and as codes.
template <class Activation> struct gate_out {
  enum { pairs = 1 };
  fn write(PARAMS(GemvLaunch) p, int, i64 token, int row, float gate, float up) -> void {
    int rows = p.segment[0].rows;
    float y = Activation::of(gate) * up;
    if (row < rows) p.segment[0].y[token * rows + row] = y;
    if (p.out.codes) quantize_out(p.out, (int)token, p.tokens, row, row < rows, y);
  }
};
