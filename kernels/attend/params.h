// Attention of the query heads that share one kv_head, for consecutive tokens:
//
//   out = Σ_j p_j · value_j,   p = softmax over j of (scale · query·key_j),   j in first … last
//   last: the token's own position;  first: 0, or last − window + 1 where a window is set
#pragma once

struct AttendParams {
  const float* query;   // (tokens, heads, head_size), rotated; a token's heads lie together
  i64 stride;           // floats from one token's queries to the next one's
  int tokens, heads;    // at most attend_max_queries together
  int position;         // of the first token
  int window;           // positions that a token sees, itself included; 0: all
  const u16* keys;      // f16, (positions / 16, head_size, 16): element i of the keys of 16 positions lie together
  const u16* values;    // f16, (positions, head_size)
  int head_size;        // a multiple of 16, at most 256
  float scale;
  float* out;           // as query
};

// Keys are walked in tiles of 32 absolute positions, so the result does not depend on how a prompt was cut. Both caches have
// room for whole tiles.
enum { attend_tile = 32, attend_max_head_size = 256, attend_max_queries = 32 };

// Where element i of the key of a position is.
fn key_at(int position, int i, int head_size) { return ((i64)(position / 16) * head_size + i) * 16 + position % 16; }
