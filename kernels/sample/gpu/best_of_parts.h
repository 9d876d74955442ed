// Strategy: each part of the logits yields its own greatest ones, and one thread group selects the greatest of these. A
// single one is found by comparing, several by sorting: a bitonic network (Batcher 1968) of sample_part entries, the
// same steps whatever the values.
#pragma once
#include "batch/gpu/header.h"
#include "batch/gpu/pages.h"
#include "sample/gpu/launch.h"

enum { no_id = 0x7fffffff };

struct candidate {
  float logit;
  i32 id;
};
// Whether a ranks before b.
fn in_front(float a, i32 id, float b, i32 other) { return a > b || (a == b && id < other); }

// The candidate that ranks first among all threads' own, for every thread.
fn first_of_group(candidate own, SHARED SampleShared& shared, Thread me) -> candidate {
  for (u32 mask = 16; mask > 0; mask /= 2) {
    float logit = lane_exchange(own.logit, mask);
    i32 id = lane_exchange(own.id, mask);
    if (in_front(logit, id, own.logit, own.id)) own = candidate{logit, id};
  }
  if (me.lane() == 0) shared.of_warps[me.warp()] = own.logit, shared.ids_of_warps[me.warp()] = own.id;
  group_barrier();
  for (int w = 0; w < sample_warps; w++)
    if (in_front(shared.of_warps[w], shared.ids_of_warps[w], own.logit, own.id))
      own = candidate{shared.of_warps[w], shared.ids_of_warps[w]};
  group_barrier();
  return own;
}
// The sum over all threads, in order of warps, for every thread.
fn sum_of_group(float x, SHARED SampleShared& shared, Thread me) -> float {
  x = lane_sum(x);
  if (me.lane() == 0) shared.of_warps[me.warp()] = x;
  group_barrier();
  float sum = 0;
  for (int w = 0; w < sample_warps; w++) sum += shared.of_warps[w];
  group_barrier();
  return sum;
}

// Sorts the group's candidates. Starts and ends with a barrier.
fn sort_candidates(SHARED SampleShared& shared, Thread me) -> void {
  for (int run = 2; run <= sample_part; run *= 2)
    for (int apart = run / 2; apart > 0; apart /= 2) {
      group_barrier();
      for (int pair = (int)me.index; pair < sample_part / 2; pair += sample_warps * warp_lanes) {
        int i = 2 * pair - pair % apart, j = i + apart;
        float a = shared.logits[i], b = shared.logits[j];
        i32 id = shared.ids[i], other = shared.ids[j];
        if (in_front(b, other, a, id) != ((i & run) == 0)) continue;
        shared.logits[i] = b, shared.logits[j] = a;
        shared.ids[i] = other, shared.ids[j] = id;
      }
    }
  group_barrier();
}
fn put_candidate(SHARED SampleShared& shared, int at, float logit, i32 id) -> void {
  shared.logits[at] = logit > lowest_float() ? logit : lowest_float(), shared.ids[at] = id;
}

struct sample_parts {
  typedef SampleLaunch Params;
  typedef SampleShared Shared;
  enum { threads = sample_warps * warp_lanes, groups_per_core = 2 };

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    int output = (int)me.group / p.parts;
    if (output >= p.batch.header->outputs) return;
    DEVICE const float* all = p.logits + (i64)output * p.vocab;
    int first = (int)me.group % p.parts * sample_part,
        n = p.vocab - first < sample_part ? p.vocab - first : sample_part;
    candidate own = {lowest_float(), no_id};
    for (int i = (int)me.index; i < sample_part; i += threads) {
      put_candidate(shared, i, i < n ? all[first + i] : lowest_float(), i < n ? first + i : (int)no_id);
      if (in_front(shared.logits[i], shared.ids[i], own.logit, own.id))
        own = candidate{shared.logits[i], shared.ids[i]};
    }
    candidate best = first_of_group(own, shared, me);
    float total = 0;
    for (int i = (int)me.index; i < n; i += threads)
      total += fma(all[first + i], 0.0f, exp(all[first + i] - best.logit));
    total = sum_of_group(total, shared, me);
    if (me.index == 0) p.part_max[me.group] = best.logit, p.part_total[me.group] = total;
    DEVICE float* logits = p.part_logits + (i64)me.group * p.top;
    DEVICE i32* ids = p.part_ids + (i64)me.group * p.top;
    if (p.top == 1) {
      if (me.index == 0) logits[0] = best.logit, ids[0] = best.id;
    } else {
      sort_candidates(shared, me);
      if ((int)me.index < p.top) logits[me.index] = shared.logits[me.index], ids[me.index] = shared.ids[me.index];
    }
  }
};

struct sample_best {
  typedef SampleLaunch Params;
  typedef SampleShared Shared;
  enum { threads = sample_warps * warp_lanes, groups_per_core = 2 };

  fn sum(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    DEVICE const float *max_of = p.part_max + (i64)me.group * p.parts,
                       *total_of = p.part_total + (i64)me.group * p.parts;
    candidate own = {lowest_float(), no_id};
    for (int i = (int)me.index; i < p.parts; i += threads)
      if (max_of[i] > own.logit) own.logit = max_of[i];
    float max = first_of_group(own, shared, me).logit, total = 0;
    for (int i = (int)me.index; i < p.parts; i += threads) total = fma(total_of[i], exp(max_of[i] - max), total);
    total = sum_of_group(total, shared, me);
    if (me.index == 0) p.log_sum[me.group] = max + log(total);
  }

  // Leaves the chosen candidates at the start of shared memory.
  fn choose(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    int candidates = p.parts * p.top;
    DEVICE const float* logits = p.part_logits + (i64)me.group * candidates;
    DEVICE const i32* ids = p.part_ids + (i64)me.group * candidates;
    if (p.top == 1) {
      candidate own = {lowest_float(), no_id};
      for (int i = (int)me.index; i < candidates; i += threads)
        if (in_front(logits[i], ids[i], own.logit, own.id)) own = candidate{logits[i], ids[i]};
      own = first_of_group(own, shared, me);
      if (me.index == 0) put_candidate(shared, 0, own.logit, own.id);
      return;
    }
    // The best so far keep the first entries; the others are refilled.
    for (int begin = 0; begin < candidates; begin += sample_part - p.top) {
      for (int i = (int)me.index; i < sample_part; i += threads) {
        int from = begin + i - p.top;
        bool there = i >= p.top && from < candidates;
        if (i >= p.top || begin == 0)
          put_candidate(shared, i, there ? logits[from] : lowest_float(), there ? ids[from] : (int)no_id);
      }
      sort_candidates(shared, me);
    }
  }

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    if ((int)me.group >= p.batch.header->outputs) return;
    sum(p, shared, me);
    choose(p, shared, me);
    i64 to = (i64)me.group * p.top + (int)me.index;
    if ((int)me.index < p.top) {
      p.best_logits[to] = shared.logits[me.index];
      p.best_ids[to] = shared.ids[me.index] == no_id ? -1 : shared.ids[me.index];
    }
    DEVICE BatchLine& row = lines_of(p.batch)[lines_of(p.batch)[me.group].output_row];
    if (me.index == 0 && row.alone) row.position += 1, row.token = shared.ids[0];
  }
};
