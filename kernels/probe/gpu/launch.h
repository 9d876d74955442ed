// How fast a device reads: what a launch that reads a run of memory once is given.
#pragma once

struct ProbeLaunch {
  DEVICE const u32* from;  // 4 · pieces words
  DEVICE u32*
      out;  // one word, written when all of `from` cancels out to a value that it never has: reads cannot be left out
  i64 pieces;  // of 16 bytes
};
struct ProbeShared {
  u32 none;
};
