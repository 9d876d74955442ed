// The matrix kernel for many tokens on a GPU. Its parameters are GemvLaunch (gemv/gpu/launch.h), with inputs as codes in device memory and
// `groups` of a segment counted in runs of gemm_rows. A thread group computes gemm_rows rows of one matrix for N tokens (for gate and
// up: the same rows of both); groups with the same tokens follow each other.
//
// K is not split: a sum runs in the order of gemv/params.h, so outputs are those of the CPU, bit for bit.
#pragma once

enum {
  gemm_rows = 64,                    // two row groups of the resident layout
  gemm_warps = 4,                    // of a thread group: two along the rows, two along the tokens
  step_chunks = 2,                   // chunks of K that lie in the group's memory at once
  line_words = 8 * step_chunks + 4,  // of a row's or token's codes there; the lines of a tile begin in different banks
  turned_words = 36                  // of a token's 32 outputs on their way from a tile to the lanes
};

// A step of K for the group's rows, expanded. Factors by chunk, group and row.
struct StepWeights {
  u32 codes[gemm_rows * line_words];
  float scales[step_chunks * 2 * gemm_rows], subs[step_chunks * 2 * gemm_rows], mins[step_chunks * 2 * gemm_rows];
};
// The same of its tokens' activations, by chunk, group and token.
template <int N> struct StepTokens {
  u32 codes[N * line_words];
  float scales[step_chunks * N];
  float starts[step_chunks * 2 * N];  // what the zero of the weights adds to a sum of products (tile_start)
  float inputs[step_chunks * 2 * N];  // sums of activations
};
// When the sums are done, its first 2 · gemm_warps · 8 · turned_words floats bring outputs from tiles to lanes.
template <int N> struct GemmRoom {
  StepWeights weights;
  StepTokens<N> tokens;
};
