// A double of NVRTC: the run-time compiler's names (NVRTC manual) over the emulator's toolchain. What it calls machine
// code is a shared library of this machine, for the doubled driver (cuda_driver.cpp).
#include <cstring>
#include <string>
#include <vector>

#include "emulator/toolchain.h"
#include "ingot/error.h"

namespace {
enum Status { success = 0, invalid_input = 3, compilation = 6 };
struct Program {
  std::string text, log;
  std::vector<std::byte> code;
};
}  // namespace

extern "C" {

int nvrtcVersion(int* major, int* minor) {
  *major = 13, *minor = 0;
  return success;
}

int nvrtcCreateProgram(Program** program, const char* source, const char*, int headers, const char* const*,
                       const char* const*) {
  if (headers != 0) return invalid_input;
  *program = new Program{source, "", {}};
  return success;
}

int nvrtcCompileProgram(Program* program, int, const char* const*) {
  try {
    program->code = ingot::emulator::compile_to_bytes(ingot::emulator::Dialect::cuda, program->text);
  } catch (const ingot::Error& e) {
    program->log = e.what();
    return compilation;
  }
  return success;
}

int nvrtcGetProgramLogSize(Program* program, size_t* bytes) {
  *bytes = program->log.size() + 1;
  return success;
}

int nvrtcGetProgramLog(Program* program, char* to) {
  std::memcpy(to, program->log.c_str(), program->log.size() + 1);
  return success;
}

int nvrtcGetCUBINSize(Program* program, size_t* bytes) {
  *bytes = program->code.size();
  return success;
}

int nvrtcGetCUBIN(Program* program, char* to) {
  std::memcpy(to, program->code.data(), program->code.size());
  return success;
}

int nvrtcDestroyProgram(Program** program) {
  delete *program;
  *program = nullptr;
  return success;
}

const char* nvrtcGetErrorString(int status) {
  return status == compilation     ? "NVRTC_ERROR_COMPILATION"
         : status == invalid_input ? "NVRTC_ERROR_INVALID_INPUT"
                                   : "NVRTC_SUCCESS";
}
}
