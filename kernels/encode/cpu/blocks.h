// Blocks of a format, from floats. A group's scale is fitted alone; the fitted scales are themselves numbers near to
// integers times a scale, so the block's scale comes from the same fit; then, in turn, each group takes the sub-scale
// and sub-minimum with the least error under the block's numbers, and least squares give the numbers that suit all the
// integers best. The best of all that was seen is written, bit by bit as the form says.
#pragma once
#include "encode/params.h"
#include "encode/cpu/codewords.h"
#include "encode/cpu/exact.h"
#include "encode/cpu/levels.h"
#include "encode/put.h"

template <bool steps, bool weighted> struct level_coder {
  const EncodeForm& f;
  const float *x, *w;
  float levels[encode_max_block];

  explicit level_coder(const EncodeForm& form) : f(form) {}
  void start(const float* x_, const float* w_) { x = x_, w = w_; }
  level_fit fit(int g) const {
    int at = g * f.group;
    return f.min.present ? fit_range<steps>(f.level, x + at, w + at, f.group)
                         : fit_scale<steps, weighted>(f.level, x + at, w + at, f.group,
                                                      f.has_sub ? f.sub.values[0] < 0 : f.scale.negative);
  }
  eight errors(int g, eight scale, eight low) const {
    return errors_of<steps>(f.level, x + g * f.group, w + g * f.group, f.group, scale, low);
  }
  const float* numbers(int g) const { return x + g * f.group; }
  void prepare(int, float) {}
  bool is_exact(int, int, float error) const { return error == 0; }
  float choose(int g, level_fit& l) {
    return choose_levels<steps>(f.level, x + g * f.group, w + g * f.group, f.group, l, levels + g * f.group);
  }
};

// Codes of the groups first … end − 1, as fields.
template <bool steps, bool weighted>
fn put_codes(const level_coder<steps, weighted>& c, int first, int end, u32* fields) -> void {
  const EncodeLevels& l = c.f.level;
  if (l.in_order)
    for (int i = first * c.f.group; i < end * c.f.group; i++) fields[i] = (u32)((i32)c.levels[i] + l.in_order_from);
  else
    for (int i = first * c.f.group; i < end * c.f.group; i++)
      fields[i] = l.patterns[(int)c.levels[i] + encode_max_levels];
}
fn put_codes(const codeword_coder& c, int first, int end, u32* fields) -> void {
  for (int r = first * c.f.group / 8; r < end * c.f.group / 8; r++) fields[r] = c.codes[r];
}

// Place of the level nearest to t.
static inline int nearest_place(const EncodeLevels& l, float t) {
  if (l.steps) {
    float at = t - l.values[0];
    return at >= (float)(l.count - 1) ? l.count - 1 : at > 0 ? (int)(at + 0.5f) : 0;
  }
  int k = 0;
  while (k < l.count - 1 && t > l.middles[k]) k++;
  return k;
}
// Place of the level below t.
static inline int place_below(const EncodeLevels& l, float t) {
  int k = nearest_place(l, t);
  return k - (l.values[k] > t);
}
static inline int within(const EncodeLevels& l, int k) { return k < 0 ? 0 : k > l.count - 1 ? l.count - 1 : k; }

// Groups that share a scale, and how they are written: the numbers that are stored, and places among the levels of
// sub-scales and sub-minima.
struct written {
  float error, scale, min;
  int sub[encode_max_groups], sub_min[encode_max_groups];
};

