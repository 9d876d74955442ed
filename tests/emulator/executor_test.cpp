// The executor on kernels made to be right, and to be wrong in one way each.
#include "emulator/executor.h"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <vector>

#include "emulator/toolchain.h"
#include "ingot/error.h"

namespace ingot::emulator {
namespace {

// Kernels in the dialect of one of the targets, behind the words of theirs that they use.
constexpr const char* words = R"(
#define fn static inline __attribute__((always_inline)) auto
typedef unsigned u32;
struct Thread { u32 group, groups, index; };
struct Buffer { float* at; u32 count; };
)";

std::string kernel(const std::string& body) {
  return std::string(words) +
         "struct made { typedef Buffer Params; struct Shared { float of[64]; }; static void run(const Params& p, "
         "Shared& "
         "shared, Thread me) {\n" +
         body + "\n} };\nENTRY(made, made)\n";
}

class Made {
 public:
  explicit Made(const std::string& body, Watch watch = Watch::accesses)
      : library_(compile(Dialect::cuda, kernel(body), watch)) {}
  // What the kernel left in 128 floats; its fault.
  // `overlaps`: with the launch in front, which may write what is not settled.
  std::vector<float> run(uint64_t seed = 0, bool overlaps = false, bool settled = false) {
    alignas(64) std::array<float, 128> memory;
    memory.fill(-1);
    struct {
      float* at;
      unsigned count;
    } p{memory.data(), 128};
    std::array<Region, 2> regions{Region{memory.data(), 128 * 4, true, settled}, Region{&p, sizeof p, false, true}};
    execute({library_->entry("made"), &p, 2, 64, 64 * 4, seed, regions, overlaps});
    return {memory.begin(), memory.end()};
  }
  std::string fault(uint64_t seed = 0, bool overlaps = false, bool settled = false) {
    try {
      run(seed, overlaps, settled);
    } catch (const Error& e) { return e.what(); }
    return "";
  }

 private:
  std::shared_ptr<const Library> library_;
};

class Executor : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string missing = missing_compiler(); !missing.empty()) GTEST_SKIP() << missing;
  }
};

constexpr const char* neighbours =
    "shared.of[me.index] = (float)me.index; __syncthreads(); p.at[me.group * 64 + me.index] = shared.of[me.index ^ "
    "33];";

TEST_F(Executor, ThreadsMeetAtBarriers) {
  for (uint64_t seed : {0, 1, 2, 3}) {
    std::vector<float> got = Made(neighbours).run(seed);
    for (int i = 0; i < 128; i++) EXPECT_EQ(got[i], (i % 64) ^ 33);
  }
}

TEST_F(Executor, LanesReadLanes) {
  std::vector<float> got = Made(
                               "p.at[me.group * 64 + me.index] = __shfl_xor_sync(~0u, (float)me.index, 5) + 100 * "
                               "__shfl_sync(~0u, (float)me.index, me.index / 2 % 32);")
                               .run(7);
  for (int i = 0; i < 64; i++) EXPECT_EQ(got[i], (i ^ 5) + 100 * (i / 32 * 32 + i / 2 % 32));
}

// Meeting after meeting, with nothing between that keeps lanes together.
TEST_F(Executor, LanesSeeWhatAllHandIn) {
  Made made(R"(unsigned sum = 0;
    for (unsigned i = 0; i < 5; i++) {
      unsigned mine[2] = {me.index + i, i * i};
      const unsigned* all = emulator_services->lane_values(mine, 2);
      for (unsigned n = 0; n < 32; n++) sum += all[n * max_lane_values] * (n + 1) + all[n * max_lane_values + 1];
    }
    p.at[me.group * 64 + me.index] = (float)sum;)",
            Watch::nothing);
  for (uint64_t seed : {0, 1, 2, 3}) {
    std::vector<float> got = made.run(seed);
    for (unsigned thread = 0; thread < 128; thread++) {
      unsigned sum = 0;
      for (unsigned i = 0; i < 5; i++)
        for (unsigned n = 0; n < 32; n++) sum += (thread % 64 / 32 * 32 + n + i) * (n + 1) + i * i;
      EXPECT_EQ(got[thread], static_cast<float>(sum)) << seed;
    }
  }
}

