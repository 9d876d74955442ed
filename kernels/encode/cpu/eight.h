// Eight floats at once, as the compiler spells them on any machine. What the lanes are is up to the reader: eight
// candidates for a scale, eight weights, eight codewords. Whatever the machine, each lane rounds alike.
#pragma once

typedef float eight __attribute__((vector_size(32)));
typedef i32 eight_ints __attribute__((vector_size(32)));

fn eight_of(float x) { return eight{x, x, x, x, x, x, x, x}; }
fn load_eight(const float* p) {
  eight v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
fn store_eight(float* p, eight v) { __builtin_memcpy(p, &v, sizeof v); }
fn smaller(eight a, eight b) { return a < b ? a : b; }
fn larger(eight a, eight b) { return a > b ? a : b; }
fn magnitude(eight a) { return (eight)((eight_ints)a & 0x7fffffff); }
// To the nearest integer, ties to even, of |a| < 2^22: what is behind the point does not fit beside 1.5 · 2^23.
fn rounded(eight a) { return (a + 12582912.0f) - 12582912.0f; }
// 1 / a, and 0 where that is too large to count with.
fn inverse_of(eight a) { return magnitude(a) > 1e-30f ? 1.0f / a : eight{}; }
fn inverse_of(float a) { return a > 1e-30f || a < -1e-30f ? 1.0f / a : 0.0f; }
fn halves_turned(eight a) { return __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3); }
fn pairs_turned(eight a) { return __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5); }
fn lanes_turned(eight a) { return __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6); }
// The sum of all lanes: pairs that are four apart, then two, then one.
fn sum_of(eight a) {
  a += halves_turned(a), a += pairs_turned(a);
  return a[0] + a[1];
}
// The largest and the smallest value, in every lane.
fn largest_of(eight a) {
  a = larger(a, halves_turned(a)), a = larger(a, pairs_turned(a));
  return larger(a, lanes_turned(a));
}
fn smallest_of(eight a) {
  a = smaller(a, halves_turned(a)), a = smaller(a, pairs_turned(a));
  return smaller(a, lanes_turned(a));
}
// The lane of the largest value, of numbers; the first of equals.
fn lane_of_largest(eight a) {
  eight lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  return (int)smallest_of(a == largest_of(a) ? lanes : eight_of(7))[0];
}
