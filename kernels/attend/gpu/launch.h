// Parameters of attention launches on a GPU (the op: params.h). Keys and values are in pages of 64 positions as f16
// (batch/gpu/header.h); tiles of 32 positions cross no page. head_size is a multiple of 16, at most 256.
//
//   attend_one     rows that are alone in their sequence, rope_store included: queries and keys come as the projection
//                  leaves them. The positions that a row sees are cut into runs, each a multiple of 32 positions, at
//                  most attend_max_runs of them; the cut depends on the row's position alone. A group sums a run for
//                  some of the query heads of a kv_head and stores the sums; the last run's group stores key and value.
//                  Items: rows · splits · kv_heads · parts, one per group where there is one row, else distributed over
//                  the groups
//   attend_merge   the same rows: merges the runs' sums, in order, into floats and codes; ⌈width / threads⌉ groups per
//                  row
//   attend_many    sequences with several rows; a group takes attend_rows(head_size) of the rows of one kv_head. A row
//                  is a query head of a token; heads that share the kv_head are adjacent. kv_heads groups per tile of
//                  rows, of attend_rows · 2 threads
#pragma once
#include "batch/gpu/header.h"
#include "gemv/gpu/launch.h"
#include "rope/gpu/launch.h"

enum {
  attend_warps = 4,
  attend_run = 32,             // positions whose scores a warp computes at once; runs are multiples of it
  attend_max_runs = 64,        // of a row
  attend_max_head_size = 256,  // elements of a head
  attend_max_heads = 3,  // query heads of a group of attend_one: with the token's own key, one for each of its warps
  attend_max_sums = 768  // their elements
};

struct AttendLaunch {
  DeviceBatch batch;
  DEVICE const float* query;  // (rows, kv_heads · heads_per_kv_head, head_size), rotated
  DEVICE float* sums;         // (singles, heads, splits, head_size) Σ exp(score − max) · value over a run
  DEVICE float* max;          // (singles, heads, splits) maximum score of a run
  DEVICE float* totals;       // (singles, heads, splits) Σ exp(score − max)
  DEVICE float* out;          // as query
  DeviceActivations codes;    // of out, from attend_merge; codes null: not written
  i64 keys_at, values_at;     // of this state in a page, in halves
  i32 kv_heads, heads_per_kv_head, head_size;
  i32 rows;                   // maximum: what the launch was recorded for
  i32 splits;                 // runs per row that there is space for
  i32 first_single, singles;  // the batch's rows that are alone in their sequence: those of this launch, at most
  i32 window;                 // positions that a token sees, itself included; 0: all
  float scale;                // factor on query · key
};

// Query heads that a group of attend_one computes together, of those that share a kv_head: all, or the smallest equal
// parts that fit.
fn attend_heads_at_once(int heads_per_kv_head, int head_size) {
  int fit = attend_max_sums / head_size < attend_max_heads ? attend_max_sums / head_size : attend_max_heads;
  int parts = (heads_per_kv_head + fit - 1) / fit;
  return (heads_per_kv_head + parts - 1) / parts;
}
// The query of `attend` is that of `rope`, which is not rotated in place.
struct AttendOneLaunch {
  AttendLaunch attend;
  RopeLaunch rope;
};
struct AttendOneShared {
  float own_key[attend_max_head_size],
      own_value[attend_max_head_size];                           // of the token itself, as the cache will hold them
  float query[attend_max_sums];                                  // (heads, head_size), scaled
  float weights[2][attend_warps][attend_max_heads][attend_run];  // double-buffered, so that one barrier is enough
  float sums[attend_warps][attend_max_sums];
  float max[attend_warps][attend_max_heads], totals[attend_warps][attend_max_heads];
};

// Rows that a group of attend_many computes, 16 per warp, and positions that it reads at once: as many as fit its
// shared memory.
fn attend_rows(int head_size) { return head_size <= 64 ? 64 : head_size <= 128 ? 32 : 16; }
fn attend_keys(int head_size) { return head_size <= 128 ? 32 : 16; }
enum { attend_apart = 8 };  // padding in halves between lines: those of a tile begin in different banks
template <int head_size> struct AttendManyShared {
  enum {
    line = head_size + attend_apart,
    rows = head_size <= 64    ? 64
           : head_size <= 128 ? 32
                              : 16,
    keys = head_size <= 128 ? 32 : 16
  };
  u16 query[2][rows * line];  // scaled; the nearest halves, and the nearest halves of the remainders
  u16 cached[keys * line];    // keys, then values
};
fn attend_many_shared_bytes(int head_size) {
  return 2 * (head_size + (int)attend_apart) * (2 * attend_rows(head_size) + attend_keys(head_size));
}
struct AttendMergeShared {
  u32 none;
};
