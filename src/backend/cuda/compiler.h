// The run-time compiler NVRTC: from a composed source to machine code for one architecture. Found at run time, as the driver is.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace ingot::cuda {

/// What of the compiler is there.
struct CompilerFacts {
  std::string library;     ///< "": none was found
  int major = 0, minor = 0;
};
CompilerFacts compiler_facts();

/// Machine code (a cubin) of `source` for `architecture` ("sm_90"). Products are not contracted: kernels say fma where they mean it, so
/// that sums are the same on every target. Errors: no compiler; the compiler's log.
std::vector<std::byte> compile(const std::string& source, const std::string& architecture);

}  // namespace ingot::cuda
