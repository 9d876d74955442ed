// What launches of attention are given on a GPU (the op: params.h). Keys and values lie in pages of 64 positions, as
// f16 or as codes (batch/gpu/states.h). head_size is a multiple of 32, at most 512.
//
// Positions are cut into runs at fixed places (attend_run_begin). A run is an online softmax over its pages, by itself;
// runs are merged in order (order.h). All kernels add so, by the same products on the matrix unit, so a row's bits
// depend neither on the other rows of its sequence in the batch nor on those of others:
//
//   attend_one     rows that are alone in their sequence: queries and keys come as the projection leaves them. A group
//                  takes a run for some of the query heads of a kv_head, and leaves its sums; the last run's group
//                  stores key and value. Items: rows · splits · kv_heads · parts, each a group's where there is one
//                  row, and shared out among the groups where there may be more
//   attend_stored  the same rows where keys are codes, or heads wide: rope_store has run first, as a
//                  group that holds only part of a head cannot rotate or encode its key
//   attend_merge   the same rows: the runs' sums, in order, as floats and as codes; ⌈width / threads⌉ groups per row
//   attend_many    sequences with several rows, rope_store first; a group takes attend_rows(head_size) of the rows of
//                  one kv_head, a row a query head of a token, heads that share the kv_head side by side. kv_heads
//                  groups per tile of rows
#pragma once
#include "batch/gpu/header.h"
#include "gemv/gpu/launch.h"
#include "rope/gpu/launch.h"

enum {
  attend_warps = 4,
  attend_max_head_size = 512,  // elements of a head
  attend_whole_head = 256,     // elements of a head whose queries a group keeps as a whole; others are wide
  attend_part = 128,           // elements of wide heads whose queries and keys a group has at once
  attend_max_heads = 16,       // query heads of a group of attend_one: the rows of a tile
  attend_short = 4096,         // positions below are in runs of a page
  attend_medium = 32768,       // those below in runs of attend_medium_run, those behind of attend_long_run
  attend_medium_run = 256,
  attend_long_run = 1024,
  attend_short_runs = attend_short / 64,
  attend_medium_runs = (attend_medium - attend_short) / attend_medium_run
};

// The run that a position is in, and a run's first position.
fn attend_run_of(int position) -> int {
  return position < attend_short ? position / 64
         : position < attend_medium
             ? (int)attend_short_runs + (position - attend_short) / attend_medium_run
             : (int)attend_short_runs + (int)attend_medium_runs + (position - attend_medium) / attend_long_run;
}
fn attend_run_begin(int run) -> int {
  int medium = run - attend_short_runs, rest = medium - attend_medium_runs;
  return medium < 0 ? run * 64
         : rest < 0 ? attend_short + medium * attend_medium_run
                    : attend_medium + rest * attend_long_run;
}

struct AttendLaunch {
  DeviceBatch batch;
  DEVICE const float* query;  // (rows, kv_heads · heads_per_kv_head, head_size), rotated
  DEVICE float* sums;         // (singles, heads, splits, head_size) Σ exp(score − max) · value over a run
  DEVICE float* max;          // (singles, heads, splits) maximum score of a run
  DEVICE float* totals;       // (singles, heads, splits) Σ exp(score − max)
  DEVICE float* out;          // as query
  DeviceActivations codes;    // of out, from attend_merge; codes null: not written
  i64 keys_at, values_at;     // of this state in a page, in units of 2 bytes
  i32 kv_heads, heads_per_kv_head, head_size;
  i32 rows;                   // maximum: what the launch was recorded for
  i32 splits;                 // runs per row that there is space for
  i32 first_single, singles;  // the batch's rows that are alone in their sequence: those of this launch, at most
  i32 window;                 // positions that a token sees, itself included; 0: all
  float scale;                // factor on query · key
};

// Query heads that a group of attend_one computes together, out of those that share a kv_head: all, or equal parts.
fn attend_heads_at_once(int heads_per_kv_head) -> int {
  int parts = (heads_per_kv_head + attend_max_heads - 1) / attend_max_heads;
  return (heads_per_kv_head + parts - 1) / parts;
}
static_assert((int)rope_max_head_size >= (int)attend_max_head_size, "rope_store has room for every head");

