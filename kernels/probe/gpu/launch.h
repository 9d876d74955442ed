// How fast a device reads: parameters of a launch that reads a range of memory once.
#pragma once

struct ProbeLaunch {
  DEVICE const u32* from;  // 4 · pieces words
  DEVICE u32* out;         // one word, written only if all bits of `from` are ones: keeps compilers from dropping reads
  i64 pieces;              // of 16 bytes
};
struct ProbeShared {
  u32 none;
};
