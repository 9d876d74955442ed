// Rotary position embedding of one head (Su et al. 2021): pairs of elements are rotated by position · frequency.
#pragma once

struct RopeParams {
  float* x;              // (head_size), rotated in place
  const float* cosines;  // (dims / 2) of this position, magnitude included
  const float* sines;    // (dims / 2)
  int dims;              // elements rotated, even; the rest stays
  int halves;            // 1: pairs (i, i + dims/2);  0: pairs (2i, 2i+1)
};
