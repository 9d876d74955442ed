// The matrix kernel for many tokens on a GPU. Its parameters are GemvLaunch (gemv/gpu/launch.h), with inputs as codes
// in device memory. A thread group computes 64 rows for some tokens: two halves of a row group (32 rows) each, adjacent
// in one matrix, or, for gate and up, the same rows of both. `groups` of a segment counts thread groups' rows: runs of
// gemm_rows, for gate and up of half as many. Groups with the same rows follow each other, so that weights are read
// from memory about once.
//
// A thread group takes one run of K after another (gemv/runs.h): each has its sum, which is added to that of those
// before. So that both are registers, four warps have at most 64 tokens, and more tokens have more warps, which share
// the expanded weights.
#pragma once
#include "gemv/runs.h"

enum {
  gemm_rows = 64,  // of a thread group
  unit_warps = 4,  // that use the matrix unit together, 16 rows each
  transposed_words =
      68  // of a token's 64 outputs on their way from the matrix unit's lanes to rows in lanes; 16 of them more than a
          // run of banks
};

// How a group of N tokens walks along K: in steps of some chunks. `ahead`: copies overlap with what else a group does
// (copies_overlap). `halves`: a format has two sums per chunk, which take the registers of other tokens.
template <int N, bool ahead, bool halves> struct gemm_shape {
  enum {
    tokens = N,
    unit_tokens = N < 64   ? N
                  : halves ? 32
                           : 64,      // of four warps
    piece = N < 32 ? N : 32,          // of them whose sums of a chunk are kept as integers at once
    step = N != 64 && ahead ? 4 : 2,  // chunks of K
    slots = !ahead || N == 128 ? 2
            : N < 64           ? 6
                               : 3,  // steps whose tokens and weights are there or on their way
    groups_per_core = N == 16   ? 3
                      : N == 32 ? 2
                                : 256 / N / (halves ? 2 : 1)
  };
};

// Weights of a step, expanded: a panel of 64 lines for each chunk (dialect/cpp_tile.h), and factors by chunk, group and
// row.
template <class Shape> struct StepWeights {
  u32 codes[(int)Shape::step * (int)gemm_rows * 8];
  float scales[(int)Shape::step * 2 * (int)gemm_rows], subs[(int)Shape::step * 2 * (int)gemm_rows],
      mins[(int)Shape::step * 2 * (int)gemm_rows];
};
// What a step has of its tokens besides codes, by chunk, group and token: sums of activations, or the sums of their
// codes.
template <class Shape> struct StepTokens {
  float scales[Shape::step * Shape::tokens];
  u32 sums[Shape::step * 2 * Shape::tokens];
};
// The group's shared memory; after it come tiles of weights in the order of arrival (gemm_tiles_bytes), where copies
// are asynchronous. When the sums are done, its first tokens · transposed_words floats transpose the outputs.
template <class Shape> struct GemmShared {
  copy_gate gates[(Shape::slots + 1) / 2 * 2];  // of the steps whose tokens and weights have arrived or are in flight
  u32 codes[Shape::slots * Shape::step * Shape::tokens * 8];  // one panel per chunk
  StepTokens<Shape> tokens[2];
  StepWeights<Shape> weights[2];
};

// Tiles are copied in runs of whole steps and whole tiles.
fn gemm_run_chunks(int step, int tile_chunks) -> int {
  return step % tile_chunks == 0 ? step : tile_chunks % step == 0 ? tile_chunks : step * tile_chunks;
}
// Runs that have arrived or are in flight, so that a step's weights are requested as early as its tokens.
fn gemm_runs(int step, int slots, int tile_chunks) -> int {
  return (slots - 1 + gemm_run_chunks(step, tile_chunks) / step - 1) / (gemm_run_chunks(step, tile_chunks) / step) + 1;
}
// Bytes of the tiles of both halves.
fn gemm_tiles_bytes(int step, int slots, int tile_chunks, int tile_bytes) -> int {
  return 2 * gemm_runs(step, slots, tile_chunks) * (gemm_run_chunks(step, tile_chunks) / tile_chunks) * tile_bytes;
}

// The matrix kernel for passes of up to 32 tokens on tensor cores (few.h), a thread group per core. A group's shared
// memory: this; the input, where it is kept; a ring of weights for each warp, and of the input where it is not kept.
enum {
  few_warps = (int)max_runs,  // each takes a run
  few_tile_tokens = 8,        // whose sums of runs are handed over together
  few_line = 36,              // floats of a token's 32 sums of a run; 4 of them more than there are banks
  few_max_tokens = 32,
  few_ring_bytes = 11520,      // of a warp, with the input
  few_kept_ring_bytes = 7040,  // without
  few_pair_bytes = 88          // of two chunks of a token: codes, scales, sums of 16 codes
};
struct GemvFewShared {
  float sums[2][(int)few_warps * (int)few_tile_tokens * (int)few_line];  // (run, token, row)
  float values[(int)few_max_tokens * 32];                                // of gate's rows, (token, row)
};
fn few_kept_bytes(int cols, int tokens) -> int { return (cols / 32 + 1) / 2 * tokens * few_pair_bytes; }
