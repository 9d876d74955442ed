// Attention of one query head for one token:
//
//   out = Σ_j p_j · value_j,   p = softmax over j of (scale · query·key_j),   j in first … last
#pragma once

struct AttendParams {
  const float* query;   // (head_size), rotated
  const u16* keys;      // (positions, head_size) f16, of this head's kv_head; position j at [j · head_size]
  const u16* values;    // (positions, head_size) f16
  int head_size;        // a multiple of 16, at most 256
  int first, last;      // positions seen, inclusive
  float scale;
  float* out;           // (head_size)
};

// Keys are walked in tiles of 32 absolute positions, so the result does not depend on how a prompt was cut.
enum { attend_tile = 32, attend_max_head_size = 256 };
