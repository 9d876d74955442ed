// What a kernel that runs on this machine asks of whoever runs it (executor.h): the words of the dialect that need
// other threads. Included by the shims in front of composed texts, so it is plain C++14 without a library. The loader
// of a compiled text sets `emulator_services`.
#pragma once

enum { max_lane_values = 8 };  // that a lane hands in at once
// In front of functions of the shims that read what lanes handed in: it is memory of the executor's, and no race.
#define UNWATCHED_READS __attribute__((disable_sanitizer_instrumentation))

struct EmulatorServices {
  void (*group_barrier)();
  void (*warp_barrier)();
  unsigned (*lane_exchange)(unsigned value, unsigned mask);
  unsigned (*lane_value)(unsigned value, unsigned lane);
  // Every lane hands in `count` values and sees those of all: lane n's begin at n * max_lane_values. They stay there
  // until the lane asks for others.
  const unsigned* (*lane_values)(const unsigned* mine, unsigned count);
  unsigned (*lane)();
  // Of texts that were compiled to be watched (toolchain.h): every access to memory, and arithmetic that means nothing.
  void (*access)(const void* at, unsigned long bytes, int writes);
  void (*fault)(const char* what);
  void (*dependency_wait)();
  // Of 16 bytes that come later: at the latest when the thread has waited for all but as many groups as were closed
  // behind theirs.
  void (*copy_four)(void* to, const void* from);
  void (*close_copies)();
  void (*await_copies)(unsigned but);
};
