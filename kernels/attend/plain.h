// Attention in double, softmax in two passes over all positions: the reference for streaming attention. `key(j, i)` and
// `value(j, i)` are element i of position j; `weights` has space for one double per position.
#pragma once
#include "attend/keys.h"
#include "attend/params.h"

template <class Key, class Value>
static inline void attend_plain(const AttendParams& p, Key key, Value value, double* weights) {
  for (int t = 0; t < p.tokens; t++)
    for (int h = 0; h < p.heads; h++) {
      const float* query = p.query + t * p.query_stride + h * p.key_size;
      int last = p.position + t, first = p.window > 0 && last >= p.window ? last - p.window + 1 : 0;
      double max = -1e300, total = 0;
      for (int j = first; j <= last; j++) {
        double s = 0;
        for (int i = 0; i < p.key_size; i++) s += (double)query[i] * key(j, i);
        weights[j] = s * p.scale;
        max = weights[j] > max ? weights[j] : max;
      }
      for (int j = first; j <= last; j++) total += weights[j] = __builtin_exp(weights[j] - max);
      for (int i = 0; i < p.value_size; i++) {
        double y = 0;
        for (int j = first; j <= last; j++) y += weights[j] / total * value(j, i);
        p.out[t * p.out_stride + h * p.value_size + i] = (float)y;
      }
    }
}

// Keys and values of f16 in pages.
static inline void attend_plain(const AttendParams& p, double* weights) {
  auto page = [&](const u8* of, i64 page_bytes, int j) {
    return (const u16*)(of + p.pages[j / attend_page] * page_bytes);
  };
  attend_plain(
      p,
      [&](int j, int i) {
        return (double)half_to_float(page(p.keys, p.key_page_bytes, j)[key_at(j % attend_page, i, p.key_size)]);
      },
      [&](int j, int i) {
        return (double)half_to_float(page(p.values, p.value_page_bytes, j)[j % attend_page * p.value_size + i]);
      },
      weights);
}
