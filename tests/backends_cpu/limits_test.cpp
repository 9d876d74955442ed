// What the system's files say of memory and cores, read from folders made here, and what becomes of it.
#include "backends/cpu/limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backends/cpu/machine.h"
#include "backends/cpu/program.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

class FakeSystem : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "ingot_system_XXXXXX";
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
    put("/proc/meminfo", "MemTotal:       16000000 kB\nMemAvailableX: 1 kB\nMemAvailable:    8000000 kB\nSwapFree:              0 kB\n");
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
  put("/sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 300000000\ntotal_active_file 100000000\n");
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

TEST(Memory, WhatDoesNotFitIsRefusedWithWhatToDo) {
  plan::Plan plan;
  plan.context = 4096, plan.max_batch = 512;
  plan::Choices choices;
  choices.resident_bytes = 700'000'000, choices.scratch_bytes = 100'000'000, choices.kv_bytes_per_token = 100'000;  // 51 MB for a batch
  EXPECT_NO_THROW(check_memory(plan, choices, {}));
  EXPECT_NO_THROW(check_memory(plan, choices, {.free_memory = 852'000'000}));
  auto said = [&](const Limits& limits) -> std::string {
    try {
      check_memory(plan, choices, limits);
    } catch (const Error& e) {
      EXPECT_EQ(e.room(), "memory");
      return e.what();
    }
    return "nothing";
  };
  EXPECT_NE(said({.free_memory = 850'000'000}).find("700 MB of weights + 100 MB of scratch + 51 MB of keys and values = 851 MB; expected at most 850 MB, what the machine has free; run it from the file (--no-repack)"), std::string::npos)
      << said({.free_memory = 850'000'000});
  EXPECT_NE(said({.free_memory = 850'000'000, .group_memory = 80'000'000}).find("80 MB, what the control group leaves"), std::string::npos);
  choices.resident_bytes = 0;
  EXPECT_EQ(said({.free_memory = 1}).find("--no-repack"), std::string::npos);
}

}  // namespace
}  // namespace ingot::cpu
