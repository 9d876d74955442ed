// Copies the rows whose logits are wanted next to each other, as the matrix kernels read their inputs.
#pragma once
#include "batch/gpu/launch.h"
#include "batch/gpu/pages.h"

struct gather_rows {
  typedef GatherLaunch Params;
  typedef GatherShared Shared;
  enum { threads = gather_threads, groups_per_core = 4 };

  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    if ((int)me.group >= p.batch.header->outputs) return;
    DEVICE const float* from = p.from + (i64)lines_of(p.batch)[me.group].output_row * p.cols;
    DEVICE float* to = p.to + (i64)me.group * p.cols;
    for (int i = (int)me.index; i < p.cols; i += threads) to[i] = from[i];
  }
};
