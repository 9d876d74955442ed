// Numbers that are weights of the format already, as they are when a model is encoded again: found to be so, they come
// back bit for bit. In the group with the widest numbers, one of few scales must put all of them on levels; one of few
// sub-scales of it must give a scale that can be stored; and then every other group has to follow. Numbers that are no
// such weights fail the first test, which takes eight scales at a time and most often sees two numbers.
#pragma once
#include "encode/params.h"
#include "encode/cpu/eight.h"
#include "encode/cpu/levels.h"

static inline float size_of(float a) { return a < 0 ? -a : a; }
static inline bool near_to(float a, float b, float tolerance) { return size_of(a - b) <= tolerance; }
static inline bool near_integer(float a) {
  float off = a - __builtin_nearbyintf(a);
  return off < 0.01f && off > -0.01f;
}

// The numbers of a region, and how they are stored: what `written` of blocks.h has room for.
struct exact_form {
  const EncodeForm& f;
  const float* x;  // [groups · group], without signs where codewords leave them out
  int groups;
  float scale, min;
  int sub[encode_max_groups], sub_min[encode_max_groups];
  spread widths[encode_max_groups];
  bool on_levels;  // the pivot's numbers are, at some scale

  bool has_min() const { return f.min.present; }
  int n_subs() const { return f.has_sub ? f.sub.count : 1; }
  int n_sub_mins() const { return f.has_sub_min ? f.sub_min.count : 1; }
  float sub_of(int k) const { return f.has_sub ? f.sub.values[k] : 1.0f; }
  float sub_min_of(int k) const { return f.has_sub_min ? f.sub_min.values[k] : 1.0f; }

  // Whether all numbers of a group are factor · v + low, computed as decoding does.
  bool group_is(int g, float factor, float low) const {
    const EncodeLevels& l = f.level;
    float t = inverse_of(factor);
    for (const float *xi = x + g * f.group, *end = xi + f.group; xi < end; xi++) {
      float y = (*xi - low) * t, v;
      if (l.steps) {
        v = __builtin_nearbyintf(y);
        v = v < l.values[0] ? l.values[0] : v > l.values[l.count - 1] ? l.values[l.count - 1] : v;
      } else {
        int k = 0;
        while (k < l.count - 1 && y > l.middles[k]) k++;
        v = l.values[k];
      }
      float w = factor * v;
      if (has_min()) w = w + low;
      if (w != *xi) return false;
    }
    return true;
  }
  bool find_group(int g) {
    const float* xs = x + g * f.group;
    for (int k = 0; k < n_subs(); k++) {
      float factor = f.unit * scale * sub_of(k), t = inverse_of(factor);
      sub[g] = k, sub_min[g] = 0;
      if (!has_min()) {
        if (group_is(g, factor, 0)) return true;
        continue;
      }
      float width = widths[g].most - widths[g].least;
      if (factor == 0 ? width != 0 : !near_integer(width * t) || !near_integer((xs[1] - xs[0]) * t)) continue;
      // The first number is on some level; what is left is the minimum.
      for (int n = 0; n < (factor == 0 ? 1 : f.level.count); n++) {
        float low = xs[0] - factor * f.level.values[n], at = low * inverse_of(min);
        int h = 0;
        if (f.has_sub_min) {
          if (!near_integer(at)) continue;
          while (h < f.sub_min.count - 1 && at > f.sub_min.middles[h]) h++;
        }
        sub_min[g] = h;
        if (group_is(g, factor, min * sub_min_of(h))) return true;
      }
    }
    return false;
  }
  bool find_groups(int pivot) {
    if (!find_group(pivot)) return false;
    for (int g = 0; g < groups; g++)
      if (g != pivot && !find_group(g)) return false;
    return true;
  }

  // How far off what is computed from the pivot's numbers may be: they are rounded, and so are their parts.
  float noise(int pivot, float part) const {
    const spread& s = widths[pivot];
    return 0x1p-21f * (size_of(s.least) + size_of(s.most) + size_of(part));
  }

  // Minima with which the pivot's least number is on a level.
  template <class Accept> bool find_min(int pivot, float group_scale, const Accept& accept) {
    if (!has_min()) return find_groups(pivot) && accept();
    for (int g = 0; g < groups; g++)
      if (!near_integer((widths[g].most - widths[g].least) * inverse_of(f.unit * scale))) return false;
    for (int n = 0; n < f.level.count; n++) {
      float low = (group_scale < 0 ? widths[pivot].most : widths[pivot].least) - group_scale * f.level.values[n];
      for (int h = 0; h < n_sub_mins(); h++) {
        float wanted = low * inverse_of(sub_min_of(h));
        min = stored(f.min, wanted);
        if (!near_to(min * sub_min_of(h), low, noise(pivot, group_scale * f.level.values[n]))) continue;
        if (find_groups(pivot) && accept()) return true;
      }
    }
    return false;
  }

