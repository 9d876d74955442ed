// Rows of the resident layout with 32 rows a tile (resident.h), on GPUs: what a thread reads of a row, and, for the
// formats of encode.h, how a warp writes a row and a thread decodes it. How the products of a matrix read tiles is
// gemv/gpu/rows_split.h.
#pragma once
#include "quant/facts.h"
#include "quant/resident.h"

// The codes of a chunk as stored in memory: one word per bit of a code.
template <int bits> struct chunk_words {
  u32 word[bits];
};
// The codes of quad q: from each plane the bits of that quad, shifted to their position in the code (quad_codes, from
// registers).
template <int bits, int q, int first, int all> fn quad_of(THREAD const chunk_words<all>& w) {
  constexpr int p = plane_split<bits>::first, at = plane_split<bits>::rest;
  constexpr int per_byte = 8 / p, from = p * (q % per_byte);
  bytes codes = shift_and_mask<from - at>(w.word[first + q / per_byte], (u32)((1 << p) - 1) << at);
  if constexpr (at > 0)
    return merge(codes, quad_of<at, q, first + p, all>(w));
  else
    return codes;
}

// ---- the row's numbers: affine codes under one scale per block, without a minimum

fn nearest_bits(Float32, float x) -> u32 { return bits_of(x); }
fn nearest_bits(Float16, float x) -> u32 { return nearest_half(x); }
fn nearest_bits(BFloat16, float x) -> u32 {
  u32 b = bits_of(x);
  return x != x ? b >> 16 | 0x40u : (b + 0x7fffu + (b >> 16 & 1u)) >> 16;
}
fn store_bits(Float32, DEVICE u8* to, u32 bits) -> void { *(DEVICE u32*)to = bits; }
template <class Number> fn store_bits(Number, DEVICE u8* to, u32 bits) -> void { *(DEVICE u16*)to = (u16)bits; }

template <class F> struct coded_rows {
  static_assert(facts<F>::affine && has_block_scale<F>::value && !has_sub<F>::value && !facts<F>::min,
                "rows are encoded by a scale alone");
  typedef resident<F, lane_rows> L;
  typedef decltype(scale_of<F>(view{}, 0)) Number;
  enum {
    bits = (int)F::code_bits,
    flip = signed_codes<F>::flip,
    above = (1 << (int)F::code_bits) - 1 - (int)F::zero,
    side = (int)F::zero < (int)above ? (int)F::zero : (int)above
  };

  // 32 elements of a row.
  struct Chunk {
    chunk_words<bits> codes;
    float scale;
  };
  // `tile`: the block's; `chunk`: which of the block.
  fn read(BYTES tile, int row, int chunk) -> Chunk {
    Chunk x;
    BYTES from = tile + L::codes_at + chunk * L::chunk_bytes + 4 * row;
    UNROLL(8)
    for (int w = 0; w < bits; w++) x.codes.word[w] = *(DEVICE const u32*)(from + w * 4 * lane_rows);
    x.scale = load_number(Number{}, tile + row * L::scale_bytes) * unit_of<F>();
    return x;
  }
  fn zeros() -> Chunk {
    Chunk x;
    UNROLL(8)
    for (int w = 0; w < bits; w++) x.codes.word[w] = 0;
    x.scale = 0;
    return x;
  }

  // Element k of four, as the nearest half: the matrix unit takes nothing wider. Codes of rows that are not there are
  // multiplied by 0.
  fn half_at(bytes four, int k, float scale) -> u32 {
    u32 code = four >> 8 * k & 255u;
    int value = flip ? (int)(i8)code - ((int)F::zero - 128) : (int)code - (int)F::zero;
    return nearest_half(scale * (float)value);
  }
  fn pair_at(bytes four, int k, float scale) -> u32 {
    return half_at(four, k, scale) | half_at(four, k + 1, scale) << 16;
  }
  // All 32 as halves.
  template <int q = 0> fn leave(THREAD const Chunk& x, SHARED u16* to) -> void {
    if constexpr (q < 8) {
      bytes first = quad_of<bits, q, 0, bits>(x.codes), second = quad_of<bits, q + 1, 0, bits>(x.codes);
      uint4 eight;
      eight.x = pair_at(first, 0, x.scale), eight.y = pair_at(first, 2, x.scale);
      eight.z = pair_at(second, 0, x.scale), eight.w = pair_at(second, 2, x.scale);
      *(SHARED uint4*)(to + 4 * q) = eight;
      leave<q + 2>(x, to);
    }
  }

  // A warp's 32 codes, of each lane one, into the planes of a chunk: the lanes whose codes share a word add their bits.
  template <int left, int first> fn put_planes(u32 code, DEVICE u32* words, u32 lane) -> void {
    constexpr int p = plane_split<left>::first, low = plane_split<left>::rest, per_word = 32 / p;
    u32 word = (code >> low & ((1u << p) - 1)) << (8 * (lane % 4) + p * (lane / 4 % (8 / p)));
    for (u32 mask = 1; mask < per_word; mask *= 2) word = word + (u32)lane_exchange((i32)word, mask);
    if (lane % per_word == 0) words[(first + (int)lane / per_word) * lane_rows] = word;
    if constexpr (low > 0) put_planes<low, first + p>(code, words, lane);
  }
  // A warp encodes a block, by the rule of encode.h: the largest magnitude becomes the largest code on its smaller
  // side. `x`: pointer to its elements. What is not finite makes the scale so.
  template <class From> fn write(From x, DEVICE u8* tile, int row, u32 lane) -> void {
    float of[L::chunks], max_abs = 0, sum = 0;
    UNROLL(8)
    for (int c = 0; c < L::chunks; c++) {
      of[c] = x[32 * c + (int)lane];
      float size = of[c] < 0 ? -of[c] : of[c];
      max_abs = size > max_abs ? size : max_abs, sum += of[c] * 0.0f;
    }
    max_abs = lane_max(max_abs), sum = lane_sum(sum);
    u32 scale_bits = nearest_bits(Number{}, sum == 0.0f ? max_abs / ((float)side * unit_of<F>()) : sum);
    float scale = (float)Number{scale_bits} * unit_of<F>(), inverse = scale > 0 ? 1.0f / scale : 0.0f;
    if (lane == 0) store_bits(Number{}, tile + row * L::scale_bytes, scale_bits);
    UNROLL(8)
    for (int c = 0; c < L::chunks; c++) {
      float code = rint(of[c] * inverse), lowest = -(float)(int)F::zero, highest = (float)(int)above;
      code = code < lowest ? lowest : code > highest ? highest : code == code ? code : 0.0f;
      put_planes<bits, 0>((u32)((int)code + (int)F::zero) ^ (u32)flip,
                          (DEVICE u32*)(tile + L::codes_at + c * L::chunk_bytes) + row, lane);
    }
  }
};
