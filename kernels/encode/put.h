// A block's bytes from its fields.
#pragma once
#include "encode/params.h"

static inline void put_block(const EncodeForm& f, const u32* __restrict fields, u8* __restrict to) {
  int zeroed = 0;
  for (; zeroed + 16 <= f.block_bytes; zeroed += 16) __builtin_memset(to + zeroed, 0, 16);
  for (; zeroed < f.block_bytes; zeroed++) to[zeroed] = 0;
  for (int p = 0; p < f.pieces; p++) {
    const EncodePiece piece = f.piece[p];
    const u32 *from = fields + piece.field, *zeros = f.zero_fields + piece.field;
    u8* at = to + piece.byte;
    int k = 0;
    for (; k + 16 <= piece.count; k += 16)  // at once
      for (int j = k; j < k + 16; j++) at[j] |= (u8)(((from[j] ^ zeros[j]) >> piece.from & piece.mask) << piece.shift);
    for (; k < piece.count; k++) at[k] |= (u8)(((from[k] ^ zeros[k]) >> piece.from & piece.mask) << piece.shift);
  }
  for (int d = 0; d < f.digits; d++) {
    const EncodeDigits& digit = f.digit[d];
    int at = 0;
    for (int k = 0; k < digit.count; k++) at = at * digit.base + (int)fields[digit.fields[k]];
    to[digit.byte] = digit.bytes[at];
  }
}
