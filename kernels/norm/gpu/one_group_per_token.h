// Norms of GPUs, one thread group per token: before the projections of several tokens, and after a block whose output
// is normed. (One token's projections norm their input themselves: gemv/gpu/stages.h.)
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/stages.h"
#include "norm/gpu/launch.h"

struct prepare {
  typedef PrepareLaunch Params;
  typedef NormShared Shared;
  enum { threads = prepare_warps * warp_lanes, groups_per_core = 2 };

  // Chunk after chunk: a warp's 32 values are also 32 codes. Squares in the order of gemv_one (keep_squares).
  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    if ((int)me.group >= *p.rows) return;
    i64 first = (i64)me.group * p.cols;
    if (p.norm) keep_squares(p.x + first, p.cols, shared.sums, me);
    for (int i = (int)me.index; p.codes.codes && i < p.cols; i += threads)
      quantize_out(p.codes, (int)me.group, (int)me.groups, i, true,
                   p.norm ? p.x[first + i] * p.norm[i] : p.x[first + i]);
    if (!p.norm) return;
    group_barrier();
    if (me.index == 0) p.inverse[me.group] = inverse_of_squares(shared.sums, prepare_warps, p.cols, p.epsilon);
  }
};

struct norm_add {
  typedef NormAddLaunch Params;
  typedef NormShared Shared;
  enum { threads = split_warps * warp_lanes, groups_per_core = 4 };

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    if ((int)me.group >= *p.rows) return;
    i64 first = (i64)me.group * p.cols;
    float inverse = inverse_rms(p.block + first, p.cols, p.epsilon, shared.sums, me);
    for (int i = (int)me.index; i < p.cols; i += threads)
      p.residual[first + i] += p.block[first + i] * inverse * p.norm[i];
  }
};
