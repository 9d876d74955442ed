// Strategy of GPUs: a thread group a token, weight by weight from file blocks.
#pragma once

template <class F> struct embed_rows {
  typedef EmbedLaunch Params;
  struct Room { i32 none; };
  enum { threads = 256 };
  fn run(PARAMS(EmbedLaunch) p, SHARED Room&, Place at) -> void {
    BYTES row = p.table + (i64)p.turn->ids[at.group] * (p.cols / (int)F::block) * (int)F::block_bytes;
    DEVICE float* out = p.out + (i64)at.group * p.cols;
    for (int i = (int)at.index; i < p.cols; i += threads)
      out[i] = p.scale * decode<F>(view{row + (i64)(i / (int)F::block) * (int)F::block_bytes}, i % (int)F::block);
  }
};
