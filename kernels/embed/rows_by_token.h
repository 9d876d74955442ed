// Rows of the embedding table on a GPU, of any format: weight by weight from file blocks, as decode_row.h does it on a CPU.
#pragma once

fn token_of(DEVICE const Turn* turn, int t) { return ((DEVICE const i32*)(turn + 1))[t]; }

template <class F> struct embed {
  typedef EmbedLaunch Params;
  typedef EmbedRoom Room;
  enum { threads = embed_cols, groups_a_core = 4 };

  fn run(PARAMS(Params) p, SHARED Room&, Place at) -> void {
    launch_dependents();
    dependency_wait();
    int runs = (p.cols + embed_cols - 1) / embed_cols, token = (int)at.group / runs, i = (int)at.group % runs * embed_cols + (int)at.index;
    if (i >= p.cols) return;
    BYTES row = p.table + (i64)token_of(p.turn, token) * (p.cols / (int)F::block) * (int)F::block_bytes;
    p.out[(i64)token * p.cols + i] = decode<F>(view{row + (i64)(i / (int)F::block) * (int)F::block_bytes}, i % (int)F::block) * p.scale;
  }
};
