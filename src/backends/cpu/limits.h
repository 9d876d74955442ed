// How much of the machine this process may use: what is free, and what control groups (Linux, versions 1 and 2) leave
// of it.
#pragma once
#include <cstdint>
#include <string>

namespace ingot::cpu {

struct Limits {
  static constexpr uint64_t unlimited = UINT64_MAX;
  uint64_t free_memory = unlimited;  ///< bytes that can be taken before the system has nothing left, swap included
  uint64_t group_memory =
      unlimited;  ///< bytes that the control groups still allow; caches of files count as free, as they give way
  double group_cores = 0;  ///< processor time a second that they allow; 0: all there is
  /// Bytes that this process can still take.
  uint64_t memory() const { return free_memory < group_memory ? free_memory : group_memory; }
};

/// Reads the files below `root`/proc and `root`/sys/fs/cgroup. What is not there limits nothing.
Limits read_limits(const std::string& root = "");

}  // namespace ingot::cpu
