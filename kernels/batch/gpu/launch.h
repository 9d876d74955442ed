// Parameters of the launch that gathers rows on a GPU:  to[i] = from[row of output i].  One thread group per output.
#pragma once
#include "batch/gpu/header.h"

enum { gather_threads = 256 };

struct GatherLaunch {
  DeviceBatch batch;
  DEVICE const float* from;  // (rows, cols)
  DEVICE float* to;          // (outputs, cols)
  i32 cols;
};
struct GatherShared {
  u32 none;
};
