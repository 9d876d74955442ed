// Which instruction sets this machine can run. The compiler's built-in detection also asks the operating system whether it
// saves the wide registers.
#include "backend/cpu/detect.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && !defined(__APPLE__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace ingot::cpu {

bool supports_portable() { return true; }

#if defined(__x86_64__)
namespace {
// The built-in detection of clang 14 does not know this one; what it takes of the operating system is what AVX2 takes.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
}  // namespace

bool supports_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c(); }
bool supports_avx512() {
  return supports_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#elif defined(__APPLE__)
bool supports_neon() { return true; }  // Apple's have had all of it from the first on
#elif defined(__aarch64__)
bool supports_neon() {
  unsigned long caps = getauxval(AT_HWCAP);
  return (caps & HWCAP_ASIMDDP) && (caps & HWCAP_ASIMDHP);
}
#endif

}  // namespace ingot::cpu
