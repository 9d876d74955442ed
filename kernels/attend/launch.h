// What launches of attention are given on a GPU. Scores, softmax and mix are those of params.h over an f16 cache whose keys, too, lie row
// by row. The positions that a token sees are dealt to `splits` thread groups in runs of whole tiles of 32; their sums are merged.
#pragma once

enum { split_tile = 32, most_splits = 64, most_attend_head = 256 };

struct AttendLaunch {
  DEVICE const Turn* turn;
  DEVICE const float* query;  // (tokens, heads, head_size), turned
  DEVICE const u16* keys;     // f16 (kv_heads, room, head_size) of the layer
  DEVICE const u16* values;   // likewise
  DEVICE float* partial;      // (tokens, heads, splits, head_size + 2): Σ weight · value, maximum, Σ weight
  DEVICE float* out;          // (tokens, heads, head_size)
  DeviceActivations codes;    // of out; codes null: none
  i64 room;                   // positions of a cache
  i32 heads, kv_heads, head_size;  // head_size: a multiple of 32
  i32 splits;
  i32 window;                 // positions that a token sees, itself included; 0: all
  float scale;
};
