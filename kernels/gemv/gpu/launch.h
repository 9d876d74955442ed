// Parameters of a launch of a matrix kernel on a GPU. Up to three matrices share an input (for gate and up: the same
// rows of both are computed together).
//
//   y[token][row] = scale · Σ_k W[row][k] · x[token][k] + bias[row]
//
//   gemv       a thread group computes 32 rows of one matrix, or 16 or 8, for some tokens. K is cut into chunks of 32;
//              part p of P takes the chunks p, p + P, … in order, each added by the fused multiply-adds of params.h,
//              and the P sums of an output are added in order of p
//   gemv_one   one token. Every thread group keeps the input and computes a run of row groups. Parts as for gemv; those
//              of a warp are added in pairs, then the warps' sums in order. A norm's 1 / rms is a factor of the
//              finished sum, so codes are of x · norm
//
// So a launch repeats its bits; they differ from the CPU's in the last places. Only floating formats have a K that is
// not a multiple of 32.
#pragma once

enum {
  group_rows = 32,  // maximum of rows that a thread group computes
  split_warps = 8,  // warps of a group, which split K
  max_segments = 3,
  max_tokens_per_pass = 8,  // tokens that a group computes at once
  one_token_warps = 16,     // warps of a group of gemv_one, which split K
  // Of a chunk of the input in such a group's shared memory: 8 of codes, the scale, two sums of 16 codes, one unused.
  kept_chunk_words = 12,
  ring_words = 64  // per lane of such a group: maximum of words in flight
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
  DEVICE const float* norm;  // (K) weights of the preceding norm, or null
  DEVICE const i32* rows;    // tokens that there are in this run; those past them are left unchanged
  DeviceActivations codes;   // the input, where it is already prepared
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
  float sums_of_warps[split_warps * max_tokens_per_pass * group_rows];
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
