// How much of the machine this process may use: what is free, and what control groups (Linux, versions 1 and 2) allow.
#pragma once
#include <cstdint>
#include <string>

namespace ingot::cpu {

struct Limits {
  static constexpr uint64_t unlimited = UINT64_MAX;
  uint64_t free_memory = unlimited;  ///< bytes that can be allocated before the system runs out, swap included
  uint64_t group_memory =
      unlimited;  ///< bytes that the control groups still allow; file caches count as free, as they are reclaimable
  double group_cores = 0;  ///< processor seconds per second that they allow; 0: unlimited
  /// Bytes that this process can still allocate.
  uint64_t memory() const { return free_memory < group_memory ? free_memory : group_memory; }
};

/// Reads the files below `root`/proc and `root`/sys/fs/cgroup. A missing file is no limit.
Limits read_limits(const std::string& root = "");

}  // namespace ingot::cpu
