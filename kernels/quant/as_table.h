// A vector format whose bytes are few distinct values, seen as a format of kind table: everything of F except its
// codes, which become one index per weight into the list of those values. So codebooks share the resident layout and
// the kernels of tables, for about one more bit per weight of memory. A format opts in by listing its values
// (dialect/contract.h).
#pragma once
#include "quant/decode.h"
#include "quant/facts.h"

// The index of a value in F's ascending list: how many of the other values are at most as large.
template <class F, int c = 1> fn index_of(i8 value) -> u8 {
  if constexpr (c < (int)F::values)
    return (u8)((value >= (i8)F::value(c)) + index_of<F, c + 1>(value));
  else
    return 0;
}

template <class F> struct as_table : F {
  enum {
    kind = table_values,
    code_bits = (int)F::values > 8   ? 4
                : (int)F::values > 4 ? 3
                : (int)F::values > 2 ? 2
                                     : 1
  };
  fn code(view b, int i) { return index_of<F>((i8)integer_of<F>(b, i)); }
  fn value(u32 code) { return code < (u32)F::values ? (int)F::value(code) : 0; }
};

// The format from which F's resident layout is derived.
template <class F, bool listed = has_values<F>::value> struct resident_form {
  typedef F type;
};
template <class F> struct resident_form<F, true> {
  typedef as_table<F> type;
};
