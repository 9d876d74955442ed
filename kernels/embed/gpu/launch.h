// Parameters of a launch of the embedding on a GPU.
//
//   out[row][i] = scale · table[token of the row][i]
//
// A thread group takes embed_cols columns of one row, one per thread: rows · ⌈cols / embed_cols⌉ groups.
#pragma once
#include "batch/gpu/header.h"

enum { embed_cols = 256 };

struct EmbedLaunch {
  DeviceBatch batch;
  BYTES table;        // (vocab, cols) as file blocks
  DEVICE float* out;  // (rows, cols)
  i32 cols;           // a multiple of the format's block
  float scale;
};
struct EmbedShared {
  u32 none;
};
