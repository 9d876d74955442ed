// The codewords nearest to runs of eight weights. With w the importance and t = 1 / scale, the codeword v that makes
// Σ w (x − scale · v)² least is the one that makes
//
//   a · t − b      a = Σ w x v,   b = ½ Σ w v²
//
// largest, and the error is Σ w x² − 2 · scale² · (a · t − b). So a and b are computed once, of the codewords near to
// where the scale is about to put x, and every scale that is tried after that costs a product and a difference.
//
// Signs that a book leaves out are those of x. Where their number of minuses has to be even and is odd, the weight
// whose sign is wrong costs 2 w |x| v: a codeword's a is less by that, of the weight where it is least.
#pragma once
#include "encode/params.h"
#include "encode/cpu/eight.h"
#include "encode/cpu/levels.h"

enum { list_length = encode_max_near * 2, block_runs = encode_max_block / 8 };

// Codewords that a run may take.
struct shortlist {
  i32 count;  // a multiple of 8
  float a[list_length], b[list_length];
  float turned[list_length];  // a, with one sign wrong
  const u32* codes[2];        // of the first half, and of the second
};

struct codeword_coder {
  const EncodeForm& f;
  const float *x, *w;
  float sizes[encode_max_block];      // x without the signs that books leave out
  u8 minus[block_runs];               // masks of minus signs
  bool odd[block_runs];               // one of them has to be turned
  shortlist lists[block_runs][2][2];  // by run, book and variant
  u32 codes[block_runs];

  explicit codeword_coder(const EncodeForm& form) : f(form) {}
  void start(const float* x_, const float* w_) {
    x = x_, w = w_;
    for (int r = 0; r < f.block / 8; r++) {
      minus[r] = 0;
      for (int k = 0; k < 8; k++) {
        float xk = x[8 * r + k];
        if (f.signs && xk < 0) minus[r] |= (u8)(1 << k);
        sizes[8 * r + k] = f.signs && xk < 0 ? -xk : xk;
      }
      odd[r] = f.signs == 2 && __builtin_parity(minus[r]);
    }
  }

  // The cell of numbers · t.
  static int cell_of(const EncodeBook& k, const float* numbers, float t) {
    if (k.levels <= 1) return 0;
    int cell = 0;
    for (int d = k.length - 1; d >= 0; d--) {
      int place = 0;
      for (int n = 0; n < k.levels - 1; n++) place += numbers[d] * t > k.middles[n];
      cell = cell * k.levels + place;
    }
    return cell;
  }
  // The codewords of a cell, into one half of a list.
  void add_cell(const EncodeBook& k, int run, int cell, int half, shortlist& to) const {
    float values[8 * encode_max_near];
    const i8* from = k.values + (i64)cell * k.length * k.near;
    for (int i = 0; i < k.length * k.near; i++) values[i] = (float)from[i];
    const float *xs = sizes + 8 * run + k.first, *ws = w + 8 * run + k.first;
    for (int e = 0; e < k.near; e += 8) {
      eight a = {}, b = {}, least = eight_of(3e38f);
      for (int d = 0; d < k.length; d++) {
        eight v = load_eight(values + d * k.near + e), wv = v * ws[d], p = wv * xs[d];
        a += p, b += wv * v, least = smaller(least, p);
      }
      store_eight(to.a + to.count + e, a), store_eight(to.b + to.count + e, 0.5f * b);
      store_eight(to.turned + to.count + e, a - 2.0f * least);
    }
    to.codes[half] = k.codes + (i64)cell * k.near;
    to.count += k.near;
  }

  level_fit fit(int g) {
    level_fit l = fit_scale(f.level, sizes + g * f.group, w + g * f.group, f.group,
                            f.has_sub ? f.sub.values[0] < 0 : f.scale.negative && !f.signs);
    list(g, 0.92f * inverse_of(l.scale), 1.08f * inverse_of(l.scale));
    return l;
  }
  const float* numbers(int g) const { return sizes + g * f.group; }
  void prepare(int g, float scale) { list(g, inverse_of(scale), inverse_of(scale)); }
  bool is_exact(int first, int end, float error) const {
    float whole = 0;
    for (int i = first * f.group; i < end * f.group; i++) whole += w[i] * x[i] * x[i];
    return error + whole <= 1e-5f * whole;
  }

  // The codewords that are near at the scales 1 / t0 and 1 / t1.
  void list(int g, float t0, float t1) {
    for (int r = g * f.group / 8; r < (g + 1) * f.group / 8; r++)
      for (int book = 0; book < f.books; book++)
        for (int variant = 0; variant < f.variants; variant++) {
          const EncodeBook& k = f.book[book][variant];
          shortlist& to = lists[r][book][variant];
          to.count = 0;
          const float* numbers = sizes + 8 * r + k.first;
          int one = cell_of(k, numbers, t0), other = cell_of(k, numbers, t1);
          add_cell(k, r, one, 0, to);
          if (other != one) add_cell(k, r, other, 1, to);
        }
  }

