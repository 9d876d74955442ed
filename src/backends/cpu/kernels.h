// The table of kernels that one instruction set offers: what the units compiled for it share with everyone else. Types
// only. The bodies are generated instances, for each instruction set one translation unit per format
// (instance_format.h) and one for the rest (instance_ops.h), each compiled with its machine's flags. A function here,
// or in a header that they include, would be compiled in all of them, and the linker would keep one of the copies for
// every machine. tests/kernels/symbols_test.py checks this.
#pragma once
#include "quant/encode_form.h"

namespace ingot::cpu {

#include "dialect/integers.h"
#include "gemv/params.h"
#include "norm/params.h"
#include "gate/params.h"
#include "rope/params.h"
#include "attend/params.h"

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

/// Kernels that do not depend on a format.
struct OpKernels {
  /// Multiplies codes of 4 bits in registers alone (multiply_peak.h), `rounds` times, a multiple of 1024; returns the
  /// number of multiply-adds.
  i64 (*multiply)(i64 rounds);
  void (*norm)(const NormParams&);
  /// x (n) into codes (n), scales (n / 32) and sums (n / 16); n is a multiple of 32.
  void (*quantize)(const float* x, int n, i8* codes, float* scales, i16* sums);
  void (*rotate)(const RopeParams&);
  void (*attend)(const AttendParams&);
  void (*attend_merge)(const AttendMergeParams&);
  /// f32 (n) to f16 (n).
  void (*store_halves)(const float* x, int n, u16* to);
  void (*gate_silu)(const GateParams&);
  void (*gate_gelu_tanh)(const GateParams&);
  /// Weights into blocks of the form.
  void (*encode)(const EncodeParams&);
};

struct Isa {
  const char* name;
  bool (*supported)();
  const FormatKernels* const* formats;  ///< in the order of quant::formats()
  const OpKernels* ops;
};

/// Instruction sets of this build, best first. The last one runs anywhere.
struct IsaList {
  const Isa* const* begin;
  int count;
};
IsaList isas();

}  // namespace ingot::cpu
