// Formats of successive integers under one scale, without a minimum: what the fit finds is all there is to it, and such
// formats are chosen for their speed. Eight scales are tried. Many groups take each step together: the steps of one
// wait for each other, those of others do not.
#pragma once
#include "encode/params.h"
#include "encode/cpu/exact.h"
#include "encode/cpu/levels.h"
#include "encode/put.h"

enum { groups_together = 16 };

static inline bool one_scale_suffices(const EncodeForm& f) {
  return !f.has_sub && !f.min.present && f.level.in_order && f.scale.few == 0 && !f.run_of_eight &&
         (f.scale.per_group || f.group == f.block);
}

// Inverses of the scales to try: five of them for the end of the levels that is further from 0, and three for the
// other.
template <bool weighted> static inline eight scales_to_try(const EncodeForm& f, const float* x, const float* w) {
  const EncodeLevels& l = f.level;
  spread s = spread_of<weighted>(x, w, f.group);
  float size = s.largest < 0 ? -s.largest : s.largest, lo = l.values[0], hi = l.values[l.count - 1];
  if (!(size > 1e-30f) || !(s.w > 0)) return eight{};
  float first = -lo > hi ? lo : hi, second = -lo > hi ? hi : lo, inverse_size = 1 / size,
        beyond = beyond_of(l, s, size);
  if (lo == -hi) second = 0;
  if (!f.scale.negative && lo < 0 && lo != -hi) first = (first < 0) == (s.largest < 0) ? first : second, second = 0;
  side at = side_of(l, first, s, inverse_size, beyond);
  eight step = {0, 1, 2, 3, 4, 5, 6, 7};
  if (second == 0) return at.from + step * ((at.to - at.from) * (1.0f / 7));
  side other = side_of(l, second, s, inverse_size, beyond);
  eight_ints of_first = step < 5.0f;
  return of_first ? at.from + step * ((at.to - at.from) * (1.0f / 4))
                  : other.from + (step - 4.0f) * ((other.to - other.from) * (1.0f / 4));
}

// Whether numbers may be products of a stored scale and a level: those of a short scale end in zeros.
static inline bool may_be_exact(const float* x) {
  u32 bits[4];
  __builtin_memcpy(bits, x, sizeof bits);
  return ((bits[0] | bits[1] | bits[2] | bits[3]) & 15) == 0;
}

// The scale of numbers that are weights of the format.
static __attribute__((noinline)) bool exact_scale(const EncodeForm& f, const float* x, float& scale) {
  exact_form e = {
      .f = f, .x = x, .groups = 1, .scale = 0, .min = 0, .sub = {}, .sub_min = {}, .widths = {}, .on_levels = false};
  bool found = e.find<true>([] { return true; });
  scale = e.scale * f.unit;
  return found;
}

template <bool weighted>
static inline float scale_of_group(const EncodeForm& f, const float* x, const float* w, eight t) {
  best_scales best;
  try_scales<true, weighted, 1>(f.level, x, w, f.group, &t, best);
  if (float scale; may_be_exact(x) && exact_scale(f, x, scale)) return scale;
  return best.best().scale;
}

template <bool weighted> static void encode_one_scale(const EncodeParams& p) {
  const EncodeForm& f = *p.form;
  const EncodeLevels& l = f.level;
  int groups = f.block / f.group;
  i64 all = p.blocks * groups;
  float ones[encode_max_block], scales[groups_together];
  u32 fields[2 * encode_max_block], bits[groups_together];
  eight tries[groups_together], lo = eight_of(l.values[0]), hi = eight_of(l.values[l.count - 1]);
  for (float& one : ones) one = 1.0f;
  for (i64 from = 0; from < all; from += groups_together) {
    int n = all - from < groups_together ? (int)(all - from) : groups_together;
    const float *x = p.x + from * f.group, *w = weighted ? p.importance + from * f.group : ones;
    int w_step = weighted ? f.group : 0;
    for (int k = 0; k < n; k++) tries[k] = scales_to_try<weighted>(f, x + k * f.group, w + k * w_step);
    for (int k = 0; k < n; k++) scales[k] = scale_of_group<weighted>(f, x + k * f.group, w + k * w_step, tries[k]);
    for (int k = 0; k < n; k++) {
      if (weighted && scales[k] == 0)  // nothing that weighs is left: as if all weighed the same
        scales[k] = scale_of_group<false>(f, x + k * f.group, ones, scales_to_try<false>(f, x + k * f.group, ones));
      bits[k] = stored_bits(f.scale, scales[k] / f.unit), scales[k] = inverse_of(f.unit * f.scale.value(bits[k]));
    }
    for (int k = 0; k < n; k++) {
      int g = (int)((from + k) % groups);
      const float* xs = x + k * f.group;
      fields[f.scale_field + g] = bits[k];
      for (int i = 0; i < f.group; i += 8) {
        eight v = rounded(smaller(larger(load_eight(xs + i) * scales[k], lo), hi));
        eight_ints code = __builtin_convertvector(v, eight_ints) + l.in_order_from;
        __builtin_memcpy(fields + g * f.group + i, &code, sizeof code);
      }
      if (g == groups - 1) put_block(f, fields, p.to + (from + k) / groups * f.block_bytes);
    }
  }
}
