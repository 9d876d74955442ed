// What launches share from token to token, and what the embedding's launch is given.
#pragma once

// What changes between runs of a recorded sequence; it lies in device memory.
struct Turn {
  i32 position;  // of the first token
  i32 count;     // tokens
  i32 ids[1];    // (count)
};

struct EmbedLaunch {
  BYTES table;         // file rows of the embedding
  DEVICE const Turn* turn;
  DEVICE float* out;   // (tokens, cols)
  i32 cols;
  float scale;
};