  // The largest a · t − b of a list, for eight t.
  static eight best_of(const shortlist& l, const float* a, eight t) {
    eight best = eight_of(-3e38f);
    for (int e = 0; e < l.count; e++) best = larger(best, a[e] * t - l.b[e]);
    return best;
  }
  eight best_of_run(int r, int variant, eight t) const {
    const shortlist& first = lists[r][0][variant];
    if (f.books == 1) return best_of(first, odd[r] ? first.turned : first.a, t);
    const shortlist& second = lists[r][1][variant];
    eight one = best_of(first, first.a, t), two = best_of(second, second.a, t);
    if (!odd[r]) return one + two;
    return larger(best_of(first, first.turned, t) + two, one + best_of(second, second.turned, t));
  }
  // Errors of a group at eight scales, less what is the same for all.
  eight errors(int g, eight scale, eight) const {
    eight t = inverse_of(scale), sums[2] = {};
    for (int r = g * f.group / 8; r < (g + 1) * f.group / 8; r++) {
      eight one = best_of_run(r, 0, t), two = f.variants > 1 ? best_of_run(r, 1, t) : one;
      sums[0] += f.variant_is_shared ? one : larger(one, two), sums[1] += two;
    }
    return -2.0f * scale * scale * (f.variant_is_shared ? larger(sums[0], sums[1]) : sums[0]);
  }

  struct chosen {
    float score;
    int place;
    float a, b;
  };
  static chosen choose_from(const shortlist& l, const float* a, float t) {
    chosen best = {-3e38f, 0, 0, 0};
    eight scores = eight_of(-3e38f);
    int at = 0;
    for (int e = 0; e < l.count; e += 8) {
      eight s = load_eight(a + e) * t - load_eight(l.b + e);
      scores = larger(scores, s);
    }
    best.score = scores[lane_of_largest(scores)];
    while (at < l.count - 1 && a[at] * t - l.b[at] != best.score) at++;
    best.place = at, best.a = a[at], best.b = l.b[at];
    return best;
  }
  // The code bits of an entry of a list, and its values.
  const u32* code_of(int run, int book, int variant, int place) const {
    const shortlist& l = lists[run][book][variant];
    int near = f.book[book][variant].near;
    return l.codes[place / near] + place % near;
  }
  // The weight whose sign costs least.
  int cheapest_sign(int run, int book, int variant, int place) const {
    const EncodeBook& k = f.book[book][variant];
    i64 at = code_of(run, book, variant, place) - k.codes;  // [cell][near]
    const i8* v = k.values + at / k.near * k.length * k.near + at % k.near;
    int best = k.first;
    float least = 3e38f;
    for (int d = 0; d < k.length; d++) {
      int i = 8 * run + k.first + d;
      if (float cost = w[i] * (float)v[d * k.near] * sizes[i]; cost < least) least = cost, best = k.first + d;
    }
    return best;
  }
  // Codewords of one run at the scale 1 / t, added to the sums; returns a · t − b.
  float choose_run(int r, int variant, float t, level_fit& sums, u32& code) const {
    chosen picked[2][2] = {};
    for (int book = 0; book < f.books; book++) {
      const shortlist& l = lists[r][book][variant];
      picked[book][0] = choose_from(l, l.a, t);
      if (odd[r]) picked[book][1] = choose_from(l, l.turned, t);
    }
    int turned = !odd[r] ? -1
                 : f.books == 1 || picked[0][1].score + picked[1][0].score > picked[0][0].score + picked[1][1].score
                     ? 0
                     : 1;
    u32 mask = minus[r];
    float score = 0;
    code = 0;
    for (int book = 0; book < f.books; book++) {
      const chosen& c = picked[book][turned == book];
      if (turned == book) mask ^= 1u << cheapest_sign(r, book, variant, c.place);
      code |= *code_of(r, book, variant, c.place);
      sums.vx += c.a, sums.vv += 2 * c.b, score += c.score;
    }
    if (f.signs) code |= f.sign_codes[mask];
    return score;
  }
  // A whole group with one variant, or each run with its best.
  float choose_group(int g, int from, int to, float t, level_fit& sums, u32* found) const {
    float score = 0;
    for (int r = g * f.group / 8; r < (g + 1) * f.group / 8; r++) {
      float best = -3e38f;
      level_fit with_best = sums;
      for (int variant = from; variant < to; variant++) {
        level_fit tried = sums;
        u32 code;
        if (float s = choose_run(r, variant, t, tried, code); s > best) best = s, with_best = tried, found[r] = code;
      }
      score += best, sums = with_best;
    }
    return score;
  }
  float choose(int g, level_fit& l) {
    float t = inverse_of(l.scale), best = -3e38f;
    int first = g * f.group / 8, end = (g + 1) * f.group / 8;
    level_fit given = {l.scale, 0, 0, 0, 0};
    for (int part = 0; part < (f.variant_is_shared ? f.variants : 1); part++) {
      level_fit sums = given;
      u32 found[block_runs];
      bool shared = f.variant_is_shared;
      float score = choose_group(g, shared ? part : 0, shared ? part + 1 : f.variants, t, sums, found);
      if (score > best) {
        best = score, l = sums;
        for (int r = first; r < end; r++) codes[r] = found[r];
      }
    }
    return -2 * l.scale * l.scale * best;
  }
};
