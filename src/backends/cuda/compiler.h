// The run-time compiler NVRTC: from a composed source to machine code for one architecture. Loaded at run time, like
// the driver; works without a GPU.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/library.h"

namespace ingot::cuda {

/// How sources are compiled. Products are not contracted: kernels write fma where they mean it, so a sum rounds alike
/// on every target and with every compiler.
std::vector<std::string> compile_options(const std::string& architecture);

/// Names under which to look for the library: as the loader finds it, in `folder` ("": none) and where NVIDIA's Python
/// packages put it below that, and where the toolkit is installed.
std::vector<std::string> compiler_names(const std::string& folder);

class Compiler {
 public:
  /// Opens the first of `names`.
  explicit Compiler(const std::vector<std::string>& names);
  bool ready() const { return missing_.empty(); }
  /// What was not found, and what to do.
  const std::string& missing() const { return missing_; }
  /// "NVRTC 13.0"
  std::string version_text() const;
  /// Machine code (a cubin) of `source` for `architecture` ("sm_90a"). Errors: no compiler; its log.
  std::vector<std::byte> compile(const std::string& source, const std::string& architecture) const;

 private:
  struct ProgramTag;
  using Program = ProgramTag*;
  struct Functions {  // NVRTC's binary interface (NVRTC manual); 0: success
    int (*version)(int* major, int* minor);
    int (*create)(Program* program, const char* source, const char* name, int headers, const char* const* texts,
                  const char* const* names);
    int (*compile)(Program program, int options, const char* const* option);
    int (*log_size)(Program program, size_t* bytes);
    int (*log)(Program program, char* to);
    int (*cubin_size)(Program program, size_t* bytes);
    int (*cubin)(Program program, char* to);
    int (*destroy)(Program* program);
    const char* (*error_text)(int status);
  };
  std::string bind();
  void check(int status, const char* what) const;
  std::string log(Program program) const;

  Library library_;
  Functions call_ = {};
  int major_ = 0, minor_ = 0;
  std::string missing_;
};

}  // namespace ingot::cuda
