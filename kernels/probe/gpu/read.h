// Every thread reads pieces of 16 bytes, a whole grid apart, several before it uses the first.
#pragma once
#include "probe/gpu/launch.h"

struct probe_read {
  typedef ProbeLaunch Params;
  typedef ProbeShared Shared;
  enum { threads = 256, groups_per_core = 4 };
  fn run(PARAMS(ProbeLaunch) p, SHARED Shared&, Thread me) -> void {
    dependency_wait();
    DEVICE const uint4* from = (DEVICE const uint4*)p.from;
    i64 step = (i64)me.groups * threads;
    u32 all = 0;
    UNROLL(8)
    for (i64 i = (i64)me.group * threads + me.index; i < p.pieces; i += step) {
      uint4 x = from[i];
      all |= x.x | x.y | x.z | x.w;
    }
    if (all == 0xffffffffu) *p.out = all;
  }
};
