// What the launch that turns queries and keys and stores keys and values is given on a GPU: a warp a head and token.
#pragma once

struct RopeStoreLaunch {
  DEVICE const Turn* turn;
  DEVICE float* query;           // (tokens, heads, head_size), normed and turned in place
  DEVICE const float* key;       // (tokens, kv_heads, head_size)
  DEVICE const float* value;     // (tokens, kv_heads, head_size)
  DEVICE u16* keys;              // f16 (kv_heads, room, head_size) of the layer
  DEVICE u16* values;            // likewise
  DEVICE const float* q_norm;    // (head_size) or null
  DEVICE const float* k_norm;    // (head_size) or null
  DEVICE const float* cosines;   // (context, dims / 2)
  DEVICE const float* sines;     // (context, dims / 2)
  i64 room;                      // positions of a cache
  i32 heads, kv_heads, head_size;
  i32 dims;                      // elements of a head that are turned
  i32 halves;                    // 1: pairs (i, i + dims / 2);  0: pairs (2i, 2i + 1)
  float epsilon;
};
