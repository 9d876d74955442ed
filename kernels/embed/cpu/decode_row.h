// One row of a matrix as floats: the embedding of a token, or what is about to be encoded again. Weight by weight, from
// the file layout; numbers that the machine reads as they are, sixteen at a time.
#pragma once
#include "quant/decode.h"

// `row`: the row's blocks; `cols`: weights in it, a multiple of the block; `to`: (cols)
template <class F> fn decode_row(const u8* row, i64 cols, float* to) -> void {
  i64 b = 0;
  if constexpr (facts<F>::floating && (int)F::block == 1 && !facts<F>::scaled)
    for (; b + 16 <= cols; b += 16)
      store_f32x16(to + b, load_f32x16(decltype(F::value(view{}, 0)){}, row + b * F::block_bytes));
  for (; b < cols / F::block; b++)
    for (int i = 0; i < F::block; i++) to[b * F::block + i] = decode<F>(view{row + b * F::block_bytes}, i);
}
