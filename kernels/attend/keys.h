// Where a cache of f16 keys has them: those of 16 positions interleaved element by element (params.h), so that a vector holds the
// same element of 16 keys.
#pragma once

// Index of element i of the key of a position.
fn key_at(int position, int i, int head_size) { return ((i64)(position / 16) * head_size + i) * 16 + position % 16; }
