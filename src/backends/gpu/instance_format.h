// Body of a generated descriptor: one format's tiles.
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack.h"

template <class Number> constexpr bool is_half(Number) { return false; }
constexpr bool is_half(Float16) { return true; }

template <class F> constexpr FormatTiles tiles_of() {
  typedef typename resident_form<F>::type Form;
  FormatTiles t = {Form::code_bits,
                   facts<Form>::affine   ? "affine"
                   : facts<Form>::table  ? "table"
                   : facts<Form>::vector ? "vector"
                                         : "float",
                   0,
                   0,
                   false,
                   nullptr};
  if constexpr (resident<Form, 32>::exists) {
    typedef resident<Form, 32> L;
    t.tile_bytes = L::tile_bytes;
    if (L::scales == 1 && L::codes_at == L::scale_bytes * 32) t.scale_bytes = L::scale_bytes;
    t.pack = pack_row_group<Form, 32, signed_codes<Form>::flip>;
  }
  if constexpr (facts<F>::floating && (int)F::block == 1 && !facts<F>::scaled)
    t.halves = is_half(decltype(F::value(view{}, 0)){});
  return t;
}
