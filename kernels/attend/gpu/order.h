// The order in which attention adds on GPUs: which positions a token sees, and how runs of them are merged.
#pragma once
#include "attend/gpu/launch.h"

struct positions {
  int first, last;  // both are seen
  MEMBER bool has(int position) const { return first <= position && position <= last; }
  // The nearest one that is seen: others may hold anything.
  MEMBER int nearest(int position) const { return position < first ? first : position > last ? last : position; }
};
fn seen_by(int position, int window) -> positions {
  return positions{window > 0 && position >= window ? position - window + 1 : 0, position};
}

// A run's sums, or those of all runs before it: the greatest score, and Σ exp(score − max). A row that has seen nothing
// has lowest_float() and 0.
struct softmax_sums {
  float max, total;
};
// Adds a run to those before it. Its sums over values are added likewise: fma(of the run, run, before · of before).
struct merge_factors {
  float before, run;
};
fn merge_run(THREAD softmax_sums& all, softmax_sums run) -> merge_factors {
  float max = run.max > all.max ? run.max : all.max;
  merge_factors f = {exp(all.max - max), exp(run.max - max)};
  all.max = max, all.total = fma(run.total, f.run, all.total * f.before);
  return f;
}
