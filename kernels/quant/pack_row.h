// One row of a file block into its tile, code by code, in the order that resident.h describes: the reference for
// pack.h, and how a key joins a tile whose other rows are there already. The row's bytes of the tile may hold anything
// before.
#pragma once
#include "quant/facts.h"
#include "quant/resident.h"

template <class F> fn pack_row(view b, int row, int R, u8* tile, u32 flip) -> void {
  typedef resident<F, 1> L;
  auto number = [row](u8* at, u32 bits, int bytes) { __builtin_memcpy(at + row * bytes, &bits, bytes); };
  if constexpr (L::scales > 0)
    for (int g = 0; g < L::scales; g++, tile += R * L::scale_bytes)
      number(tile, scale_of<F>(b, g).bits, L::scale_bytes);
  if constexpr (L::mins > 0)
    for (int g = 0; g < L::mins; g++, tile += R * L::min_bytes) number(tile, min_of<F>(b, g).bits, L::min_bytes);
  for (int g = 0; g < L::subs; g++, tile += R) tile[row] = (u8)sub_of<F>(b, g);
  for (int g = 0; g < L::sub_mins; g++, tile += R) tile[row] = (u8)sub_min_of<F>(b, g);
  for (int first = 0; first < F::block; first += 32)
    for (int left = F::code_bits; left > 0;) {
      int p = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1, per_byte = 8 / p;
      left -= p;
      for (int k = 0; k < 32; k++) {
        u8& to = tile[(k / 4 / per_byte * R + row) * 4 + k % 4];
        u32 part = (F::code(b, first + k) ^ flip) >> left & ((1u << p) - 1);
        to = (u8)((k / 4 % per_byte == 0 ? 0 : to) | part << k / 4 % per_byte * p);
      }
      tile += 4 * R * p;
    }
}
