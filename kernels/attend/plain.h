// Attention in double, softmax in two passes: the twin that streaming attention is compared with. `weights` holds last + 1 doubles.
#pragma once

inline void attend_plain(const AttendParams& p, double* weights) {
  double most = -1e300, total = 0;
  for (int j = p.first; j <= p.last; j++) {
    double s = 0;
    for (int i = 0; i < p.head_size; i++) s += (double)p.query[i] * half_to_float(p.keys[(i64)j * p.head_size + i]);
    weights[j] = s * p.scale;
    most = weights[j] > most ? weights[j] : most;
  }
  for (int j = p.first; j <= p.last; j++) total += weights[j] = __builtin_exp(weights[j] - most);
  for (int i = 0; i < p.head_size; i++) {
    double y = 0;
    for (int j = p.first; j <= p.last; j++) y += weights[j] / total * half_to_float(p.values[(i64)j * p.head_size + i]);
    p.out[i] = (float)y;
  }
}
