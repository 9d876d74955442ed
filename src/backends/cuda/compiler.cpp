#include "backends/cuda/compiler.h"

#include <fmt/core.h>

#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr const char* advice = "install the CUDA toolkit or the Python package nvidia-cuda-nvrtc";
constexpr int invalid_option = 5;
constexpr size_t max_log = 4000;  // the first errors; the rest are consequences

}  // namespace

std::vector<std::string> compile_options(const std::string& architecture) {
  return {"--gpu-architecture=" + architecture, "--std=c++17", "--fmad=false"};
}

std::vector<std::string> compiler_names(const std::string& folder) {
  std::vector<std::string> folders = {""}, names;
  if (!folder.empty())
    folders.insert(folders.end(), {folder + "/", folder + "/nvidia/cu13/lib/", folder + "/nvidia/cuda_nvrtc/lib/"});
  folders.push_back("/usr/local/cuda/lib64/");
  for (const std::string& f : folders)
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) names.push_back(f + name);
  return names;
}

Compiler::Compiler(const std::vector<std::string>& names) : library_(names) {
  if (!library_.is_open())
    missing_ = fmt::format("the run-time compiler NVRTC is not installed ({}); {}", library_.refusal(), advice);
  else if (std::string lacking = bind(); !lacking.empty())
    missing_ = fmt::format("{} has no {}; {}", library_.name(), lacking, advice);
  else
    call_.version(&major_, &minor_);
}

// The first function that the library lacks, "" if it has all.
std::string Compiler::bind() {
  std::string lacking;
  auto bind = [&](const char* symbol, auto*& function) {
    if (!library_.find(symbol, function) && lacking.empty()) lacking = symbol;
  };
  bind("nvrtcVersion", call_.version);
  bind("nvrtcCreateProgram", call_.create);
  bind("nvrtcCompileProgram", call_.compile);
  bind("nvrtcGetProgramLogSize", call_.log_size);
  bind("nvrtcGetProgramLog", call_.log);
  bind("nvrtcGetCUBINSize", call_.cubin_size);
  bind("nvrtcGetCUBIN", call_.cubin);
  bind("nvrtcDestroyProgram", call_.destroy);
  bind("nvrtcGetErrorString", call_.error_text);
  return lacking;
}

std::string Compiler::version_text() const { return fmt::format("NVRTC {}.{}", major_, minor_); }

void Compiler::check(int status, const char* what) const {
  if (status) throw Error("cuda", what, call_.error_text(status));
}

std::string Compiler::log(Program program) const {
  size_t bytes = 0;
  if (call_.log_size(program, &bytes) || bytes <= 1) return "no log";
  std::string text(bytes, '\0');
  if (call_.log(program, text.data())) return "no log";
  return text.substr(0, std::min(bytes - 1, max_log));  // it ends in a zero
}

std::vector<std::byte> Compiler::compile(const std::string& source, const std::string& architecture) const {
  if (!ready()) throw Error("cuda", "kernels cannot be compiled", "", "", missing_);
  struct Owner {
    const Functions& call;
    Program program = nullptr;
    ~Owner() {
      if (program) call.destroy(&program);
    }
  } owner{call_};
  check(call_.create(&owner.program, source.c_str(), "kernels.cu", 0, nullptr, nullptr), "nvrtcCreateProgram failed");
  std::vector<std::string> options = compile_options(architecture);
  std::vector<const char*> texts;
  for (const std::string& option : options) texts.push_back(option.c_str());
  if (int status = call_.compile(owner.program, narrow<int>(texts.size()), texts.data()))
    throw Error("cuda",
                fmt::format("kernels do not compile for {}: {} of {}: {}", architecture, call_.error_text(status),
                            version_text(), log(owner.program)),
                "", "",
                status == invalid_option ? "install an NVRTC that knows this GPU"
                                         : "please report this with the output of ingot doctor");
  size_t bytes = 0;
  check(call_.cubin_size(owner.program, &bytes), "cannot get machine code from NVRTC");
  std::vector<std::byte> cubin(bytes);
  check(call_.cubin(owner.program, reinterpret_cast<char*>(cubin.data())), "cannot get machine code from NVRTC");
  return cubin;
}

}  // namespace ingot::cuda
