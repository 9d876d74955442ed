// What launches of attention are given on a GPU (the op: params.h). Keys and values of a layer lie in its cache as f16, head_size elements a
// position, positions in order. head_size is a multiple of 16, at most 256.
//
//   attend_one     one token, rope_store first: queries and keys come as the projection leaves them. kv_heads · parts · splits thread groups.
//                  The positions that it sees are cut into `splits` runs, each a multiple of 32; a group takes a run for some of the query
//                  heads of a kv_head, and leaves its sums. Runs behind the last are empty; the last one's group stores key and value
//   attend_merge   one token: the runs' sums, in order, as floats and as codes
//   attend_many    several tokens; a group takes attend_rows(head_size) rows of one kv_head, a row a query head of a token, heads that
//                  share the kv_head side by side: kv_heads · ⌈tokens · heads_a_kv_head / rows⌉ groups of attend_rows · 2 threads
#pragma once

enum {
  attend_warps = 4,
  attend_run = 32,         // positions that a warp weighs at once; runs are multiples of it
  attend_most_head = 256,  // elements of a head
  attend_most_heads = 3,   // query heads that a group of attend_one computes: with the token's own key, one for each of its warps
  attend_most_sums = 768   // their elements
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
// The query of `attend` is that of `rope`, which is not turned in place.
struct AttendOneLaunch {
  AttendLaunch attend;
  RopeLaunch rope;
};
struct AttendOneRoom {
  float own_key[attend_most_head], own_value[attend_most_head];        // of the token itself, as the cache will hold them
  float query[attend_most_sums];                                       // (heads, head_size), scaled
  float weights[2][attend_warps][attend_most_heads][attend_run];       // in turns, so that one barrier is enough
  float sums[attend_warps][attend_most_sums];
  float most[attend_warps][attend_most_heads], totals[attend_warps][attend_most_heads];
};

// Rows that a group of attend_many computes, 16 a warp, and positions that it weighs at once: as many as its memory takes.
fn attend_rows(int head_size) { return head_size <= 64 ? 64 : head_size <= 128 ? 32 : 16; }
fn attend_keys(int head_size) { return head_size <= 128 ? 32 : 16; }
enum { attend_apart = 8 };  // halves between lines, so that those of a tile begin in different banks
template <int head_size> struct AttendManyRoom {
  enum { line = head_size + attend_apart, rows = head_size <= 64 ? 64 : head_size <= 128 ? 32 : 16, keys = head_size <= 128 ? 32 : 16 };
  u16 query[2][rows * line];  // scaled; the nearest halves, and the nearest of what they leave
  u16 cached[keys * line];    // keys, then values
};
fn attend_many_room_bytes(int head_size) { return 2 * (head_size + (int)attend_apart) * (2 * attend_rows(head_size) + attend_keys(head_size)); }
struct AttendMergeRoom { u32 none; };
