// The op itself: the reference for the launches. `ids` (top) and `logits` (top) of the greatest, by repeated search;
// returns log Σ exp(logit), in double.
#pragma once

static inline double sample_plain(const float* all, int vocab, int top, i32* ids, float* logits) {
  for (int k = 0; k < top; k++) {
    ids[k] = -1;
    for (int i = 0; i < vocab; i++) {
      bool taken = k > 0 && (ids[k - 1] < 0 || all[i] > logits[k - 1] || (all[i] == logits[k - 1] && i <= ids[k - 1]));
      if (!taken && (ids[k] < 0 || all[i] > logits[k])) ids[k] = i, logits[k] = all[i];
    }
  }
  double sum = 0;
  for (int i = 0; i < vocab; i++) sum += __builtin_exp((double)all[i] - logits[0]);
  return logits[0] + __builtin_log(sum);
}