TEST_F(Executor, NewGroupMemoryHoldsNaNs) {
  for (float x : Made("p.at[me.group * 64 + me.index] = shared.of[me.index];").run()) EXPECT_TRUE(x != x);
}

TEST_F(Executor, FaultsAreFound) {
  using testing::HasSubstr;
  std::string without(neighbours);
  without.replace(without.find("__syncthreads();"), 16, "");
  for (uint64_t seed : {0, 1, 5}) EXPECT_THAT(Made(without).fault(seed), HasSubstr("race in the group's memory"));
  EXPECT_THAT(
      Made("shared.of[me.index] = 1; __syncwarp(); p.at[me.group * 64 + me.index] = shared.of[me.index ^ 32];").fault(),
      HasSubstr("race in the group's memory"));
  EXPECT_EQ(
      Made("shared.of[me.index] = 1; __syncwarp(); p.at[me.group * 64 + me.index] = shared.of[me.index ^ 16];").fault(),
      "");
  EXPECT_THAT(
      Made("float x = shared.of[5]; p.at[me.group * 64 + me.index] = x; if (me.index == 63) shared.of[5] = 1;").fault(),
      HasSubstr("race in the group's memory"));
  EXPECT_THAT(Made("p.at[me.index] = 1;").fault(), HasSubstr("race in device memory"));
  EXPECT_THAT(Made("if (me.index < 40) __syncthreads();").fault(), HasSubstr("threads part"));
  EXPECT_THAT(Made("float& mine = p.at[me.group * 64 + me.index]; if (me.index % 2) { mine = 2; __syncthreads(); mine "
                   "+= 3; } else { mine = 1; __syncthreads(); mine *= 5; }")
                  .fault(),
              HasSubstr("threads part"));
  EXPECT_THAT(Made("if (me.index != 3) p.at[me.group * 64 + me.index] = __shfl_xor_sync(~0u, 1.0f, 1);").fault(),
              HasSubstr("threads part"));
  EXPECT_THAT(Made("unsigned mine[9] = {}; emulator_services->lane_values(mine, 9);").fault(),
              HasSubstr("too many values"));
  EXPECT_THAT(Made("if (me.index == 3) return; __syncthreads();").fault(), HasSubstr("threads part"));
  EXPECT_THAT(Made("p.at[me.group * 64 + me.index + 1] = 1;").fault(),
              testing::AnyOf(HasSubstr("race in device memory"), HasSubstr("outside of every buffer")));
  EXPECT_THAT(Made("if (me.index == 0 && me.group == 1) p.at[128] = 1;").fault(), HasSubstr("outside of every buffer"));
  EXPECT_THAT(Made("if (me.index == 0 && me.group == 1) shared.of[0] = p.at[128];").fault(),
              HasSubstr("a read outside of every buffer"));
  EXPECT_EQ(
      Made("static const float table[3] = {1, 2, 3}; p.at[me.group * 64 + me.index] = table[me.index % 3];").fault(),
      "");
  EXPECT_THAT(Made("if (me.index == 0) shared.of[64] = 1;").fault(), HasSubstr("outside of the group's memory"));
  EXPECT_THAT(Made("if (me.index == 0) shared.of[64] = 1;", Watch::nothing).fault(),
              HasSubstr("behind the group's memory"));
  EXPECT_THAT(Made("if (me.index == 0) *(float*)(unsigned long)p.count = 1;").fault(), HasSubstr("near null"));
  EXPECT_THAT(Made("p.at[me.group * 64 + me.index] = (float)(1 << (me.index + 1) % 64);", Watch::arithmetic).fault(),
              HasSubstr("shift_out_of_bounds"));
  EXPECT_THAT(
      Made("int x = 0x7fffffff; x += (int)me.index; p.at[me.group * 64 + me.index] = (float)x;", Watch::arithmetic)
          .fault(),
      HasSubstr("add_overflow"));
}

