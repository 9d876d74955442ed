// Compiles every kernel by which formats are run, as the composer lists them, and reads from the machine code that none
// keeps anything in local memory, no spilled register, no array, but for what is known. Needs NVRTC and no GPU.
//   machine_code_check (every | classes | FORMAT) ARCHITECTURE…     all formats, the first of each class, or one
// Leaves with 77 where there is no NVRTC.
#include <algorithm>
#include <cstdio>

#include "backends/cuda/compiler.h"
#include "backends/cuda/gpu.h"
#include "backends_cuda/cubin.h"
#include "backends/gpu/compose.h"
#include "backends_gpu/plans.h"
#include "ingot/error.h"

namespace ingot::cuda {
namespace {

// What is known to be kept there. 168 registers are all that 384 threads have, and attend_one of heads of 128 elements
// needs six more; with them in local memory it is faster after a long context than what it replaced (decision 0021).
// 512 threads have 128, and gemv_few of 32 tokens needs up to four more; it is twice as fast as gemm (decision 0023).
// Heads of 512 elements have 128 registers of sums in attend_many, of the 255 that there are.
int known_local_bytes(const std::string& kernel) {
  if (kernel.starts_with("gemv_few_32_")) return 16;
  if (kernel == "attend_many_512_half_numbers") return 32;
  return kernel == "attend_one_128_0" ? 24 : 0;
}

// Kernels that keep something in local memory, or whose machine code is missing.
int faults_of(const Compiler& compiler, const quant::Format& format, const std::string& architecture) {
  std::vector<gpu::Entry> entries =
      gpu::entries_of(format, {.copies_overlap = true, .max_gemm_tokens = max_gemm_tokens_of(architecture)});
  gpu::Source source = gpu::compose("cuda", entries);
  std::vector<std::byte> code = compiler.compile(source.text, architecture);
  std::map<std::string, KernelResources> kernels = Cubin(code).kernels();
  int faults = 0, max_registers = 0;
  for (const std::string& name : source.entries) {
    auto found = kernels.find(name);
    if (found == kernels.end() || found->second.registers == 0) {
      std::printf("FAILED: %s: the machine code says nothing of %s\n", architecture.c_str(), name.c_str());
      faults++;
      continue;
    }
    max_registers = std::max(max_registers, found->second.registers);
    if (found->second.local_bytes <= known_local_bytes(name)) continue;
    std::printf("FAILED: %s: %s keeps %d bytes a thread in local memory (%d registers)\n", architecture.c_str(),
                name.c_str(), found->second.local_bytes, found->second.registers);
    faults++;
  }
  std::printf("%-6s %-8s %3zu kernels, at most %3d registers\n", architecture.c_str(), format.name,
              source.entries.size(), max_registers);
  std::fflush(stdout);
  return faults;
}

}  // namespace
}  // namespace ingot::cuda

int main(int argc, char** argv) {
  using namespace ingot;
  if (argc < 3) return std::fprintf(stderr, "machine_code_check (every | classes | FORMAT) ARCHITECTURE…\n"), 2;
  cuda::Compiler compiler(cuda::compiler_names(""));
  if (!compiler.ready()) return std::printf("SKIPPED: %s\n", compiler.missing().c_str()), 77;
  int faults = 0;
  try {
    for (int i = 2; i < argc; i++)
      for (const quant::Format* format : gpu::formats_to_check(argv[1]))
        faults += cuda::faults_of(compiler, *format, argv[i]);
  } catch (const std::exception& e) {
    std::printf("FAILED: %s\n", e.what());
    return 1;
  }
  std::printf("%d of the kernels keep something in local memory\n", faults);
  return faults ? 1 : 0;
}
