// What the operating system reports about this machine. Of this room, only these files and region.cpp depend on the
// operating system.
#pragma once
#include <cstdint>
#include <string>

#include "backends/cpu/limits.h"

namespace ingot::cpu {

/// Threads that this process can keep busy: the cores that it may run on, and no more than control groups allow
/// processor time for.
int usable_cores();
/// The same for so many cores under `limits`.
int threads_within(int cores, const Limits& limits);
std::string processor_name();
uint64_t total_memory();         ///< bytes; 0: unknown
int64_t cache_bytes(int level);  ///< of the data cache of level 2 or 3; 0: unknown, or none

}  // namespace ingot::cpu
