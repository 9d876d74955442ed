// Strategy: one file row at a time, straight from the mapped file. Each chunk of 32 weights is expanded to integers
// (or, for floating formats, read as floats) and multiplied with the tokens of the call. Every format has it; it serves
// formats without a resident layout and models that are not repacked. Sums in the order of params.h, so with the same
// bits.
#pragma once
#include "gemv/params.h"
#include "quant/decode.h"
#include "quant/facts.h"

enum { file_tokens = 8 };  // tokens that share one reading of a row

// Bytes from one row to the next.
template <class F> fn file_row_bytes(const GemvParams& p) -> i64 {
  return p.row_bytes > 0 ? p.row_bytes : p.cols / F::block * F::block_bytes;
}

// Added to the values of 8-bit codes so that they fit signed bytes: codes less 128, whatever their zero is.
template <class F> fn offset_of() -> int {
  if constexpr (facts<F>::affine && (int)F::code_bits == 8)
    return (int)F::zero - 128;
  else
    return 0;
}

// The int8 values of 16 weights from weight `first` of the block on, plus offset_of. The base of every index is a
// constant, so compilers vectorize most accessors (a loop over a running index is 20 to 40 times slower).
template <class F, int first> fn expand_run(view b, i8* to) {
  for (int i = 0; i < 16; i++) to[i] = (i8)(integer_of<F>(b, first + i) + offset_of<F>());
}
template <class F, int first> fn expand_chunk(view b, i8* to) {
  if constexpr (facts<F>::vector) {
    for (int j = 0; j < 4; j++) {
      u64 run = F::expand(F::code(b, first / 8 + j));
      __builtin_memcpy(to + 8 * j, &run, 8);
    }
  } else {
    expand_run<F, first>(b, to);
    expand_run<F, first + 16>(b, to + 16);
  }
}
// Chunk by chunk, so that the index of each is a constant; `use(first, values)` is called after each.
template <class F, int chunk, class Use> fn each_chunk(view b, Use& use) -> void {
  if constexpr (chunk < (int)F::block / 32) {
    alignas(32) i8 values[32];
    expand_chunk<F, 32 * chunk>(b, values);
    use(32 * chunk, values);
    each_chunk<F, chunk + 1>(b, use);
  }
}

// Multiplies one chunk of one row with every token of the call.
template <class F> struct chunk_sums {
  enum { group = (int)F::group < 32 ? 16 : 32, halves = 32 / group };
  const GemvParams& p;
  float* acc;  // [tokens]
  view b;
  i64 k;  // first weight of the block in the row

  MEMBER void operator()(int first, const i8* w) {
    int g = first / (int)F::group;
    for (int n = 0; n < p.tokens; n++) {
      i64 at = (p.token + n) * p.cols + k + first;
      const i8* x = p.x.codes + at;
      float x_scale = p.x.scales[at / 32];
      i32 v[2], s[2] = {p.x.sums[at / 16], p.x.sums[at / 16 + 1]};
      if constexpr (halves == 1)
        v[0] = dot32(w, x), s[0] += s[1];
      else
        v[0] = dot16(w, x), v[1] = dot16(w + 16, x + 16);
      for (int h = 0; h < halves; h++) v[h] -= offset_of<F>() * s[h];
      i32 weighted = 0;
      for (int h = 0; h < halves; h++) {
        float scale = unit_of<F>() * (float)scale_of<F>(b, g + h);
        weighted += v[h] * sub_of<F>(b, g + h);
        if (halves == 1 || has_group_scale<F>::value)
          add((float)v[h], scale * (float)sub_of<F>(b, g + h) * x_scale, n);
        else if (h == 1)
          add((float)weighted, scale * x_scale, n);
      }
      if constexpr (facts<F>::min)
        for (int h = 0; h < halves; h++)
          add((float)min_of<F>(b, g + h) * (float)sub_min_of<F>(b, g + h), (float)s[h] * x_scale, n);
    }
  }
  MEMBER void add(float a, float b, int n) { acc[n] = __builtin_fmaf(a, b, acc[n]); }
};

template <class F> fn row_from_file(const u8* row, const GemvParams& p, int r) {
  float acc[file_tokens] = {};
  for (i64 k = 0; k < p.cols; k += F::block, row += F::block_bytes) {
    chunk_sums<F> sums{p, acc, view{row}, k};
    each_chunk<F, 0>(view{row}, sums);
  }
  for (int n = 0; n < p.tokens; n++) p.y[n * gemv_max_rows + r] = acc[n] * p.scale;
}