// The query of `attend` is that of `rope`, which is not rotated in place.
struct AttendOneLaunch {
  AttendLaunch attend;
  RopeLaunch rope;
};

// How a group's four warps share rows and elements: 16 rows a tile, and the elements of a head among `splits` warps, so
// that the sums of one fit its registers.
fn attend_splits_of(int head_size) -> int { return head_size <= 64 ? 1 : head_size <= 128 ? 2 : 4; }
fn attend_rows(int head_size) -> int { return 16 * (attend_warps / attend_splits_of(head_size)); }
enum { attend_apart = 8 };  // halves between lines, so that those of a tile begin in different banks

// The group's memory. `keys`: positions whose keys, or values, lie in it at once, a part of a page. `exchanged`: warps
// share the scores of a tile.
template <int head_size, int row_tiles, int keys_at_once, bool exchanged> struct AttendShared {
  enum {
    line = head_size + attend_apart,
    query_line = line,
    rows = 16 * row_tiles,
    keys = keys_at_once,
    scores = exchanged ? row_tiles * 64 * 16 * 2 : 0,  // halves: floats of a page's scores, on their way between warps
    staged = (int)keys * (int)line > (int)scores ? (int)keys*(int)line : (int)scores
  };
  u16 query[2][rows * line];  // scaled; the nearest halves, and the nearest of what they leave
  u16 cached[staged];         // keys, then scores, then values
};
// Of wide heads: `query` and keys are of attend_part elements, values of all.
template <int head_size> struct AttendWideShared {
  enum {
    line = head_size + attend_apart,
    query_line = (int)attend_part + (int)attend_apart,
    rows = 16,
    keys = 16,          // positions whose values lie in it at once
    keys_of_part = 32,  // positions whose keys do
    scores = 64 * 16 * 2,
    staged = (int)keys * (int)line > (int)keys_of_part*(int)query_line ? (int)keys*(int)line
                                                                       : (int)keys_of_part*(int)query_line
  };
  static_assert((int)staged >= (int)scores, "scores lie where values do");
  u16 query[2][rows * query_line];
  u16 cached[staged];
};
template <int head_size, bool wide = (head_size > attend_whole_head)> struct AttendSinglesShared
    : AttendShared<head_size, 1,
                   head_size <= 128   ? 64
                   : head_size <= 224 ? 32
                                      : 16,
                   true> {};
template <int head_size> struct AttendSinglesShared<head_size, true> : AttendWideShared<head_size> {};
template <int head_size> struct AttendOneShared : AttendSinglesShared<head_size> {
  u16 own_key[head_size], own_value[head_size];  // of the token itself, as its page will hold them
};
template <int head_size, bool wide = (head_size > attend_whole_head)> struct AttendManyShared
    : AttendShared<head_size,
                   head_size <= 64    ? 4
                   : head_size <= 128 ? 2
                                      : 1,
                   head_size <= 128 ? 32 : 16, (head_size > 64)> {};
template <int head_size> struct AttendManyShared<head_size, true> : AttendWideShared<head_size> {};
fn attend_shared_bytes(int head_size, int rows, int keys, bool exchanged) -> int {
  int line = head_size + attend_apart, scores = exchanged ? rows * 64 * 2 : 0;
  return 2 * (2 * rows * line + (keys * line > scores ? keys * line : scores));
}
fn attend_wide_shared_bytes(int head_size) -> int {
  int values = 16 * (head_size + attend_apart), keys = 32 * ((int)attend_part + (int)attend_apart);
  return 2 * (2 * 16 * ((int)attend_part + (int)attend_apart) + (values > keys ? values : keys));
}
fn attend_stored_shared_bytes(int head_size) -> int {
  if (head_size > attend_whole_head) return attend_wide_shared_bytes(head_size);
  return attend_shared_bytes(head_size, 16, head_size <= 128 ? 64 : head_size <= 224 ? 32 : 16, true);
}
fn attend_one_room_bytes(int head_size) -> int { return attend_stored_shared_bytes(head_size) + 4 * head_size; }
fn attend_many_shared_bytes(int head_size) -> int {
  if (head_size > attend_whole_head) return attend_wide_shared_bytes(head_size);
  return attend_shared_bytes(head_size, attend_rows(head_size), head_size <= 128 ? 32 : 16, head_size > 64);
}
struct AttendMergeShared {
  u32 none;
};
