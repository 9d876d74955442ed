// What the system's files say of memory and cores, read from folders made here, and what becomes of it.
#include "backends/cpu/limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backends/cpu/machine.h"
#include "backends/cpu/memory.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

class FakeSystem : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "ingot_system_XXXXXX";
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
    put("/proc/meminfo",
        "MemTotal:       16000000 kB\nMemAvailableX: 1 kB\nMemAvailable:    8000000 kB\nSwapFree:              0 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  Limits limits() const { return read_limits(root_); }
  std::string root_;
};

constexpr uint64_t available = uint64_t{8000000} * 1024;

TEST_F(FakeSystem, WithoutControlGroups) {
  EXPECT_EQ(limits().memory(), available);
  EXPECT_EQ(limits().group_memory, Limits::unlimited);
  EXPECT_EQ(limits().group_cores, 0);
  put("/proc/meminfo", "MemAvailable:    8000000 kB\nSwapFree:        1000 kB\n");
  EXPECT_EQ(limits().memory(), available + 1000 * 1024);
  std::filesystem::remove_all(root_ + "/proc");
  EXPECT_EQ(limits().memory(), Limits::unlimited);
}

TEST_F(FakeSystem, Version2) {
  put("/proc/self/cgroup", "0::/a/b\n");
  put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  put("/sys/fs/cgroup/a/b/memory.current", "1000\n");
  put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(limits().memory(), available);
  EXPECT_EQ(limits().group_cores, 0);
  put("/sys/fs/cgroup/a/memory.max", "5000000000\n");  // of the group around it
  put("/sys/fs/cgroup/a/memory.current", "2000000000\n");
  put("/sys/fs/cgroup/a/memory.stat", "anon 500000000\ninactive_file 1000000000\nactive_file 500000000\n");
  put("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(limits().memory(), 4500000000u);
  EXPECT_EQ(limits().group_cores, 2.5);
  put("/sys/fs/cgroup/a/b/memory.max", "80000000\n");
  put("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(limits().memory(), 80000000u - 1000);
  EXPECT_EQ(limits().group_cores, 0.5);
  put("/sys/fs/cgroup/a/b/memory.current", "90000000\n");  // more than the limit
  EXPECT_EQ(limits().memory(), 0u);
}

TEST_F(FakeSystem, InAContainerThatSeesItsOwnGroupOnly) {
  put("/proc/self/cgroup", "0::/docker/0123\n");
  put("/sys/fs/cgroup/memory.max", "3000000000\n");
  put("/sys/fs/cgroup/memory.current", "1000000000\n");
  put("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(limits().memory(), 2000000000u);
  EXPECT_EQ(limits().group_cores, 4);
}

TEST_F(FakeSystem, Version1) {
  put("/proc/self/cgroup", "9:cpuset:/\n4:cpu,cpuacct:/job\n2:memory:/job\n1:name=systemd:/x\n0::/x\n");
  put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000000\n");
  put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "900000000\n");
  put("/sys/fs/cgroup/memory/job/memory.stat",
      "inactive_file 1\ntotal_inactive_file 300000000\ntotal_active_file 100000000\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "900000000\n");
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limits().memory(), 500000000u);
  EXPECT_EQ(limits().group_cores, 1.5);
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(limits().group_cores, 0);
}

TEST_F(FakeSystem, NonsenseLimitsNothing) {
  for (const char* text : {"", "\n", "x", "0::", "::::", "0::relative", "4:cpu:"}) {
    put("/proc/self/cgroup", text);
    put("/sys/fs/cgroup/memory.max", "lots\n");
    put("/sys/fs/cgroup/cpu.max", "100000");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "99999999999999999999\n");
    EXPECT_EQ(limits().memory(), available) << text;
    EXPECT_EQ(limits().group_cores, 0) << text;
  }
}

TEST(Threads, NoMoreThanThereIsTimeFor) {
  auto within = [](int cores, double group) { return threads_within(cores, {.group_cores = group}); };
  EXPECT_EQ(within(16, 0), 16);
  EXPECT_EQ(within(16, 0.5), 1);
  EXPECT_EQ(within(16, 1.5), 1);
  EXPECT_EQ(within(16, 4), 4);
  EXPECT_EQ(within(16, 4.9), 4);
  EXPECT_EQ(within(2, 1e300), 2);
  EXPECT_EQ(within(0, 0), 1);
}

// 4,096 positions in 64 pages of 800 kB: 51.2 MB for one sequence.
struct Fit {
  plan::Plan plan;
  plan::Choices choices;
  Fit() {
    plan.limits.context = 4096, plan.limits.max_rows = 512;
    choices.resident_bytes = 700'000'000, choices.scratch_bytes = 100'000'000, choices.page_bytes = 800'000;
  }
  PageRange pages(const Limits& limits) const { return pages_within(plan, choices, limits); }
  std::string refused(const Limits& limits) const {
    try {
      pages(limits);
    } catch (const Error& e) {
      EXPECT_EQ(e.room(), "memory");
      return e.what();
    }
    return "nothing";
  }
};

TEST(Memory, WhatDoesNotFitIsRefusedWithWhatToDo) {
  Fit fit;
  auto says = [&](const Limits& limits, const std::string& said) {
    EXPECT_NE(fit.refused(limits).find(said), std::string::npos) << fit.refused(limits);
  };
  EXPECT_NO_THROW(fit.pages({.free_memory = 852'000'000}));
  says({.free_memory = 850'000'000},
       "700 MB of weights + 100 MB of scratch + 51 MB of keys and values = 851 MB; expected at most 850 MB, what the "
       "machine has free; "
       "run it from the file (--no-repack)");
  says({.free_memory = 850'000'000, .group_memory = 80'000'000}, "80 MB, what the control group leaves");
  fit.plan.limits.state_bytes = 200'000'000;
  says({.free_memory = 900'000'000}, "200 MB of keys and values = 1000 MB");
  fit.plan.limits.state_bytes = 51'000'000;
  says({.free_memory = 900'000'000},
       "one sequence exceed the memory for them; got 51 MB; expected at least 51 MB, for 4096");
  fit.plan.limits.state_bytes = 0, fit.choices.resident_bytes = 0;
  EXPECT_EQ(fit.refused({.free_memory = 1}).find("--no-repack"), std::string::npos);
}

TEST(Memory, PagesTakeWhatIsLeftButTheHeadroom) {
  Fit fit;
  EXPECT_EQ(fit.pages({.free_memory = 852'000'000}).min, 64);
  EXPECT_EQ(fit.pages({.free_memory = 852'000'000}).max, 64) << "one sequence, at the cost of the headroom";
  EXPECT_EQ(fit.pages({.free_memory = 1'856'000'000}).max, 1000) << "256 MB are left";
  EXPECT_EQ(fit.pages({.free_memory = 8'000'000'000}).max, 7750) << "an eighth is left";
  fit.plan.limits.state_bytes = 80'000'000;
  EXPECT_EQ(fit.pages({.free_memory = 8'000'000'000}).max, 100);
  EXPECT_EQ(fit.pages({}).max, 100);
  fit.plan.limits.state_bytes = 0, fit.choices.page_bytes = 0;
  EXPECT_EQ(fit.pages({}).max, 64) << "a plan without states";
}

}  // namespace
}  // namespace ingot::cpu