TEST_F(Executor, WhatTheLaunchInFrontMayUseIsLeftAloneUntilItHasEnded) {
  using testing::HasSubstr;
  const std::string own = "float& mine = p.at[me.group * 64 + me.index];";
  Made reads_early(own + "float x = mine; dependency_wait(); mine = x + 1;");
  EXPECT_THAT(reads_early.fault(0, true),
              HasSubstr("a read of what it may write, before the launch in front has ended"));
  EXPECT_EQ(reads_early.fault(0, true, true), "");
  EXPECT_EQ(reads_early.fault(), "");
  EXPECT_THAT(Made(own + "mine = 1; dependency_wait();").fault(0, true, true),
              HasSubstr("a write before the launch in front has ended"));
  EXPECT_EQ(Made(own + "shared.of[me.index] = 1; dependency_wait(); mine += shared.of[me.index];").fault(0, true), "");
  for (Watch watch : {Watch::nothing, Watch::accesses})
    EXPECT_THAT(Made(own + "if (me.index == 7) return; dependency_wait(); mine = 1;", watch).fault(0, true),
                HasSubstr("ends without waiting for the launch in front"));
}

// Threads 0 … 15 of a group copy 4 of its 64 floats each, and double them where they came from.
TEST_F(Executor, CopiesComeWhenTheyAreWaitedFor) {
  using testing::HasSubstr;
  const std::string copy =
                        "if (me.index < 16) copy_four((uint4*)shared.of + me.index, (const unsigned char*)(p.at + "
                        "me.group * 64 + me.index * 4)); close_copies();",
                    twice =
                        "if (me.index < 16) for (u32 i = me.index * 4; i < me.index * 4 + 4; i++) p.at[me.group * 64 + "
                        "i] = shared.of[i] * 2;",
                    look = "if (shared.of[me.index] == 5) p.at[me.index] = 5;";
  for (float x : Made(copy + "await_copies<0>();" + twice).run()) EXPECT_EQ(x, -2);
  for (float x : Made(copy + "await_copies<1>();" + twice + "await_copies<0>();", Watch::nothing).run())
    EXPECT_TRUE(x != x);  // that group may still be on its way
  EXPECT_THAT(Made(copy + "await_copies<0>();" + look).fault(), HasSubstr("race in the group's memory"));
  EXPECT_EQ(Made(copy + "await_copies<0>(); __syncthreads();" + look).fault(), "");
  EXPECT_THAT(Made(copy).fault(), HasSubstr("ends before its copies have come"));
  EXPECT_THAT(Made("copy_four((uint4*)(shared.of + 1), (const unsigned char*)p.at); close_copies(); await_copies<0>();")
                  .fault(),
              HasSubstr("not aligned"));
  EXPECT_THAT(
      Made("if (me.index == 0) copy_four((uint4*)shared.of, (const unsigned char*)(p.at + 128)); close_copies(); "
           "await_copies<0>();")
          .fault(),
      HasSubstr("a read outside of every buffer"));
}

TEST_F(Executor, AFaultLeavesItReadyForTheNextLaunch) {
  Made wrong("if (me.index < 40) __syncthreads();"), right(neighbours);
  EXPECT_NE(wrong.fault(), "");
  EXPECT_EQ(right.fault(), "");
}

TEST_F(Executor, WhatDoesNotCompileSaysWhy) {
  try {
    compile(Dialect::cuda, "int x = ;");
    FAIL();
  } catch (const Error& e) { EXPECT_THAT(e.what(), testing::HasSubstr("expected expression")); }
}

}  // namespace
}  // namespace ingot::emulator
