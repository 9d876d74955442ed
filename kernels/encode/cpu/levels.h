// The best scale, and minimum, under which numbers are near to integers of a list:  x[i] ≈ scale · v[i] + low,  each v
// one of the levels, by the sum of w · (x − …)². Weights of a group are fitted so, and then the scales of a block's
// groups to its sub-scales.
//
// Scales are tried eight at a time, a lane each: with the levels that x / scale is nearest to, least squares give the
// scale that suits them best, and how much of Σ w x² it explains. So a sum runs over i in one order in every lane.
#pragma once
#include "encode/params.h"
#include "encode/cpu/eight.h"

// Bits of the finite number nearest to x, and its value.
static inline u32 stored_bits(const EncodeNumber& n, float x) {
  return n.nearest(x >= n.largest ? n.largest : x <= -n.largest ? -n.largest : x == x ? x : 0.0f);
}
static inline float stored(const EncodeNumber& n, float x) { return n.value(stored_bits(n, x)); }

struct level_fit {
  float scale, low;  // low: what is added; 0 where a format has no minimum
  float vv, vx, v;   // Σ w v², Σ w v x, Σ w v at the levels that they were fitted to
};

template <bool steps> fn nearest_levels(const EncodeLevels& l, eight t) {
  if constexpr (steps) {
    t = smaller(larger(t, eight_of(l.values[0])), eight_of(l.values[l.count - 1]));
    return rounded(t);
  } else {
    eight v = eight_of(l.values[0]);
    for (int k = 0; k < l.count - 1; k++) v += t > l.middles[k] ? eight_of(l.gaps[k]) : eight{};
    return v;
  }
}

struct spread {
  float least, most, largest;  // largest: the one of the largest magnitude
  float w, wx, wxx;            // sums
};
template <bool weighted = true> static inline spread spread_of(const float* x, const float* w, int n) {
  eight least = eight_of(x[0]), most = least, sw = {}, wx = {}, wxx = {};
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    eight xi = load_eight(x + i), wi = weighted ? load_eight(w + i) : eight_of(1), product = weighted ? wi * xi : xi;
    least = smaller(least, xi), most = larger(most, xi);
    if (weighted) sw += wi;
    wx += product, wxx += product * xi;
  }
  spread s = {smallest_of(least)[0],
              largest_of(most)[0],
              0,
              weighted ? sum_of(sw) : (float)(n / 8 * 8),
              sum_of(wx),
              sum_of(wxx)};
  for (; i < n; i++) {
    s.least = x[i] < s.least ? x[i] : s.least, s.most = x[i] > s.most ? x[i] : s.most;
    s.w += w[i], s.wx += w[i] * x[i], s.wxx += w[i] * x[i] * x[i];
  }
  s.largest = -s.least > s.most ? s.least : s.most;
  return s;
}

// Half the width of the best quantizer of normal numbers with so many levels, in standard deviations (Max, 1960).
static inline float loading(int count) {
  return count <= 2 ? 0.8f : count <= 3 ? 1.2f : count <= 4 ? 1.5f : count <= 8 ? 2.05f : count <= 16 ? 2.5f : 3.0f;
}

// The best of the scales that were tried, in each lane.
struct best_scales {
  eight gain = {}, vx = {}, vv = {};  // gain: Σ w x² less the error
  void take(eight x, eight v) {
    eight g = v > 0 ? x * x / v : eight{};
    eight_ints better = g > gain;
    gain = better ? g : gain, vx = better ? x : vx, vv = better ? v : vv;
  }
  level_fit best() const {
    int k = lane_of_largest(gain);
    return gain[k] > 0 ? level_fit{vx[k] / vv[k], 0, vv[k], vx[k], 0} : level_fit{0, 0, 0, 0, 0};
  }
};