template <class Coder> struct region {
  Coder& c;
  const EncodeForm& f;
  int first, end;  // groups of the block
  level_fit fits[encode_max_groups];
  float sum_w[encode_max_groups], sum_wx[encode_max_groups];
  written best;
  u32* fields;

  region(Coder& coder, int first_group, int end_group, u32* to)
      : c(coder), f(coder.f), first(first_group), end(end_group), fields(to) {
    best.error = 3e38f;
  }

  void fit() {
    for (int g = first; g < end; g++) {
      fits[g] = c.fit(g);
      float w = 0, wx = 0;
      if (f.min.present)
        for (int i = g * f.group; i < (g + 1) * f.group; i++) w += c.w[i], wx += c.w[i] * c.x[i];
      sum_w[g] = w, sum_wx[g] = wx;
    }
  }

  // The sub-scale of group g, and its sub-minimum, that make the least error.
  void choose_sub(int g, written& r) const {
    const level_fit& fit = fits[g];
    float step = f.unit * r.scale, inverse = inverse_of(step), least = 3e38f;
    int sub[8], sub_min[8] = {};
    eight scale = {}, low = eight_of(f.min.present ? r.min : 0.0f);
    r.sub[g] = r.sub_min[g] = 0;
    auto try_eight = [&] {
      eight errors = c.errors(g, scale, low);
      for (int k = 0; k < 8; k++)
        if (errors[k] < least) least = errors[k], r.sub[g] = sub[k], r.sub_min[g] = sub_min[k];
    };
    if (f.has_sub_min) {
      int below = place_below(f.sub_min, fit.low * inverse_of(r.min));
      for (int part = 0; part < 2; part++) {
        for (int k = 0; k < 8; k++) {
          sub_min[k] = within(f.sub_min, below - 1 + 2 * part + k / 4);
          low[k] = r.min * f.sub_min.values[sub_min[k]];
          float wanted = fit.vv > 0 ? (fit.vx - low[k] * fit.v) / fit.vv : fit.scale;
          sub[k] = within(f.sub, place_below(f.sub, wanted * inverse) - 1 + k % 4);
          scale[k] = step * f.sub.values[sub[k]];
        }
        try_eight();
      }
    } else {
      bool all = f.sub.count <= 16;
      int from = all ? 0 : place_below(f.sub, fit.scale * inverse) - 3;
      for (int part = 0; part < (all ? (f.sub.count + 7) / 8 : 1); part++) {
        for (int k = 0; k < 8; k++) sub[k] = within(f.sub, from + 8 * part + k), scale[k] = step * f.sub.values[sub[k]];
        try_eight();
      }
    }
  }

  // Writes the groups under r's numbers. Returns, in r's numbers, those that would suit the integers best.
  void write(written& r) {
    float ss = 0, sm = 0, mm = 0, sx = 0, mx = 0;  // of the sum of squares, in the two numbers
    r.error = 0;
    for (int g = first; g < end; g++) {
      if (f.has_sub) choose_sub(g, r);
      float s = f.unit * (f.has_sub ? f.sub.values[r.sub[g]] : 1.0f),
            m = f.has_sub_min ? f.sub_min.values[r.sub_min[g]] : 1.0f;
      level_fit l = {r.scale * s, f.min.present ? r.min * m : 0.0f, 0, 0, 0};
      r.error += c.choose(g, l);
      ss += s * s * l.vv, sx += s * l.vx;
      if (f.min.present) sm += s * m * l.v, mm += m * m * sum_w[g], mx += m * sum_wx[g];
      if (l.vv > 0) {
        fits[g].vv = l.vv, fits[g].vx = l.vx, fits[g].v = l.v;
        if (!f.min.present) fits[g].scale = l.vx / l.vv;
      }
    }
    if (r.error < best.error) best = r, put_codes(c, first, end, fields);
    float d = ss * mm - sm * sm;
    if (!f.min.present)
      r.scale = ss > 0 ? sx / ss : 0;
    else if (d > 1e-6f * ss * mm)
      r.scale = (mm * sx - sm * mx) / d, r.min = (ss * mx - sm * sx) / d;
  }

  // Numbers of the block that the fitted ones of its groups are near to integers of.
  void begin(written& r) const {
    float scales[encode_max_groups], scale_weights[encode_max_groups], lows[encode_max_groups],
        low_weights[encode_max_groups];
    for (int g = first; g < end; g++) {
      const level_fit& l = fits[g];
      scales[g - first] = l.scale / f.unit, scale_weights[g - first] = l.vv;
      lows[g - first] = l.low, low_weights[g - first] = sum_w[g];
    }
    int n = end - first;
    r.scale = f.has_sub ? fit_scale(f.sub, scales, scale_weights, n, f.scale.negative).scale : scales[0];
    r.min = f.has_sub_min ? fit_scale(f.sub_min, lows, low_weights, n, f.min.negative).scale : lows[0];
  }

  // Every number that is near, where there are few.
  void search_few(written r) {
    int near = 0;
    while (near < f.scale.few - 1 && f.scale.values[near] < r.scale) near++;
    float numbers[8], least = 3e38f;
    eight scale = {};
    for (int k = 0; k < 8; k++) {
      int at = near - 4 + k;
      numbers[k] = f.scale.values[at < 0 ? 0 : at < f.scale.few ? at : f.scale.few - 1];
      scale[k] = f.unit * numbers[k];
    }
    eight errors = c.errors(first, scale, eight{});
    for (int k = 0; k < 8; k++)
      if (errors[k] < least) least = errors[k], r.scale = numbers[k];
    write(r);
  }

  // Takes numbers that are weights of the format as what they are.
  bool recover() {
    exact_form e = {.f = f,
                    .x = c.numbers(first),
                    .groups = end - first,
                    .scale = 0,
                    .min = 0,
                    .sub = {},
                    .sub_min = {},
                    .widths = {},
                    .on_levels = false};
    auto accept = [&] {
      written r;
      r.scale = e.scale, r.min = e.min, r.error = 0;
      for (int g = first; g < end; g++) {
        r.sub[g] = e.sub[g - first], r.sub_min[g] = e.sub_min[g - first];
        level_fit l = {f.unit * r.scale * e.sub_of(r.sub[g]), f.min.present ? r.min * e.sub_min_of(r.sub_min[g]) : 0.0f,
                       0, 0, 0};
        c.prepare(g, l.scale);
        r.error += c.choose(g, l);
      }
      if (!c.is_exact(first, end, r.error)) return false;
      best = r, put_codes(c, first, end, fields);
      return true;
    };
    return f.level.steps ? e.find<true>(accept) : e.find<false>(accept);
  }

  void search() {
    if (recover()) return;
    fit();
    written r = {};
    begin(r);
    if (f.scale.few && !f.has_sub && !f.min.present) return search_few(r);
    for (int round = 0; round < 3; round++) {
      written w = r;
      w.scale = stored(f.scale, r.scale), w.min = f.min.present ? stored(f.min, r.min) : 0.0f;
      if (round && w.scale == best.scale && w.min == best.min) break;
      write(w);
      r.scale = w.scale, r.min = w.min;
    }
  }
};
