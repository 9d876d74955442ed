// Body of a generated kernel instance: the strategies of gemv with one format in the lane vocabulary that was included before.
#pragma once
#include "gemv/rows_interleaved.h"
#include "gemv/panels.h"
#include "gemv/rows_from_file.h"
#include "gemv/plain.h"
#include "embed/decode_row.h"

template <class F> void pack_row_group(const u8* from, i64 row_bytes, int rows, i64 cols, u8* to) {
  typedef resident<F, lane_rows> L;
  for (i64 b = 0; b < cols / F::block; b++, to += L::tile_bytes) {
    if (rows < lane_rows) __builtin_memset(to, 0, L::tile_bytes);
    for (int r = 0; r < rows; r++) pack_block<F, lane_rows>(view{from + r * row_bytes + b * F::block_bytes}, r, to, lane_codes<F>::flip);
  }
}

// The strategy for a number of tokens: panels for as many as fill their passes, the rest as they come.
template <class F> void resident_rows(const GemvParams& call) {
  GemvParams p = call;
  p.tokens = call.tokens < least_panel_tokens ? 0 : call.tokens / panel_pass * panel_pass;
  if (p.tokens > 0) panels<F>(p);
  p.token += p.tokens, p.y += p.tokens * gemv_max_rows, p.tokens = call.tokens - p.tokens;
  if (p.tokens > 0) rows_interleaved<F>(p);
}

template <class F> void embed_row(const u8* row, i64 cols, float* to) { decode_row<F>(row, cols, to); }

template <class F> float plain(const u8* row, i64 cols, const i8* x, const float* scales) { return gemv_plain<F>(row, cols, x, scales); }

template <class F> constexpr FormatKernels format_kernels(const char* name) {
  FormatKernels k = {};
  k.format = name;
  k.class_bits = F::code_bits;
  k.class_kind = facts<F>::affine ? "affine" : facts<F>::table ? "table" : facts<F>::vector ? "vector" : "float";
  k.reads_codes = facts<F>::integers;
  k.direct = facts<F>::floating && (int)F::block == 1 && !facts<F>::scaled;
  if constexpr (resident<F, lane_rows>::exists) {
    k.lane_rows = lane_rows;
    k.tile_bytes = resident<F, lane_rows>::tile_bytes;
    k.pack = pack_row_group<F>;
    k.resident = resident_rows<F>;
  }
  k.from_file = rows_from_file<F>;
  k.decode_row = embed_row<F>;
  if constexpr (facts<F>::integers) k.plain = plain<F>;
  return k;
}
