// Body of a generated descriptor: one format's tiles.
#pragma once
#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack.h"

template <class F> constexpr FormatTiles tiles_of() {
  typedef typename resident_form<F>::type Form;
  FormatTiles t = {Form::code_bits,
                   facts<Form>::affine   ? "affine"
                   : facts<Form>::table  ? "table"
                   : facts<Form>::vector ? "vector"
                                         : "float",
                   0, nullptr};
  if constexpr (resident<Form, 32>::exists) {
    t.tile_bytes = resident<Form, 32>::tile_bytes;
    t.pack = pack_row_group<Form, 32, signed_codes<Form>::flip>;
  }
  return t;
}