// Tries the scales 1 / t. Sums of even and of odd places are added up apart, so that one need not wait for the other.
template <bool steps, bool weighted, int n_eights> static inline void try_scales(const EncodeLevels& l, const float* x,
                                                                                 const float* w, int n, const eight* t,
                                                                                 best_scales& best) {
  eight vx[n_eights][2], vv[n_eights][2];
  for (int c = 0; c < n_eights; c++) vx[c][0] = vv[c][0] = vx[c][1] = vv[c][1] = eight{};
  auto add = [&](int i, int part) {
    for (int c = 0; c < n_eights; c++) {
      eight v = nearest_levels<steps>(l, t[c] * x[i]), wv = weighted ? v * w[i] : v;
      vx[c][part] += wv * x[i], vv[c][part] += wv * v;
    }
  };
  int i = 0;
  for (; i + 2 <= n; i += 2) add(i, 0), add(i + 1, 1);
  if (i < n) add(i, 0);
  for (int c = 0; c < n_eights; c++) best.take(vx[c][0] + vx[c][1], vv[c][0] + vv[c][1]);
}

// Where to look for the scale with which the largest number comes to lie at one end of the levels: its inverse is
// between `from` and `to`. Some of what is between cuts the largest numbers off, which serves the rest.
struct side {
  float from, to;
};
// The largest number, where normal numbers of this deviation are served best.
static inline float beyond_of(const EncodeLevels& l, const spread& s, float size) {
  return 1.1f * size / (loading(l.count) * __builtin_sqrtf(s.wxx / s.w) + 1e-30f);
}
static inline side side_of(const EncodeLevels& l, float end, const spread& s, float inverse_size, float beyond) {
  float lo = l.values[0], hi = l.values[l.count - 1], range = (hi - lo) / (float)(l.count - 1);
  bool turned = lo != -hi && (end < 0) != (s.largest < 0);
  float most = end < 0 ? -end : end, unit = turned ? -inverse_size : inverse_size, from = most - 0.9f * range,
        to = most + 0.9f * range;
  from = from < 0.6f * most ? 0.6f * most : from;
  to = to < beyond * most ? beyond * most : to;
  return {from * unit, to * unit};
}

// `negative`: the scale may be below zero.
template <bool steps, bool weighted>
static inline level_fit fit_scale(const EncodeLevels& l, const float* x, const float* w, int n, bool negative) {
  spread s = spread_of(x, w, n);
  float size = s.largest < 0 ? -s.largest : s.largest, lo = l.values[0], hi = l.values[l.count - 1];
  best_scales best;
  if (!(size > 1e-30f) || !(s.w > 0)) return best.best();
  eight step = {0, 1, 2, 3, 4, 5, 6, 7}, t[4];
  float inverse_size = 1 / size, beyond = beyond_of(l, s, size);
  int tried = 0;
  for (int k = 0; k < 2; k++) {
    float end = k ? hi : lo;
    bool mirrored = lo == -hi;  // no scale below zero is needed
    if (end == 0 || (end == lo && (mirrored || lo > 0))) continue;
    if (!negative && !mirrored && lo < 0 && (end < 0) != (s.largest < 0)) continue;
    side at = side_of(l, end, s, inverse_size, beyond);
    float apart = (at.to - at.from) * (1.0f / 15);
    t[tried++] = at.from + step * apart;
    t[tried++] = at.from + (step + 8) * apart;
  }
  if (tried == 4)
    try_scales<steps, weighted, 4>(l, x, w, n, t, best);
  else
    try_scales<steps, weighted, 2>(l, x, w, n, t, best);
  level_fit found = best.best();
  if (found.scale == 0) return found;
  t[0] = (1.0f + (step - 3.5f) * (0.12f / (hi - lo))) * inverse_of(found.scale);
  try_scales<steps, weighted, 1>(l, x, w, n, t, best);
  return best.best();
}
static inline level_fit fit_scale(const EncodeLevels& l, const float* x, const float* w, int n, bool negative) {
  return l.steps ? fit_scale<true, true>(l, x, w, n, negative) : fit_scale<false, true>(l, x, w, n, negative);
}

