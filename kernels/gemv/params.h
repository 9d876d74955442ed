// Parameters of one call of a matrix kernel. Shared by all strategies.
//
//   y[token][row] = scale · Σ_k W[row][k] · x[token][k]
//
// The sum runs over K in chunks of 32 in file order. Inside a chunk products of integers are added exactly; then each
// of its groups (one, or two of 16 weights) is added to the float sum by fused multiply-adds: first products, then
// minima.
//
//   acc = fma(float(Σ value · x), (unit·scale·sub) · x_scale, acc),   acc = fma(min·sub_min, float(Σ x) · x_scale, acc)
//
// Two groups under one float scale are added together, their factors among the integers:
//
//   acc = fma(float(Σ sub · value · x), (unit·scale) · x_scale, acc)
//
// Every product in parentheses and every argument of fma is rounded to float once, so every strategy, batch, thread
// count and instruction set gives the same bits. GPUs cut K into runs, each summed in this order (runs.h).
#pragma once

// Input vectors of a batch, as the norm-in / quantize-in stage leaves them. K: columns of the matrix, a multiple of the
// format's block, so a multiple of 32 where codes are read.
struct Activations {
  const i8* codes;      // (tokens, K)       x ≈ code · scale, codes in −127…127
  const float* scales;  // (tokens, K / 32)
  const i16* sums;      // (tokens, K / 16)  Σ of 16 codes
  const float* values;  // (tokens, K)       the vectors themselves, for floating formats
};

// How a few tokens' weights are prefetched; the bits are the same either way. Which policy is fastest depends on the
// machine.
struct Prefetch {
  int ahead;     // distance in bytes; 0: left to the hardware. With several row groups at once: 2048 if not 0
  bool at_once;  // one token: several row groups, or rows, at once
};

struct GemvParams {
  const u8* weights;  // the matrix in its layout: file rows, or resident row groups
  i64 cols;           // K
  i64 row;            // first row to compute; a multiple of 16
  int rows;           // rows to compute, at most 64
  Activations x;
  i64 token;    // first token
  int tokens;   // tokens to compute, at most 128
  float scale;  // factor on every output
  float* y;     // (tokens, 64) outputs, row r of the call at [r]; entries past its rows may be overwritten
  Prefetch prefetch = {0, false};
  i64 row_bytes = 0;  // file rows: bytes from one row to the next; 0: cols weights, without a gap
};

enum { gemv_max_rows = 64, gemv_max_tokens = 128 };
