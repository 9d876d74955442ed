// What the launches that choose the next token of each output are given on a GPU: the greatest logits, sorted, and the
// logarithm of the sum of all exponentials, from which the probability of each follows. Of equal logits the one with
// the lower id counts as the greater; what is not finite makes the sum NaN.
//
//   sample_parts  a thread group per sample_part logits of an output: the greatest of them, and their sum
//   sample_best   a thread group per output: the greatest of all, and the whole sum. The row of an output that is alone
//                 becomes the row of the chosen token, so that the next run of the same sequences needs no header from
//                 the host
#pragma once
#include "batch/gpu/header.h"

enum { sample_warps = 8, sample_part = 1024, sample_max_top = 64 };

struct SampleLaunch {
  DeviceBatch batch;
  DEVICE const float* logits;  // (outputs, vocab)
  DEVICE float* part_logits;   // (outputs, parts, top) the greatest of a part, sorted
  DEVICE i32* part_ids;        // (outputs, parts, top) theirs
  DEVICE float* part_max;      // (outputs, parts) a part's greatest logit
  DEVICE float* part_total;    // (outputs, parts) Σ exp(logit − part_max)
  DEVICE float* best_logits;   // (outputs, top) the greatest of all, sorted
  DEVICE i32* best_ids;        // (outputs, top) theirs; −1 past the last of a small vocabulary
  DEVICE float* log_sum;       // (outputs) log Σ exp(logit)
  i32 vocab, parts;            // parts: vocab / sample_part, rounded up
  i32 top;                     // 1 … sample_max_top
};

struct SampleShared {
  float logits[sample_part];  // candidates
  i32 ids[sample_part];
  float of_warps[sample_warps];
  i32 ids_of_warps[sample_warps];
};