// With a minimum. Lanes differ in where x begins and ends among the levels.
template <bool steps> static inline void try_ranges(const EncodeLevels& l, const float* x, const float* w, int n,
                                                    const spread& s, eight t, eight low, float& best_gain,
                                                    level_fit& best) {
  eight v1 = {}, vv = {}, vx = {};
  for (int i = 0; i < n; i++) {
    eight v = nearest_levels<steps>(l, (x[i] - low) * t), wv = v * w[i];
    v1 += wv, vv += wv * v, vx += wv * x[i];
  }
  eight d = s.w * vv - v1 * v1;
  eight sound = d > 1e-6f * s.w * vv ? 1.0f / d : eight{};
  eight scale = (s.w * vx - v1 * s.wx) * sound, least = (vv * s.wx - v1 * vx) * sound;
  eight gain = scale * vx + least * s.wx;
  int k = lane_of_largest(gain);
  if (gain[k] > best_gain) best_gain = gain[k], best = {scale[k], least[k], vv[k], vx[k], v1[k]};
}
template <bool steps> static inline level_fit fit_range(const EncodeLevels& l, const float* x, const float* w, int n) {
  spread s = spread_of(x, w, n);
  float width = s.most - s.least, lo = l.values[0], hi = l.values[l.count - 1];
  if (!(s.w > 0)) return {0, 0, 0, 0, 0};
  float gain = s.wx * s.wx / s.w;
  level_fit best = {0, s.wx / s.w, 0, 0, 0};  // all the same
  if (!(width > 1e-30f)) return best;
  // Whole numbers of levels from the least to the greatest, as where numbers were rounded before; then the levels, and
  // what is between, that they come to lie on: beyond the last ones, they are cut off.
  eight step = {0, 1, 2, 3, 4, 5, 6, 7};
  eight whole = (hi - lo - smaller(step, eight_of(hi - lo - 1))) / width;
  try_ranges<steps>(l, x, w, n, s, whole, s.least - lo / whole, gain, best);
  float reach = l.count > 8 ? 0.9f : 0.5f;
  for (int k = 0; k < 3; k++) {
    float below = lo + reach * (0.5f - 0.5f * (float)k);
    eight above = hi - reach * 0.5f + step * (reach * 0.25f);
    eight t = (above - below) / width;
    try_ranges<steps>(l, x, w, n, s, t, s.least - below / t, gain, best);
  }
  if (best.scale != 0) {
    eight t = (1.0f + (step - 3.5f) * (0.1f / (hi - lo))) * inverse_of(best.scale);
    try_ranges<steps>(l, x, w, n, s, t, eight_of(best.low), gain, best);
  }
  return best;
}
static inline level_fit fit_range(const EncodeLevels& l, const float* x, const float* w, int n) {
  return l.steps ? fit_range<true>(l, x, w, n) : fit_range<false>(l, x, w, n);
}

// Errors of eight pairs of scale and low.
template <bool steps>
static inline eight errors_of(const EncodeLevels& l, const float* x, const float* w, int n, eight scale, eight low) {
  eight t = inverse_of(scale), sum = {};
  for (int i = 0; i < n; i++) {
    eight v = nearest_levels<steps>(l, (x[i] - low) * t), off = x[i] - (scale * v + low);
    sum += off * off * w[i];
  }
  return sum;
}

// The levels of n numbers, a multiple of 8, and their sums; returns the error.
template <bool steps> static inline float choose_levels(const EncodeLevels& l, const float* x, const float* w, int n,
                                                        level_fit& f, float* levels) {
  eight vv = {}, vx = {}, v1 = {}, error = {}, scale = eight_of(f.scale), low = eight_of(f.low),
        t = eight_of(inverse_of(f.scale));
  for (int i = 0; i < n; i += 8) {
    eight xi = load_eight(x + i), v = nearest_levels<steps>(l, (xi - low) * t), wv = v * load_eight(w + i),
          off = xi - (scale * v + low);
    vv += wv * v, vx += wv * xi, v1 += wv, error += off * off * load_eight(w + i);
    store_eight(levels + i, v);
  }
  f.vv = sum_of(vv), f.vx = sum_of(vx), f.v = sum_of(v1);
  return sum_of(error);
}
