// What a launch of a matrix kernel is given on a GPU. Up to three matrices share an input; a thread group computes 32 rows of one of them,
// or 16 or 8, for some tokens (for gate and up: the same rows of both).
//
//   y[token][row] = scale · Σ_k W[row][k] · x[token][k] + bias[row]
//
// K is cut into chunks of 32; part p of P takes the chunks p, p + P, … in order, each entering by the fused multiply-adds of params.h, and
// the P sums of an output are added in order of p. So a launch repeats its bits; they differ from the CPU's in the last places. Only
// floating formats have a K that is no multiple of 32.
#pragma once

enum {
  group_rows = 32,         // most rows that a thread group computes
  split_warps = 8,         // warps of a group, which share out K
  most_segments = 3,
  most_tokens_a_pass = 8,  // tokens that a group computes at once
  room_cols = 8192         // columns of an input that a group can prepare for itself
};

// Vectors as int8 codes in device memory: what quantize-out leaves and prepared inputs are.
struct DeviceActivations {
  DEVICE i8* codes;      // (tokens, K)       x ≈ code · scale
  DEVICE float* scales;  // (tokens, K / 32)
  DEVICE i32* sums;      // (tokens, K / 16)  Σ of 16 codes
};

struct GemvSegment {
  BYTES weights;             // in the resident layout with 32 rows a tile, or file rows
  DEVICE const float* bias;  // (rows) or null
  DEVICE float* y;           // (tokens, rows)
  i32 rows;
  i32 groups;                // thread groups that it takes: rows over rows a group, rounded up
  float scale;
};

struct GemvLaunch {
  DEVICE const float* x;     // (tokens, K); read by kernels that prepare their input, and by those of floating formats
  DEVICE const float* norm;  // (K) weights of the norm in front, or null
  DeviceActivations codes;   // the input, where it was prepared before
  DeviceActivations out;     // where quantize-out writes: (tokens, rows of the first segment, a multiple of 32); codes null: nowhere
  GemvSegment segment[most_segments];
  i32 segments;
  i32 cols;                  // K
  i32 tokens;
  float epsilon;             // of the norm
};

// The group's memory.
struct RoomActivations {
  u32 codes[room_cols / 4];
  float scales[room_cols / 32];
  i32 sums[room_cols / 16];
};
struct GemvRoom {
  float sums_of_warps[split_warps * most_tokens_a_pass * group_rows];
  float values[most_tokens_a_pass * group_rows];  // outputs of the group's rows, (tokens, 32)
  float pair[most_tokens_a_pass * group_rows];    // of the second matrix, where two are computed together
};
template <bool prepare> struct GemvRoomOf { RoomActivations input; GemvRoom own; };
template <> struct GemvRoomOf<false> { GemvRoom own; };
