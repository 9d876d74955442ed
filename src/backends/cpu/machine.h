// What the operating system says of this machine. The only files of the room that know which system it is: this and
// region.cpp.
#pragma once
#include <cstdint>
#include <string>

#include "backends/cpu/limits.h"

namespace ingot::cpu {

/// Threads that this process can keep busy: the cores that it may run on, and no more than control groups allow it
/// processor time for.
int usable_cores();
/// The same of so many cores under `limits`.
int threads_within(int cores, const Limits& limits);
std::string processor_name();
uint64_t total_memory();         ///< bytes; 0: not said
int64_t cache_bytes(int level);  ///< of the data cache of level 2 or 3; 0: not said, or none

}  // namespace ingot::cpu
