// The tables of kernels that one instruction set offers: what the units compiled for it share with everyone else. Types
// only. The bodies are generated instances, for each instruction set one translation unit per format
// (instance_format.h) and one for the rest (instance_ops.h), each compiled with its machine's flags. A function here,
// or in a header that they include, would be compiled in all of them, and the linker would keep one of the copies for
// every machine. tests/kernels/symbols_test.py checks this.
#pragma once
#include "backends/cpu/format_kernels.h"
#include "backends/cpu/op_kernels.h"

namespace ingot::cpu {

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
