#include "backends/cpu/machine.h"

#include <algorithm>
#include <thread>

#include "base/checked.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#else
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <fstream>
#endif

namespace ingot::cpu {

// Whole cores' worth of time: with one thread more all of them would be throttled again and again, and wait for each
// other.
int threads_within(int cores, const Limits& limits) {
  if (limits.group_cores > 0) cores = static_cast<int>(std::min(double(cores), limits.group_cores));
  return std::max(1, cores);
}

#if defined(__APPLE__)

namespace {

// A number by its name; 0 where there is none of that name.
int64_t number(const char* name) {
  int64_t value = 0;
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

int usable_cores() { return std::max(1u, std::thread::hardware_concurrency()); }

std::string processor_name() {
  char name[256] = {};
  size_t bytes = sizeof name - 1;
  return sysctlbyname("machdep.cpu.brand_string", name, &bytes, nullptr, 0) == 0 ? name : "processor";
}

uint64_t total_memory() { return static_cast<uint64_t>(number("hw.memsize")); }

// The fast cores' where there are two kinds.
int64_t cache_bytes(int level) {
  if (level == 3) return number("hw.l3cachesize");
  int64_t fast = number("hw.perflevel0.l2cachesize");
  return fast > 0 ? fast : number("hw.l2cachesize");
}

#else

// The mask reflects taskset and cpusets.
int usable_cores() {
  cpu_set_t set;
  const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                                : static_cast<int>(std::thread::hardware_concurrency());
  return threads_within(cores, read_limits());
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "processor";
}

uint64_t total_memory() {
  struct sysinfo info;
  return sysinfo(&info) == 0 ? capped_product(info.totalram, info.mem_unit) : 0;
}

int64_t cache_bytes(int level) {
  return std::max<int64_t>(0, sysconf(level == 3 ? _SC_LEVEL3_CACHE_SIZE : _SC_LEVEL2_CACHE_SIZE));
}

#endif

}  // namespace ingot::cpu