  // A scale of the pivot that puts its numbers on levels: which scales of the region make it?
  template <class Accept> bool find_scale_of(int pivot, float group_scale, const Accept& accept) {
    for (int k = n_subs() - 1; k >= 0; k--) {
      if (sub_of(k) == 0) continue;
      float wanted = group_scale / (f.unit * sub_of(k));
      scale = stored(f.scale, wanted);
      float tolerance = has_min() ? noise(pivot, 0) * size_of(wanted) / (widths[pivot].most - widths[pivot].least)
                                  : 1e-6f * size_of(wanted);
      if (near_to(scale, wanted, tolerance) && find_min(pivot, f.unit * scale * sub_of(k), accept)) return true;
    }
    return false;
  }

  // `accept` has the last word on what was found.
  template <bool steps, class Accept> bool find(const Accept& accept) {
    float sizes[encode_max_groups];
    for (int g = 0; g < groups; g++) {
      const spread& s = widths[g] = spread_of(x + g * f.group, x + g * f.group, f.group);
      sizes[g] = has_min() ? s.most - s.least : s.largest < 0 ? -s.largest : s.largest;
    }
    // A pivot without a minimum does not tell what the others' is: then the next one may.
    for (int tries = 0; tries < groups; tries++) {
      int pivot = 0;
      for (int g = 1; g < groups; g++)
        if (sizes[g] > sizes[pivot]) pivot = g;
      if (!(sizes[pivot] > 1e-30f)) return false;
      if (find_by<steps>(pivot, accept)) return true;
      if (!on_levels || !has_min()) return false;
      sizes[pivot] = 0;
    }
    return false;
  }
  // The largest is at one of the levels; of a range, so many levels above the least, or under it.
  template <bool steps, class Accept> bool find_by(int pivot, const Accept& accept) {
    const spread& s = widths[pivot];
    on_levels = false;
    if (!has_min()) return find_from<steps>(pivot, 0, s.largest, accept);
    return find_from<steps>(pivot, s.least, s.most - s.least, accept) ||
           (f.scale.negative && find_from<steps>(pivot, s.most, s.least - s.most, accept));
  }
  // Whether two numbers may be on levels together with the one that is `size` above base, at any scale: what most often
  // says no, so without a branch.
  template <bool steps> bool may_be_on_levels(const float* xs, float base, float size) const {
    const EncodeLevels& l = f.level;
    int a = 0, b = f.group / 2;  // neither may be that number, nor base
    while (a < b && (xs[a] == base || xs[a] - base == size)) a++;
    while (b < f.group - 1 && (xs[b] == base || xs[b] - base == size)) b++;
    float ratio_a = (xs[a] - base) / size, ratio_b = (xs[b] - base) / size;
    eight least = eight_of(1), first = {1, 2, 3, 4, 5, 6, 7, 8};
    if (steps || has_min()) {
      float reach = l.values[l.count - 1] - l.values[0];
      if (!has_min()) reach = size_of(l.values[0]) > l.values[l.count - 1] ? -l.values[0] : l.values[l.count - 1];
      for (float from = 0; from < reach; from += 8) {
        eight v = first + from, ya = v * ratio_a, yb = v * ratio_b;
        least = smaller(least, larger(magnitude(ya - rounded(ya)), magnitude(yb - rounded(yb))));
      }
    } else {
      for (int from = 0; from < l.count; from += 8) {
        eight v = load_eight(l.values + from), ya = v * ratio_a, yb = v * ratio_b;
        least = smaller(
            least, larger(magnitude(ya - nearest_levels<false>(l, ya)), magnitude(yb - nearest_levels<false>(l, yb))));
      }
    }
    return smallest_of(least)[0] < (has_min() ? 2e-3f : 1e-4f);
  }
  template <bool steps, class Accept> bool find_from(int pivot, float base, float size, const Accept& accept) {
    const EncodeLevels& l = f.level;
    const float* xs = x + pivot * f.group;
    if (!may_be_on_levels<steps>(xs, base, size)) return false;
    for (int from = 0; from < l.count; from += 8) {
      eight v = load_eight(l.values + from), t = (has_min() ? v - l.values[0] : v) * (1 / size), wrong = {};
      for (int k = 0; k < 8; k++)
        if (from + k >= l.count || t[k] == 0) wrong[k] = 1;
      for (int i = 0; i < f.group; i++) {
        eight y = (xs[i] - base) * t;
        eight off = has_min() ? magnitude(y - rounded(y)) - 2e-3f : magnitude(y - nearest_levels<steps>(l, y)) - 1e-4f;
        wrong = larger(wrong, off);
        if (i > 0 && smallest_of(wrong)[0] > 0) break;
      }
      for (int k = 0; k < 8; k++) {
        if (wrong[k] > 0) continue;
        on_levels = true;
        if (find_scale_of(pivot, 1 / t[k], accept)) return true;
      }
    }
    return false;
  }
};
