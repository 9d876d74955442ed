// First stage of one token's projection on a GPU: a group makes or copies the input's codes into its shared memory,
// chunk after chunk as rows_past_input.h reads them. Cheaper than a launch of its own.
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/stages.h"

// Four values per lane, eight lanes per chunk; the codes are those that quantize_chunk makes of one value per lane.
fn keep_chunk(float4 x, SHARED u32* chunk, bool there, u32 lane) -> void {
  float values[4] = {x.x, x.y, x.z, x.w};
  i32 max_bits = 0, codes[4],
      sum = 0;  // bits of magnitudes are ordered like the numbers; NaN and infinities come after all numbers
  for (int i = 0; i < 4; i++) {
    i32 size = (i32)(bits_of(values[i]) & 0x7fffffffu);
    max_bits = size > max_bits ? size : max_bits;
  }
  for (u32 mask = 1; mask < 8; mask *= 2) {
    i32 other = lane_exchange(max_bits, mask);
    max_bits = other > max_bits ? other : max_bits;
  }
  bool non_finite = max_bits >= 0x7f800000;
  float max_abs = float_of((u32)max_bits);
  bool none = non_finite || max_abs < 1e-30f;
  u32 word = 0;
  for (int i = 0; i < 4; i++) {
    codes[i] = none ? 0 : (i32)rint(values[i] * (127.0f / max_abs));
    sum += codes[i], word |= ((u32)codes[i] & 0xffu) << 8 * i;
  }
  for (u32 mask = 1; mask < 4; mask *= 2) sum += lane_exchange(sum, mask);
  if (!there) return;
  chunk[lane % 8] = word;
  if (lane % 8 == 0) chunk[8] = non_finite ? 0x7fc00000u : none ? 0u : bits_of(max_abs / 127.0f);
  if (lane % 4 == 0) chunk[9 + lane % 8 / 4] = (u32)sum;
}

// Norm-in and quantize-in but for 1 / rms, whose squares are left for the end, taken as keep_squares takes them.
fn keep_normed(DEVICE const float* x, DEVICE const float* norm, int cols, SHARED GemvOneShared& shared, SHARED u32* to,
               Thread me) -> void {
  enum { at_once = 2, chunks_per_warp = 4 };
  int chunks = cols / 32;
  float squares = 0;
  UNROLL(1)
  for (int first = (int)me.warp() * chunks_per_warp; first < chunks;
       first += one_token_warps * chunks_per_warp * at_once) {
    float4 v[at_once], w[at_once];
    UNROLL(2)
    for (int i = 0; i < at_once; i++) {
      int c = first + i * one_token_warps * chunks_per_warp + (int)me.lane() / 8, there = c < chunks ? c : chunks - 1;
      v[i] = ((DEVICE const float4*)x)[8 * there + (int)me.lane() % 8];
      if (norm) w[i] = ((DEVICE const float4*)norm)[8 * there + (int)me.lane() % 8];
    }
    UNROLL(2)
    for (int i = 0; i < at_once; i++) {
      int c = first + i * one_token_warps * chunks_per_warp + (int)me.lane() / 8;
      if (c < chunks)
        squares = fma(v[i].w, v[i].w, fma(v[i].z, v[i].z, fma(v[i].y, v[i].y, fma(v[i].x, v[i].x, squares))));
      if (norm) v[i].x *= w[i].x, v[i].y *= w[i].y, v[i].z *= w[i].z, v[i].w *= w[i].w;
      keep_chunk(v[i], to + (c < chunks ? c : 0) * kept_chunk_words, c < chunks, me.lane());
    }
  }
  squares = lane_sum(squares);
  if (me.lane() == 0) shared.squares[me.warp()] = squares;
}

fn keep_codes(PARAMS(DeviceActivations) from, int cols, SHARED u32* to, Thread me) -> void {
  DEVICE const uint4* codes = (DEVICE const uint4*)from.codes;
  for (int c = (int)me.index; c < cols / 32; c += one_token_warps * warp_lanes) {
    SHARED uint4* chunk = (SHARED uint4*)(to + c * kept_chunk_words);
    uint4 rest;
    int2 sums = ((DEVICE const int2*)from.sums)[c];
    rest.x = bits_of(from.scales[c]), rest.y = (u32)sums.x, rest.z = (u32)sums.y, rest.w = 0;
    chunk[0] = codes[2 * c], chunk[1] = codes[2 * c + 1], chunk[2] = rest;
  }
}
