// What the operating system says of this machine. The only files of the room that know which system it is: this and region.cpp.
#pragma once
#include <cstdint>
#include <string>

namespace ingot::cpu {

/// Cores that this process may use.
int usable_cores();
std::string processor_name();
uint64_t total_memory();         ///< bytes; 0: not said
int64_t cache_bytes(int level);  ///< of the data cache of level 2 or 3; 0: not said, or none

}  // namespace ingot::cpu
