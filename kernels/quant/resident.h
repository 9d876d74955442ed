// The resident layout, derived from a format's facts: the same codes and scales in the order in which kernels read
// them. Lossless; no code takes more bits than in the file (packed 4- to 7-bit sub-scales grow to a byte), except
// codebooks, which come here as tables (as_table.h).
//
// A matrix is cut into groups of R rows (R: the machine's lane_rows). A row group is a run of tiles along K, one per
// block:
//
//   scales     [scales per block] × R numbers of the format's scale type
//   mins       the same for the minimum
//   subs       [groups] × R signed bytes                         where the format has sub-scales
//   sub_mins   [groups] × R signed bytes
//   codes      [block / 32] chunks; a chunk holds, for each plane of the code bits, 4-byte words interleaved by row
//
// Code bits are cut into planes of 8, 4, 2 and 1 bits (5 = 4 + 1, 6 = 4 + 2, 3 = 2 + 1, …). A quad is 4 consecutive
// weights, a chunk 8 quads. In a plane of p bits the quads q, q+1, … of one row share a 4-byte word, quad q at bit p ·
// (q mod 8/p):
//
//   byte [q / (8/p)][row][k mod 4]  bits  p · (q mod 8/p) …     of the plane,   q = k / 4
//
// so one vector load brings the same 4 weights of R rows, and a shift and a mask bring the next 4.
#pragma once
#include "quant/facts.h"

// Planes of a code: the largest power of two first. `at` is the position of the plane's lowest bit in the code.
template <int bits> struct plane_split {
  enum { first = bits >= 8 ? 8 : bits >= 4 ? 4 : bits >= 2 ? 2 : 1, rest = bits - first };
};

template <class F, int R> struct resident {
  enum {
    exists = facts<F>::affine || facts<F>::table,
    chunks = (int)F::block / 32,
    scales = has_group_scale<F>::value   ? (int)facts<F>::groups
             : has_block_scale<F>::value ? 1
                                         : 0,
    mins = has_group_min<F>::value   ? (int)facts<F>::groups
           : has_block_min<F>::value ? 1
                                     : 0,
    subs = has_sub<F>::value ? (int)facts<F>::groups : 0,
    sub_mins = has_sub_min<F>::value ? (int)facts<F>::groups : 0,
    scale_bytes = decltype(scale_of<F>(view{}, 0))::storage_bytes,
    min_bytes = decltype(min_of<F>(view{}, 0))::storage_bytes,
    // offsets in a tile
    scales_at = 0,
    mins_at = scales_at + scales * scale_bytes * R,
    subs_at = mins_at + mins * min_bytes * R,
    sub_mins_at = subs_at + subs * R,
    codes_at = sub_mins_at + sub_mins * R,
    chunk_bytes = 4 * R * (int)F::code_bits,
    tile_bytes = codes_at + chunks * chunk_bytes
  };
};

// What is xored into 8-bit codes when they are packed for a machine that multiplies signed bytes: then they are signed.
template <class F> struct signed_codes {
  enum { flip = facts<F>::affine && (int)F::code_bits == 8 ? 0x80 : 0 };
};
