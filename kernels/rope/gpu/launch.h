// Parameters of a launch of rope_store on a GPU: norms (optional) and rotates queries and keys, stores keys and values
// in pages.
//
// A warp takes one query head or one kv_head of a row: rows · (heads + kv_heads) items, rope_warps per thread group.
// Rows that are alone in their sequence may be left to attend_one.
#pragma once
#include "batch/gpu/header.h"

enum {
  rope_warps = 4,
  rope_max_head_size = 512  // elements of a head whose key is stored as codes
};

struct RopeLaunch {
  DeviceBatch batch;
  DEVICE float* query;             // (rows, heads, head_size), rotated in place
  DEVICE const float* key;         // (rows, kv_heads, head_size)
  DEVICE const float* value;       // (rows, kv_heads, head_size)
  DEVICE const float* query_norm;  // (head_size) weights, or null
  DEVICE const float* key_norm;    // (head_size) weights, or null
  DEVICE const float* cosines;     // (positions, dims / 2) of the rope's angles, magnitude included
  DEVICE const float* sines;       // (positions, dims / 2)
  i64 keys_at, values_at;          // of this state in a page, in units of 2 bytes
  i32 heads, kv_heads, head_size;
  i32 dims;                          // elements rotated, even, at most head_size; the rest stays
  i32 halves;                        // 1: pairs (i, i + dims/2);  0: pairs (2i, 2i + 1)
  float query_epsilon, key_epsilon;  // of the norms
};
struct RopeShared {
  u32 none;
};
struct RopeCodedShared {
  float key[rope_warps][rope_max_head_size];  // of a warp: its rotated key
};
