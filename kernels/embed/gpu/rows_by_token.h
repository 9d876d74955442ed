// Rows of the embedding table on a GPU, of any format: weight by weight from file blocks, as decode_row.h does it on a
// CPU.
#pragma once
#include "batch/gpu/pages.h"
#include "embed/gpu/launch.h"
#include "quant/decode.h"

template <class F> struct embed {
  typedef EmbedLaunch Params;
  typedef EmbedShared Shared;
  enum { threads = embed_cols, groups_per_core = 4 };

  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    int runs = (p.cols + embed_cols - 1) / embed_cols, row = (int)me.group / runs;
    int i = (int)me.group % runs * embed_cols + (int)me.index;
    if (row >= p.batch.header->rows || i >= p.cols) return;
    i64 line = (i64)lines_of(p.batch)[row].token * (p.cols / (int)F::block) + i / (int)F::block;
    p.out[(i64)row * p.cols + i] = decode<F>(view{p.table + line * (int)F::block_bytes}, i % (int)F::block) * p.scale;
  }
};
