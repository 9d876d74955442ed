// Runs a launch of a composed kernel on this machine: a fiber a thread, in an order that a seed chooses; warps of 32
// meet at lane operations, groups at barriers. The group's memory is full of NaNs when a group begins. What a GPU would
// pass over is an error here: operations that not all their threads reach at the same place, writes behind the group's
// memory, threads that end without a dependency_wait, and, for texts that are watched (toolchain.h), accesses outside
// of all buffers, accesses before a dependency_wait to what the launch in front may use, and races: two threads at one
// byte, one of them writing, with no barrier between. In device memory barriers do not help: what threads of one launch
// hand each other there is not defined on every GPU.
#pragma once
#include <cstdint>
#include <span>

#include "emulator/services.h"

namespace ingot::emulator {

struct Thread {
  uint32_t group, groups, index;
};

/// Memory that a launch may use.
struct Region {
  const void* at;
  uint64_t bytes;
  bool writable = true;
  bool settled = false;  ///< no launch that has not ended writes what is read there before `dependency_wait`
};

struct Grid {
  void (*entry)(const void* parameters, void* shared, Thread me) = nullptr;
  const void* parameters = nullptr;
  uint32_t groups = 1, threads = 32;  ///< threads: a multiple of 32
  uint32_t shared_bytes = 0;
  uint64_t seed = 0;  ///< 0: threads in their order
  std::span<const Region> regions =
      {};  ///< all that a watched kernel may use besides its parameters and shared memory; empty: not checked
  bool overlaps = false;  ///< it may begin before the launch in front has ended: its threads have to wait for that
};

/// Errors: `ingot::Error` of room "emulator": the first fault.
void execute(const Grid& grid);

/// What the library of a compiled text is given.
const EmulatorServices& services();

}  // namespace ingot::emulator
