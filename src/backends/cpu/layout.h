// Placement of a program's weights: which kernels read each matrix, and in which layout.
#pragma once
#include <string>

#include "backends/cpu/kernels.h"
#include "backends/cpu/pool.h"
#include "plan/backend.h"

namespace ingot::cpu {

/// A slice of a weight as bytes of the file: rows of `cols` weights, `row_bytes` apart.
struct MatrixView {
  const quant::Format* format = nullptr;
  const u8* data = nullptr;  ///< of the slice's first weight
  int64_t rows = 0, cols = 0;
  uint64_t row_bytes = 0;  ///< those of the whole weight's row
};
MatrixView view_of(const plan::Plan& plan, const plan::Slice& slice);

/// How one matrix is stored and read.
struct Placement {
  const FormatKernels* kernels = nullptr;
  bool resident = false;  ///< packed into row groups; otherwise read from the file
  /// Decoded from the file row by row, each time it is read.
  bool slow() const { return !resident && !kernels->direct; }
  /// Bytes of the rows that one call of a kernel takes, and of the whole matrix, in the resident layout.
  uint64_t call_bytes(const MatrixView& m) const;
  uint64_t resident_bytes(const MatrixView& m) const;
  auto run() const { return resident ? kernels->resident : kernels->from_file; }
};

/// The instruction set called `name`, or the best of this machine for "". Errors: unknown, or not of this machine.
const Isa& find_isa(const std::string& name);
const FormatKernels& kernels_of(const quant::Format& format, const Isa& isa);
Placement place(const quant::Format& format, const Isa& isa, bool repack);
/// The class whose kernels run a format, in words: "u4 affine".
std::string class_name(const FormatKernels& kernels);

/// Packs `matrix` so that the rows of call i of a kernel begin at `to` + i · `stride`; called by all workers of a run,
/// each packs its part.
void pack(const MatrixView& matrix, const FormatKernels& kernels, u8* to, uint64_t stride, Worker& worker);

}  // namespace ingot::cpu
