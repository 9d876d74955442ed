// The kernels that one instruction set offers for a format. Types only, as kernels.h says.
#pragma once
#include "quant/integers.h"

namespace ingot::cpu {

#include "gemv/params.h"

/// Policies that may be the fastest on some machine, to be tried where speed matters.
constexpr Prefetch prefetch_policies[] = {{0, false},    {2048, false}, {4096, false},
                                          {8192, false}, {0, true},     {2048, true}};

/// Kernels of one format on one instruction set.
struct FormatKernels {
  const char* format;
  int lane_rows;           ///< rows of a resident row group; 0: no resident layout
  int tile_bytes;          ///< bytes of a row group's tile, one file block long
  int class_bits;          ///< code bits of its class
  const char* class_kind;  ///< "affine", "table", "vector", "float"
  bool reads_codes;        ///< reads int8 activations; otherwise floats
  bool halves;             ///< IEEE half precision, the native format of keys and values
  bool direct;             ///< the machine reads the file's numbers directly: no other layout is needed
  /// One row group: `rows` file rows of `row_bytes` at `from`, `cols` weights each, into cols / block tiles at `to`.
  void (*pack)(const u8* from, i64 row_bytes, int rows, i64 cols, u8* to);
  /// The blocks of one row into row `r` of its row group at `to`; the group's other rows are unchanged.
  void (*pack_one)(const u8* from, i64 cols, int r, u8* to);
  void (*resident)(const GemvParams&);
  void (*from_file)(const GemvParams&);
  /// Decodes one row of `cols` weights.
  void (*decode_row)(const u8* row, i64 cols, float* to);
  /// The reference: one output from a file row and one token's codes (cols) and scales (cols / 32); null for floats.
  float (*plain)(const u8* row, i64 cols, const i8* x, const float* scales);
};

}  // namespace ingot::cpu
