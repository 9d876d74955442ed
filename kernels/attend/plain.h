// Attention in double, softmax in two passes: the twin that streaming attention over f16 is compared with. `weights` holds as many doubles
// as there are positions.
#pragma once
#include "keys.h"

static inline void attend_plain(const AttendParams& p, double* weights) {
  for (int t = 0; t < p.tokens; t++)
    for (int h = 0; h < p.heads; h++) {
      const float* query = p.query + t * p.stride + h * p.head_size;
      int last = p.position + t, first = p.window > 0 && last >= p.window ? last - p.window + 1 : 0;
      double most = -1e300, total = 0;
      for (int j = first; j <= last; j++) {
        double s = 0;
        for (int i = 0; i < p.head_size; i++) s += (double)query[i] * half_to_float(((const u16*)p.keys)[key_at(j, i, p.head_size)]);
        weights[j] = s * p.scale;
        most = weights[j] > most ? weights[j] : most;
      }
      for (int j = first; j <= last; j++) total += weights[j] = __builtin_exp(weights[j] - most);
      for (int i = 0; i < p.head_size; i++) {
        double y = 0;
        for (int j = first; j <= last; j++) y += weights[j] / total * half_to_float(((const u16*)p.values)[(i64)j * p.head_size + i]);
        p.out[t * p.stride + h * p.head_size + i] = (float)y;
      }
    }
}
