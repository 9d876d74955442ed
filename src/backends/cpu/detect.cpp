#include "backends/cpu/detect.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && !defined(__APPLE__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace ingot::cpu {

namespace {

struct Extension {
  std::string_view name;
  int word, bit;
  uint64_t saved = 0;  // bits of the last word: registers that the operating system has to save
};

#if defined(__x86_64__)

// Words: ecx of cpuid leaf 1, ebx and ecx of leaf 7, and XCR0 (Intel SDM, volume 1, 13.3 and 14.3; volume 2, CPUID).
enum { leaf1_c, leaf7_b, leaf7_c, xcr0 };
constexpr uint64_t ymm = 0x06, zmm = 0xe6;
constexpr Extension extensions[] = {
    {"sse3", leaf1_c, 0},           {"ssse3", leaf1_c, 9},          {"sse4.1", leaf1_c, 19},
    {"sse4.2", leaf1_c, 20},        {"popcnt", leaf1_c, 23},        {"xsave", leaf1_c, 27},
    {"avx", leaf1_c, 28, ymm},      {"fma", leaf1_c, 12, ymm},      {"f16c", leaf1_c, 29, ymm},
    {"avx2", leaf7_b, 5, ymm},      {"avx512f", leaf7_b, 16, zmm},  {"avx512dq", leaf7_b, 17, zmm},
    {"avx512bw", leaf7_b, 30, zmm}, {"avx512vl", leaf7_b, 31, zmm}, {"avx512vnni", leaf7_c, 11, zmm},
};

Machine ask() {
  Machine m = {};
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return m;
  m.words[leaf1_c] = c;
  if (c >> 27 & 1) {  // the operating system has enabled xgetbv
    asm("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    m.words[xcr0] = uint64_t(d) << 32 | a;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) m.words[leaf7_b] = b, m.words[leaf7_c] = c;
  return m;
}

#elif defined(__aarch64__)

enum { hwcaps };
#if defined(__APPLE__)
constexpr Extension extensions[] = {{"dotprod", hwcaps, 0}, {"fp16", hwcaps, 0}};
Machine ask() { return {{1}}; }  // all of Apple's have both
#else
constexpr Extension extensions[] = {{"dotprod", hwcaps, std::countr_zero(unsigned(HWCAP_ASIMDDP))},
                                    {"fp16", hwcaps, std::countr_zero(unsigned(HWCAP_ASIMDHP))}};
Machine ask() { return {{getauxval(AT_HWCAP)}}; }
#endif

#else

constexpr std::span<const Extension> extensions;
Machine ask() { return {}; }

#endif

}  // namespace

const Machine& this_machine() {
  static const Machine machine = ask();
  return machine;
}

bool has(const Machine& machine, std::span<const std::string_view> names) {
  return std::ranges::all_of(names, [&](std::string_view name) {
    auto found = std::ranges::find(extensions, name, &Extension::name);
    return found != std::ranges::end(extensions) && machine.words[found->word] >> found->bit & 1 &&
           (machine.words[3] & found->saved) == found->saved;
  });
}

bool has(const Machine& machine, std::initializer_list<std::string_view> names) {
  return has(machine, std::span(names.begin(), names.size()));
}

}  // namespace ingot::cpu
