#include <cstring>

#include "emulator/kernels.h"

namespace ingot::emulator {

void* Regions::add(size_t bytes) {
  constexpr size_t alignment = 256;
  void* at = memory_.emplace_back(source(bytes + alignment)).get();
  void* from = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(at) + alignment - 1) / alignment * alignment);
  std::memset(at, 0xff, bytes + alignment);
  regions_.push_back({from, bytes});
  return from;
}

}  // namespace ingot::emulator
