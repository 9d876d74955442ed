// Parameters of a launch of a matrix kernel on a GPU. Up to three matrices share an input (for gate and up: the same
// rows of both are computed together).
//
//   y[token][row] = scale · inverse[token] · Σ_k W[row][k] · x[token][k] + bias[row]
//
// A norm in front is taken apart: x is x · norm, and inverse, 1 / rms, is a factor of the finished sum. Sums of codes
// are taken in the order of runs.h by all kernels, so a token's bits depend on nothing but its row and the matrix:
//
//   gemv_one   one token. Every thread group keeps the input and computes some row groups; a warp takes a run
//   gemv       a few tokens. A thread group computes 32 rows of one matrix; a warp takes two runs
//   gemv_few   2 to 64 tokens, where a core has the memory (gemm/gpu/few.h). A warp takes a run
//   gemm       many tokens (gemm/gpu/launch.h). A thread group takes one run after another
//
// Sums of formats without tiles are a warp's: weights along the lanes, one by one or 16 bytes at a time
// (rows_of_numbers.h), then the lanes in pairs. Only floating formats have a K that is no multiple of 32.
#pragma once
#include "gemv/runs.h"

enum {
  group_rows = 32,  // of a row group, at most
  split_warps = 8,  // warps of a group of gemv, which share out the runs
  max_segments = 3,
  max_tokens_per_pass = 8,          // tokens that a group computes at once
  one_token_warps = (int)max_runs,  // warps of a group of gemv_one: each takes a run
  kept_chunk_words =
      12,  // of a chunk of the input in such a group's memory: 8 of codes, the scale, two sums of 16 codes, one unused
  ring_words = 64  // that a lane of such a group has asked for and not yet used, at most
};

// Vectors as int8 codes in device memory: output of quantize-out and prepared inputs. K is the outer dimension, as
// parts of many tokens are read together; `tokens` is the launch's, so one token's codes follow each other.
struct DeviceActivations {
  DEVICE i8* codes;      // (K / 16, tokens, 16)  x ≈ code · scale
  DEVICE float* scales;  // (K / 32, tokens)
  DEVICE i32* sums;      // (K / 16, tokens)      Σ of 16 codes
};

struct GemvSegment {
  BYTES weights;             // in the resident layout with 32 rows per tile, or file rows
  DEVICE const float* bias;  // (rows) or null
  DEVICE float* y;           // (tokens, rows)
  i32 rows;
  i32 groups;  // row groups: rows over rows of a group, rounded up
  float scale;
};

struct GemvLaunch {
  DEVICE const float* x;     // (tokens, K); read by kernels that prepare their input, and by those of floating formats
  DEVICE const float* norm;  // (K) weights of the norm in front, or null
  DEVICE const float* inverse;  // (tokens) 1 / rms of that norm, or null: 1. gemv_one makes its own
  DEVICE const i32* rows;       // tokens that there are in this run; those past them are left as they are
  DeviceActivations codes;      // the input, where it was prepared before
  DeviceActivations
      out;  // where quantize-out writes, K: rows of the first segment, a multiple of 32; codes null: nowhere
  GemvSegment segment[max_segments];
  i32 segments;
  i32 cols;       // K
  i32 tokens;     // maximum: what the launch was recorded for
  i32 batch;      // gemv_one: row groups of a thread group between two barriers of its warps
  float epsilon;  // of the norm
};

// The group's shared memory.
struct GemvShared {
  float sums_of_runs[(int)max_runs * max_tokens_per_pass * group_rows];
  float values[max_tokens_per_pass * group_rows];  // outputs of the group's rows, (tokens, 32)
  float pair[max_tokens_per_pass * group_rows];    // of the second matrix, where two are computed together
};

// The shared memory of a group of gemv_one continues after this: chunks of the input, where a format reads codes; the
// sums of a batch, one for each row group, warp and row; and, where copies are asynchronous, the rings of weights.
struct GemvOneShared {
  float squares[one_token_warps];  // a warp's part of Σ x²
  u32 words[4];
};
// `sums`: floats of a batch. `cols`: of the input as codes, or 0.
fn one_token_shared_bytes(int cols, int sums) { return 4 * (one_token_warps + cols / 32 * kept_chunk_words + sums); }
fn ring_bytes() { return 4 * ring_words * one_token_warps * 32; }
