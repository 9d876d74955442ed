// What changes from token to token, and what a launch of the embedding is given on a GPU. The launches of a token are recorded once: what
// they read anew lies in device memory, at the same place every time.
#pragma once

// The tokens that a run of the plan computes. `count` token ids (i32) follow it.
struct Turn {
  i32 position;  // of the first token
  i32 count;     // tokens
};

//   out[token][i] = scale · table[id of the token][i]
//
// A thread group takes embed_cols columns of one token, a thread one of them: tokens · ⌈cols / embed_cols⌉ groups.
enum { embed_cols = 256 };

struct EmbedLaunch {
  DEVICE const Turn* turn;
  BYTES table;        // (vocab, cols) as file blocks
  DEVICE float* out;  // (tokens, cols)
  i32 cols;           // a multiple of the format's block
  float scale;
};
struct EmbedRoom { u32 none; };
