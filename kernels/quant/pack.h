// From file blocks to the resident layout (resident.h), derived from a format's accessors. 32 blocks at a time, one per
// lane: their bytes are interleaved first, so that byte o of all of them is one vector. An accessor called with a
// constant index is then a few vector operations, whatever the format, and its results are almost in the order of a
// tile. (Block by block, constant indices vectorize only for formats whose file order suits the compiler.)
#pragma once
#include "quant/as_table.h"
#include "quant/facts.h"
#include "quant/resident.h"

constexpr int pack_lanes = 32;

typedef u8 lane_bytes __attribute__((vector_size(16)));

// Interleaves the bytes of n vectors: byte l of from[i] becomes byte n · l + i of all. Each of log2(n) rounds
// interleaves one half with the other.
template <int n, int rounds> fn interleave(const lane_bytes* from, lane_bytes* to) -> void {
  lane_bytes v[n];
  for (int i = 0; i < n / 2; i++) {
    v[2 * i] =
        __builtin_shufflevector(from[i], from[i + n / 2], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    v[2 * i + 1] =
        __builtin_shufflevector(from[i], from[i + n / 2], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  if constexpr (rounds > 1)
    interleave<n, rounds - 1>(v, to);
  else
    for (int i = 0; i < n; i++) to[i] = v[i];
}

// Bytes at … at+15 of each block.
fn interleave_sixteen(const u8* const* blocks, int at, u8* to) {
  for (int lane = 0; lane < pack_lanes; lane += 16) {
    lane_bytes v[16];
    for (int l = 0; l < 16; l++) __builtin_memcpy(&v[l], blocks[lane + l] + at, 16);
    interleave<16, 4>(v, v);
    for (int o = 0; o < 16; o++) __builtin_memcpy(to + pack_lanes * (at + o) + lane, &v[o], 16);
  }
}
// Byte o of block l to to[32 · o + l], for blocks of n bytes. The last sixteen overlap those before: no block is read
// past its end.
template <int n> static __attribute__((noinline)) void interleave_blocks(const u8* const* blocks, u8* to) {
  if constexpr (n < 16) {
    for (int o = 0; o < n; o++)
      for (int l = 0; l < pack_lanes; l++) to[pack_lanes * o + l] = blocks[l][o];
  } else {
    for (int o = 0; o < n - 16; o += 16) interleave_sixteen(blocks, o, to);
    interleave_sixteen(blocks, n - 16, to);
  }
}

// Codes i … end−1 of interleaved blocks: the first of lane l to codes[l], the next to codes[32 + l], …
template <class F, int i, int end> fn codes_of(const u8* __restrict bytes, u8* __restrict codes) -> void {
  if constexpr (i < end) {
    for (int l = 0; l < pack_lanes; l++) codes[l] = (u8)F::code(view{bytes + l, pack_lanes}, i);
    codes_of<F, i + 1, end>(bytes, codes + pack_lanes);
  }
}
// A chunk of codes, from interleaved bytes.
template <class F, int first> struct chunk_codes {
  static __attribute__((noinline)) void read(const u8* __restrict bytes, u8* __restrict codes) {
    codes_of<F, first, first + 32>(bytes, codes);
  }
};
// Of a codebook: runs of eight values are looked up lane by lane, then interleaved like blocks, then turned into
// indices.
template <class F, int first> struct chunk_codes<as_table<F>, first> {
  template <int j> fn expand_run(const u8* __restrict bytes, u64 (*__restrict runs)[4]) {
    u32 codes[pack_lanes];
    for (int l = 0; l < pack_lanes; l++) codes[l] = F::code(view{bytes + l, pack_lanes}, first / 8 + j);
    for (int l = 0; l < pack_lanes; l++) runs[l][j] = F::expand(codes[l]);
  }
  static __attribute__((noinline)) void read(const u8* __restrict bytes, u8* __restrict codes) {
    u64 runs[pack_lanes][4];
    expand_run<0>(bytes, runs), expand_run<1>(bytes, runs), expand_run<2>(bytes, runs), expand_run<3>(bytes, runs);
    const u8* values[pack_lanes];
    for (int l = 0; l < pack_lanes; l++) values[l] = (const u8*)runs[l];
    interleave_blocks<32>(values, codes);
    for (int i = 0; i < 32 * pack_lanes; i++) codes[i] = index_of<F>((i8)codes[i]);
  }
};

// The planes of a chunk of codes, to offset `at` of every tile. A word of a plane holds 8 / p quads.
template <int bits, int R, int flip> fn pack_planes(const u8* codes, u8* const* tiles, int at) -> void {
  constexpr int p = plane_split<bits>::first, low = plane_split<bits>::rest, quads = 8 / p, quad_bytes = 4 * pack_lanes;
  for (int w = 0; w < p; w++) {
    u8 plane[quad_bytes];
    for (int k = 0; k < quad_bytes; k++) {
      u32 put = 0;
      for (int q = 0; q < quads; q++)
        put |= ((u32)(codes[quad_bytes * (w * quads + q) + k] ^ flip) >> low & ((1u << p) - 1)) << p * q;
      plane[k] = (u8)put;
    }
    for (int lane = 0; lane < pack_lanes; lane += 16) {
      lane_bytes v[4];
      for (int k = 0; k < 4; k++) __builtin_memcpy(&v[k], plane + pack_lanes * k + lane, 16);
      interleave<4, 2>(v, v);
      constexpr int run = R < 16 ? R : 16;
      for (int r = lane; r < lane + 16; r += run)
        __builtin_memcpy(tiles[r / R] + at + (w * R + r % R) * 4, v + (r - lane) / 4, run * 4);
    }
  }
  if constexpr (low > 0) pack_planes<low, R, flip>(codes, tiles, at + 4 * R * p);
}
template <int bits, int R, int flip>
static __attribute__((noinline)) void pack_chunk(const u8* codes, u8* const* tiles, int at) {
  pack_planes<bits, R, flip>(codes, tiles, at);
}
template <class F, int R, int flip, int chunk> fn pack_chunks(const u8* bytes, u8* const* tiles) -> void {
  typedef resident<F, R> L;
  if constexpr (chunk < L::chunks) {
    u8 codes[32 * pack_lanes];
    chunk_codes<F, 32 * chunk>::read(bytes, codes);
    pack_chunk<F::code_bits, R, flip>(codes, tiles, L::codes_at + chunk * L::chunk_bytes);
    pack_chunks<F, R, flip, chunk + 1>(bytes, tiles);
  }
}

template <class Number> fn store_number(Number n, u8* to) { __builtin_memcpy(to, &n.bits, Number::storage_bytes); }

// Everything except the codes of one tile, group by group.
template <class F, int R, int g> fn pack_scales(const u8* __restrict bytes, u8* __restrict tile) -> void {
  typedef resident<F, R> L;
  if constexpr (g < facts<F>::groups) {
    for (int r = 0; r < R; r++) {
      view b{bytes + r, pack_lanes};
      if constexpr (g < L::scales) store_number(scale_of<F>(b, g), tile + L::scales_at + (g * R + r) * L::scale_bytes);
      if constexpr (g < L::mins) store_number(min_of<F>(b, g), tile + L::mins_at + (g * R + r) * L::min_bytes);
      if constexpr (g < L::subs) tile[L::subs_at + g * R + r] = (u8)sub_of<F>(b, g);
      if constexpr (g < L::sub_mins) tile[L::sub_mins_at + g * R + r] = (u8)sub_min_of<F>(b, g);
    }
    pack_scales<F, R, g + 1>(bytes, tile);
  }
}

// 32 file blocks into 32 / R tiles: lane l is row l mod R of tile l / R. `flip`: xored into 8-bit codes, so that a
// machine that multiplies signed bytes needs no correction.
template <class F, int R, int flip> fn pack_tiles(const u8* const* blocks, u8* const* tiles) {
  static_assert(pack_lanes % R == 0 && (flip == 0 || F::code_bits == 8));
  u8 bytes[F::block_bytes * pack_lanes];
  interleave_blocks<F::block_bytes>(blocks, bytes);
  for (int t = 0; t < pack_lanes / R; t++) pack_scales<F, R, 0>(bytes + t * R, tiles[t]);
  pack_chunks<F, R, flip, 0>(bytes, tiles);
}

// A row group of R rows, of which `rows` exist: missing rows are packed from zero bytes; tiles past the last block are
// made and dropped.
template <class F, int R, int flip>
static void pack_row_group(const u8* from, i64 row_bytes, int rows, i64 cols, u8* to) {
  enum { tile_bytes = resident<F, R>::tile_bytes, step = pack_lanes / R };
  static const u8 no_block[F::block_bytes] = {};
  u8 no_tile[tile_bytes];
  for (i64 b = 0; b < cols / F::block; b += step) {
    const u8* blocks[pack_lanes];
    u8* tiles[step];
    for (int t = 0; t < step; t++) {
      bool there = b + t < cols / F::block;
      tiles[t] = there ? to + (b + t) * tile_bytes : no_tile;
      for (int r = 0; r < R; r++)
        blocks[t * R + r] = there && r < rows ? from + r * row_bytes + (b + t) * F::block_bytes : no_block;
    }
    pack_tiles<F, R, flip>(blocks, tiles);
  }
}
