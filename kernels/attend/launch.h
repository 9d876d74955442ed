// What launches of attention are given on a GPU (the op: params.h). Keys and values of a layer lie in its cache as f16, head_size elements a
// position, positions in order. head_size is a multiple of 16, at most 256.
//
//   attend_one     one token; kv_heads · parts · splits thread groups. The positions that it sees are cut into `splits` runs, each a multiple
//                  of 32; a group takes a run for some of the query heads of a kv_head, and leaves its sums. Runs behind the last are empty
//   attend_merge   one token: the runs' sums, in order, as floats and as codes
//   attend_many    several tokens; tokens · heads groups
#pragma once

enum {
  attend_warps = 4,
  attend_run = 32,         // positions that a warp weighs at once; runs are multiples of it
  attend_most_head = 256,  // elements of a head
  attend_most_heads = 8,   // query heads that a group of attend_one computes
  attend_most_sums = 1024  // their elements
};

struct AttendLaunch {
  DEVICE const Turn* turn;
  DEVICE const float* query;  // (tokens, kv_heads · heads_a_kv_head, head_size), turned
  DEVICE const u16* keys;     // (kv_heads, room, head_size)
  DEVICE const u16* values;   // (kv_heads, room, head_size)
  DEVICE float* sums;         // (heads, splits, head_size) Σ exp(score − most) · value over a run
  DEVICE float* most;         // (heads, splits) the greatest score of a run
  DEVICE float* totals;       // (heads, splits) Σ exp(score − most)
  DEVICE float* out;          // as query
  DeviceActivations codes;    // of out, from attend_merge; codes null: not wanted
  i32 tokens, kv_heads, heads_a_kv_head, head_size;
  i32 splits;
  i32 room;                   // positions that the cache holds
  i32 window;                 // positions that a token sees, itself included; 0: all
  float scale;                // on query · key
};

// Query heads that a group of attend_one computes together, out of those that share a kv_head: all, or the smallest equal parts that fit.
fn attend_heads_at_once(int heads_a_kv_head, int head_size) {
  int fit = attend_most_sums / head_size < attend_most_heads ? attend_most_sums / head_size : attend_most_heads;
  int parts = (heads_a_kv_head + fit - 1) / fit;
  return (heads_a_kv_head + parts - 1) / parts;
}
struct AttendOneRoom {
  float query[attend_most_sums];                                       // (heads, head_size), scaled
  float weights[2][attend_warps][attend_most_heads][attend_run];       // in turns, so that one barrier is enough
  float sums[attend_warps][attend_most_sums];
  float most[attend_warps][attend_most_heads], totals[attend_warps][attend_most_heads];
};
struct AttendManyRoom {
  float query[attend_most_head];
  float sums[attend_warps][attend_most_head];
  float most[attend_warps], totals[attend_warps];
};
struct AttendMergeRoom { u32 none; };
