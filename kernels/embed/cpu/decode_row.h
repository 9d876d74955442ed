// One row of a matrix as floats: the embedding of a token. Weight by weight, from the file layout.
#pragma once
#include "quant/decode.h"

// `row`: the row's blocks; `cols`: weights in it, a multiple of the block; `to`: (cols)
template <class F> fn decode_row(const u8* row, i64 cols, float* to) -> void {
  for (i64 b = 0; b < cols / F::block; b++)
    for (int i = 0; i < F::block; i++) to[b * F::block + i] = decode<F>(view{row + b * F::block_bytes}, i);
}
