// Body of a generated kernel instance: the strategies of gemv with one format in the lane vocabulary that was included
// before it, all inside the unnamed namespace of the instruction set.
#pragma once
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack.h"
#include "backends/cpu/lanes/part.h"
#include "gemv/chunk.h"
#include "gemv/cpu/rows_interleaved.h"
#include "gemv/cpu/panel_products.h"
#include "gemv/cpu/panel_pairs.h"
#include "gemv/cpu/panels.h"
#include "gemv/cpu/rows_from_file.h"
#include "gemv/plain.h"
#include "embed/cpu/decode_row.h"
#include "quant/pack_row.h"

template <class F> static void pack_one_row(const u8* from, i64 cols, int r, u8* to) {
  for (i64 b = 0; b < cols / F::block; b++)
    pack_row<F>(view{from + b * F::block_bytes}, r, lane_rows, to + b * resident<F, lane_rows>::tile_bytes,
                lane_codes<F>::flip);
}

// The strategy for a number of tokens: panels for as many as fill their passes, other kernels for the rest.
template <class F> static void resident_rows(const GemvParams& call) {
  GemvParams p = call;
  p.tokens = call.tokens < min_panel_tokens ? 0 : call.tokens / panel_pass * panel_pass;
  if (p.tokens > 0) panels<F>(p);
  p.token += p.tokens, p.y += p.tokens * gemv_max_rows, p.tokens = call.tokens - p.tokens;
  if (p.tokens > 0) rows_interleaved<F>(p);
}

template <class Number> static constexpr bool is_half(Number) { return false; }
static constexpr bool is_half(Float16) { return true; }

template <class F> static constexpr FormatKernels format_kernels(const char* name) {
  typedef typename resident_form<F>::type Form;
  FormatKernels k = {};
  k.format = name;
  k.class_bits = Form::code_bits;
  k.class_kind = facts<Form>::affine   ? "affine"
                 : facts<Form>::table  ? "table"
                 : facts<Form>::vector ? "vector"
                                       : "float";
  k.reads_codes = facts<F>::integers;
  if constexpr (facts<F>::floating && (int)F::block == 1 && !facts<F>::scaled)
    k.halves = is_half(decltype(F::value(view{}, 0)){});
  k.direct = facts<F>::floating && (int)F::block == 1 && !facts<F>::scaled;
  if constexpr (resident<Form, lane_rows>::exists) {
    k.lane_rows = lane_rows;
    k.tile_bytes = resident<Form, lane_rows>::tile_bytes;
    k.pack = pack_row_group<Form, lane_rows, lane_codes<Form>::flip>;
    k.pack_one = pack_one_row<Form>;
    k.resident = resident_rows<Form>;
  }
  k.from_file = rows_from_file<F>;
  k.decode_row = decode_row<F>;
  if constexpr (facts<F>::integers) k.plain = gemv_plain<F>;
  return k;
}
