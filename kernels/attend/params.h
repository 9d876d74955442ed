// Attention of the query heads that share one kv_head, for consecutive tokens:
//
//   out = Σ_j p_j · value_j,   p = softmax over j of (scale · query·key_j),   j in first … last
//   last: the token's own position;  first: 0, or last − window + 1 where a window is set
#pragma once

// A cache whose keys and values are blocks of a format. Keys lie in the format's resident layout, positions as rows, so that scores
// are a matrix times queries; values lie row by row as in a file.
struct CodedCache {
  void (*scores)(const GemvParams&);
  void (*decode_row)(const u8* row, i64 cols, float* to);
  i64 key_bytes;        // of 64 positions
  i64 value_bytes;      // of one position
};

struct AttendParams {
  const float* query;   // (tokens, heads, head_size), rotated; a token's heads lie together
  i64 stride;           // floats from one token's queries to the next one's
  int tokens, heads;    // at most attend_max_queries together
  int position;         // of the first token
  int window;           // positions that a token sees, itself included; 0: all
  const void* keys;     // f16, (positions / 16, head_size, 16): element i of the keys of 16 positions lie together; or as `coded` says
  const void* values;   // f16, (positions, head_size); or as `coded` says
  int head_size;        // at most 256
  float scale;
  float* out;           // as query
  const CodedCache* coded;  // null: f16
};

// Keys are walked in tiles of 32 absolute positions, so the result does not depend on how a prompt was cut. Both caches have
// room for whole tiles, coded keys for whole runs of 64; behind values lie as many bytes as fill up their last 16 elements.
enum { attend_tile = 32, attend_max_head_size = 256, attend_max_queries = 32 };
