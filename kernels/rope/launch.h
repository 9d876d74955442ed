// What a launch of rope_store is given on a GPU: norms (optional) and turns queries and keys, stores keys and values in the cache.
//
// A warp takes one query head or one kv_head of a token: tokens · (heads + kv_heads) items, rope_warps a thread group.
#pragma once

enum { rope_warps = 4 };

struct RopeLaunch {
  DEVICE const Turn* turn;
  DEVICE float* query;             // (tokens, heads, head_size), turned in place
  DEVICE const float* key;         // (tokens, kv_heads, head_size)
  DEVICE const float* value;       // (tokens, kv_heads, head_size)
  DEVICE const float* query_norm;  // (head_size) weights, or null
  DEVICE const float* key_norm;    // (head_size) weights, or null
  DEVICE const float* cosines;     // (positions, dims / 2) of the rope's angles, magnitude included
  DEVICE const float* sines;       // (positions, dims / 2)
  DEVICE u16* keys;                // f16 (kv_heads, room, head_size): this layer's cache
  DEVICE u16* values;              // f16 (kv_heads, room, head_size)
  i32 tokens, heads, kv_heads, head_size;
  i32 dims;                        // elements turned, even, at most head_size; the rest stays
  i32 halves;                      // 1: pairs (i, i + dims/2);  0: pairs (2i, 2i + 1)
  i32 room;                        // positions that the cache holds
  float epsilon;                   // of the norms
};
struct RopeRoom { u32 none; };
