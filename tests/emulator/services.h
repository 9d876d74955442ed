// What a kernel that runs on this machine asks of whoever runs it (executor.h): the words of the dialect that need other threads. Included
// by the shims in front of composed texts, so it is plain C++14 without a library. The loader of a compiled text sets `emulator_services`.
#pragma once

struct EmulatorServices {
  void (*group_barrier)();
  void (*warp_barrier)();
  unsigned (*lane_exchange)(unsigned value, unsigned mask);
  unsigned (*lane_value)(unsigned value, unsigned lane);
  unsigned (*lane)();
  // Of texts that were compiled to be watched (toolchain.h): every access to memory, and arithmetic that means nothing.
  void (*access)(const void* at, unsigned long bytes, int writes);
  void (*fault)(const char* what);
};
