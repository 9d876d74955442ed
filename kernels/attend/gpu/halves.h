// Shared by the attention kernels of GPUs: eight f16 of a cache in a thread, and the positions that a token sees.
#pragma once
#include "attend/gpu/launch.h"

// In memory order; a piece is the smallest unit that a thread reads.
enum { piece = 8 };
struct eight {
  float x[piece];
};
fn floats_of(uint4 halves) -> eight {
  return eight{{half_to_float(halves.x & 0xffffu), half_to_float(halves.x >> 16), half_to_float(halves.y & 0xffffu),
                half_to_float(halves.y >> 16), half_to_float(halves.z & 0xffffu), half_to_float(halves.z >> 16),
                half_to_float(halves.w & 0xffffu), half_to_float(halves.w >> 16)}};
}

struct positions {
  int first, last;  // both inclusive
  MEMBER bool has(int position) const { return first <= position && position <= last; }
  // The nearest visible position: others may hold anything.
  MEMBER int nearest(int position) const { return position < first ? first : position > last ? last : position; }
};
fn seen_by(int position, int window) -> positions {
  return positions{window > 0 && position >= window ? position - window + 1 : 0, position};
}

// Visible positions, cut into equal runs of whole tiles of attend_run positions: at most attend_max_runs, however long
// the context.
struct position_runs {
  int begin;   // of the first run
  int length;  // of a run
  int count;   // non-empty runs
};
fn runs_of(positions seen) -> position_runs {
  int begin = seen.first / attend_run * attend_run, tiles = (seen.last - begin) / attend_run + 1;
  int length = (tiles + attend_max_runs - 1) / attend_max_runs;
  return position_runs{begin, length * attend_run, (tiles + length - 1) / length};
}
