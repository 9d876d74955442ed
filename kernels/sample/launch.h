// What the launches that choose the next token are given on a GPU: the greatest logits, sorted, and the logarithm of the sum of all
// exponentials, from which the probability of each follows. Of equal logits the one with the lower id counts as the greater; what is not
// finite makes the sum NaN.
//
//   sample_parts  a thread group per sample_part logits: the greatest of them, and their sum
//   sample_best   one thread group: the greatest of all, and the whole sum; then, if asked, the next token's turn
#pragma once

enum { sample_warps = 8, sample_part = 1024, sample_most = 64 };

struct SampleLaunch {
  DEVICE const float* logits;  // (vocab)
  DEVICE float* part_logits;   // (parts, top) the greatest of a part, sorted
  DEVICE i32* part_ids;        // (parts, top) theirs
  DEVICE float* part_most;     // (parts) a part's greatest logit
  DEVICE float* part_total;    // (parts) Σ exp(logit − most)
  DEVICE float* best_logits;   // (top) the greatest of all, sorted
  DEVICE i32* best_ids;        // (top) theirs; −1 behind the last of a small vocabulary
  DEVICE float* log_sum;       // (1) log Σ exp(logit)
  DEVICE Turn* turn;           // becomes the turn of the first of them; null: left as it is
  i32 vocab, parts;            // parts: vocab / sample_part, rounded up
  i32 top;                     // 1 … sample_most
};

struct SampleRoom {
  float logits[sample_part];  // candidates
  i32 ids[sample_part];
  float of_warps[sample_warps];
  i32 ids_of_warps[sample_warps];
};
