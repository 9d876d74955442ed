// Layout of a page of f16 keys: those of 16 positions interleaved element by element (params.h), so that a vector holds
// the same element of 16 keys.
#pragma once

// Index of element i of the key of a position of the page.
fn key_at(int position, int i, int key_size) { return ((i64)(position / 16) * key_size + i) * 16 + position % 16; }