// 16 weights of a floating format as floats. A format of single stored numbers is read as a vector.
template <class F> fn load_weights(const u8* row, i64 k) {
  typedef decltype(F::value(view{}, 0)) Number;
  if constexpr ((int)F::block == 1 && !facts<F>::scaled) {
    return load_f32x16(Number{}, row + k * F::block_bytes);
  } else {
    float w[16];
    for (int i = 0; i < 16; i++)
      w[i] = decode<F>(view{row + (k + i) / F::block * F::block_bytes}, int((k + i) % F::block));
    return load_f32x16(Float32{}, (const u8*)w);
  }
}

// The last n weights of a row, from weight k on, padded with zeros.
template <class F> fn load_weights_part(const u8* row, i64 k, i64 n) {
  alignas(64) float w[16] = {};
  for (i64 i = 0; i < n; i++)
    w[i] = decode<F>(view{row + (k + i) / F::block * F::block_bytes}, int((k + i) % F::block));
  return load_f32x16(Float32{}, (const u8*)w);
}

// Floating formats: R rows times N tokens. Each sum is 16 running ones (lane k mod 16), added as a tree at the end; the
// others hide its latency. A row may have any length: the rest is padded with zeros to 16 elements.
template <class F, int R, int N>
fn floats_times_tokens(const u8* row, i64 row_bytes, const GemvParams& p, int r, int done) -> void {
  f32x16 acc[R][N];
  for (int j = 0; j < R; j++)
    for (int n = 0; n < N; n++) acc[j][n] = broadcast_f32x16(0.0f);
  const float* x = p.x.values + (p.token + done) * p.cols;
  i64 ahead = p.prefetch.ahead, k = 0;
  for (; k + 16 <= p.cols; k += 16) {
    f32x16 w[R];
    for (int j = 0; j < R; j++) {
      w[j] = load_weights<F>(row + j * row_bytes, k);
      if (ahead > 0) prefetch(row + j * row_bytes + k / F::block * F::block_bytes + ahead);
    }
    for (int n = 0; n < N; n++) {
      f32x16 of = load_f32x16(Float32{}, (const u8*)(x + n * p.cols + k));
      for (int j = 0; j < R; j++) acc[j][n] = fma(w[j], of, acc[j][n]);
    }
  }
  if (i64 left = p.cols - k; left > 0) {
    f32x16 w[R];
    for (int j = 0; j < R; j++) w[j] = load_weights_part<F>(row + j * row_bytes, k, left);
    for (int n = 0; n < N; n++) {
      f32x16 of = load_part(x + n * p.cols + k, left);
      for (int j = 0; j < R; j++) acc[j][n] = fma(w[j], of, acc[j][n]);
    }
  }
  for (int j = 0; j < R; j++)
    for (int n = 0; n < N; n++) p.y[(done + n) * gemv_max_rows + r + j] = reduce_sum(acc[j][n]) * p.scale;
}
template <class F, int R, int N> fn floats_from_file(const GemvParams& p, int done) -> void {
  i64 row_bytes = file_row_bytes<F>(p);
  const u8* rows = p.weights + p.row * row_bytes;
  int r = 0;
  for (; r + R <= p.rows; r += R) floats_times_tokens<F, R, N>(rows + r * row_bytes, row_bytes, p, r, done);
  for (; r < p.rows; r++) floats_times_tokens<F, 1, N>(rows + r * row_bytes, row_bytes, p, r, done);
}

template <class F> static void rows_from_file(const GemvParams& call) {
  if constexpr (facts<F>::floating) {
    int done = 0;
    if constexpr (token_block >= 8)
      for (; call.tokens - done >= 8; done += 8) floats_from_file<F, token_block / 8, 8>(call, done);
    for (; call.tokens - done >= 4; done += 4) floats_from_file<F, token_block / 4, 4>(call, done);
    for (; call.tokens - done >= 2; done += 2) floats_from_file<F, token_block / 2, 2>(call, done);
    if (done == call.tokens) return;
    if (call.prefetch.at_once)
      floats_from_file<F, 4, 1>(call, done);
    else
      floats_from_file<F, 1, 1>(call, done);
  } else {
    i64 row_bytes = file_row_bytes<F>(call);
    GemvParams p = call;
    for (int done = 0; done < call.tokens; done += file_tokens) {
      p.token = call.token + done, p.y = call.y + done * gemv_max_rows;
      p.tokens = call.tokens - done < file_tokens ? call.tokens - done : (int)file_tokens;
      for (int r = 0; r < p.rows; r++) row_from_file<F>(p.weights + (p.row + r) * row_bytes, p, r);
    }
  }
}
