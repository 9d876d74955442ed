#include "backend/cuda/compiler.h"

#include <fmt/format.h>

#include "backend/cuda/library.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

struct ProgramTag;
using Program = ProgramTag*;

struct Compiler {
  int (*version)(int* major, int* minor);
  int (*create)(Program* program, const char* source, const char* name, int headers, const char* const* texts, const char* const* names);
  int (*compile)(Program program, int options, const char* const* option);
  int (*log_size)(Program program, size_t* bytes);
  int (*log)(Program program, char* to);
  int (*cubin_size)(Program program, size_t* bytes);
  int (*cubin)(Program program, char* to);
  int (*destroy)(Program* program);
  const char* (*error_text)(int status);
  bool ready = false;
  CompilerFacts facts;
};

Compiler find_compiler() {
  static const Library library({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"});
  Compiler c = {};
  if (!library.is_open()) return c;
  c.ready = library.find("nvrtcVersion", c.version) & library.find("nvrtcCreateProgram", c.create) & library.find("nvrtcCompileProgram", c.compile) & library.find("nvrtcGetProgramLogSize", c.log_size) &
            library.find("nvrtcGetProgramLog", c.log) & library.find("nvrtcGetCUBINSize", c.cubin_size) & library.find("nvrtcGetCUBIN", c.cubin) & library.find("nvrtcDestroyProgram", c.destroy) &
            library.find("nvrtcGetErrorString", c.error_text);
  if (!c.ready) return c;
  c.facts.library = library.name();
  c.version(&c.facts.major, &c.facts.minor);
  return c;
}

const Compiler& compiler() {
  static const Compiler c = find_compiler();
  return c;
}

}  // namespace

CompilerFacts compiler_facts() { return compiler().facts; }

std::vector<std::byte> compile(const std::string& source, const std::string& architecture) {
  const Compiler& c = compiler();
  if (!c.ready) throw Error("cuda", "the run-time compiler NVRTC is not installed", "", "libnvrtc.so", "install the CUDA toolkit, or the Python package nvidia-cuda-nvrtc and add its lib folder to the loader's path");
  auto check = [&](int status, const char* what) {
    if (status) throw Error("cuda", what, c.error_text(status));
  };
  Program program = nullptr;
  check(c.create(&program, source.c_str(), "ingot_kernels.cu", 0, nullptr, nullptr), "the compiler takes no source");
  struct Owner {
    const Compiler& c;
    Program program;
    ~Owner() { c.destroy(&program); }
  } owner{c, program};
  std::string architecture_option = "--gpu-architecture=" + architecture;
  const char* options[] = {architecture_option.c_str(), "--std=c++17", "--fmad=false", "--device-as-default-execution-space"};
  int status = c.compile(program, static_cast<int>(std::size(options)), options);
  if (status) {
    size_t bytes = 0;
    c.log_size(program, &bytes);
    std::string log(bytes, '\0');
    if (bytes) c.log(program, log.data());
    constexpr size_t most = 4000;
    throw Error("cuda", "kernels do not compile for " + architecture, log.substr(0, most).c_str(), "", "please report this with the output of ingot doctor");
  }
  size_t bytes = 0;
  check(c.cubin_size(program, &bytes), "the compiler gives no machine code");
  std::vector<std::byte> cubin(bytes);
  check(c.cubin(program, reinterpret_cast<char*>(cubin.data())), "the compiler gives no machine code");
  return cubin;
}

}  // namespace ingot::cuda
