// The reader of machine code, on kernels that are known to keep something in local memory and on one that does not.
#include <gtest/gtest.h>

#include "backends/cuda/compiler.h"
#include "backends_cuda/cubin.h"

namespace ingot::cuda {
namespace {

TEST(MachineCode, ShowsSpillsAndArrays) {
  Compiler compiler(compiler_names(""));
  if (!compiler.ready()) GTEST_SKIP() << compiler.missing();
  const char* source = R"(
extern "C" __global__ void fine(float* x) { x[threadIdx.x] *= 2; }
extern "C" __global__ void array(float* x, int n) { float a[16]; for (int i = 0; i < 16; i++) a[i] = x[i]; for (int i = 0; i < 16; i++) a[(i * n) % 16] += 1; x[n] = a[n]; }
extern "C" __global__ void __launch_bounds__(1024) spills(float* x) {
  float a[80];
#pragma unroll
  for (int i = 0; i < 80; i++) a[i] = x[i * 1024 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 80; i++) x[i * 1024 + 1023 - threadIdx.x] = a[i] * a[(i + 40) % 80] + a[(i * 7) % 80];
})";
  for (const char* architecture : {"sm_80", "sm_89", "sm_90"}) {
    std::vector<std::byte> code = compiler.compile(source, architecture);
    std::map<std::string, KernelResources> kernels = Cubin(code).kernels();
    ASSERT_EQ(kernels.size(), 3u);
    EXPECT_EQ(kernels["fine"].local_bytes, 0) << architecture;
    EXPECT_GT(kernels["fine"].registers, 0) << architecture;
    EXPECT_GE(kernels["array"].local_bytes, 64) << architecture;
    EXPECT_GT(kernels["spills"].local_bytes, 0) << architecture;
    EXPECT_EQ(kernels["spills"].registers, 64) << architecture;
  }
}

}  // namespace
}  // namespace ingot::cuda
