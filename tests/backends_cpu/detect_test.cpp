// Which kernels machines get that are not here: what they answer is stated, with one thing after another taken away.
#include "backends/cpu/detect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/cpu/kernels.h"

namespace ingot::cpu {
namespace {

#if defined(__x86_64__)

// cpuid leaf 1 ecx, leaf 7 ebx and ecx, XCR0
constexpr Machine skylake_server = {{0x7ffefbff, 0xd19ffffb, 0x00000008, 0xe7}};
constexpr Machine cascade_lake = {{0x7ffefbff, 0xd19ffffb, 0x00000808, 0xe7}};
constexpr Machine haswell = {{0x7ffafbff, 0x000027ab, 0, 0x07}};
constexpr Machine nehalem = {{0x009ce3bd, 0, 0, 0}};

const std::vector<std::string_view> avx2 = {"avx2", "fma", "f16c"},
                                    avx512 = {"avx512f",    "avx512bw", "avx512dq", "avx512vl",
                                              "avx512vnni", "avx2",     "fma",      "f16c"};

TEST(Detect, MachinesGetWhatTheyRun) {
  EXPECT_TRUE(has(cascade_lake, avx512));
  EXPECT_TRUE(has(cascade_lake, avx2));
  EXPECT_FALSE(has(skylake_server, avx512)) << "it has no VNNI";
  EXPECT_TRUE(has(skylake_server, avx2));
  EXPECT_FALSE(has(haswell, avx512));
  EXPECT_TRUE(has(haswell, avx2));
  EXPECT_FALSE(has(nehalem, avx2));
  EXPECT_TRUE(has(nehalem, {"sse4.2", "popcnt"}));
  EXPECT_TRUE(has(nehalem, {}));
}

TEST(Detect, RegistersMustBeSaved) {
  Machine m = cascade_lake;
  m.words[3] = 0x07;  // an operating system, or a hypervisor, that keeps the wide registers to itself
  EXPECT_FALSE(has(m, avx512));
  EXPECT_TRUE(has(m, avx2));
  m.words[3] = 0x03;
  EXPECT_FALSE(has(m, avx2));
  EXPECT_FALSE(has(m, {"avx"}));
  EXPECT_TRUE(has(m, {"sse4.2"}));
}

TEST(Detect, EveryExtensionCounts) {
  for (std::string_view left_out : avx512) {
    bool found = false;
    for (int word = 0; word < 3; word++)
      for (int bit = 0; bit < 32; bit++) {
        Machine m = cascade_lake;
        m.words[word] &= ~(uint64_t(1) << bit);
        if (has(m, {left_out})) continue;
        EXPECT_FALSE(has(m, avx512)) << left_out;
        found = true;
      }
    EXPECT_TRUE(found) << left_out << " is not asked for";
  }
}

#endif

TEST(Detect, NobodyHasWhatIsNotKnown) { EXPECT_FALSE(has(this_machine(), {"avx9000"})); }

TEST(Detect, ABetterSetIsListedBeforeTheOneThatRunsAnywhere) {
  ASSERT_GT(isas().count, 0);
  for (int i = 0; i < isas().count; i++) {
    std::string name = isas().begin[i]->name;
    EXPECT_TRUE(name != "portable" || (i == isas().count - 1 && isas().begin[i]->supported()));
  }
}

}  // namespace
}  // namespace ingot::cpu
