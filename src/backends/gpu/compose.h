// From names to a source: dialect, contract, formats and kernels exactly as in their files, and one line per entry
// point. Nothing is rewritten; only names that this build knows, and numbers, reach a source.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "backends/gpu/device.h"
#include "quant/format.h"

namespace ingot::gpu {

/// One entry point: a kernel template with its arguments.
struct Entry {
  const char* kernel;                         ///< "gemv"
  std::vector<std::string> arguments;         ///< numbers, and names of stages
  std::vector<const quant::Format*> formats;  ///< after the numbers
  /// Kernel and arguments: "gemv<1, 1, store_out, …>"
  std::string type() const;
  /// Letters, digits and underscores: "gemv_1_1_store_out_…".
  std::string name() const;
  bool operator==(const Entry&) const = default;
};

/// The source of `entries` in `dialect` (a file of kernels/dialect without its ending). Entry i is called
/// `entries[i].name()`.
Source compose(const std::string& dialect, std::span<const Entry> entries);

}  // namespace ingot::gpu
