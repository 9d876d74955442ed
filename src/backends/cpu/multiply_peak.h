// How fast a machine multiplies codes when nothing is loaded from beyond the L1 cache, in the lane vocabulary: the peak
// that prompts are compared with.
#pragma once

// Vectors of codes times four tokens, a sum for each pair: three vectors, or two where a sum takes two registers. That
// hides the latency of any machine. No array, which would be in memory.
template <class Dot> struct many_sums {
  enum { vectors = Dot::fits < 1024 ? 2 : 3 };
  Dot a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3;
  template <class Of> void each(const Of& of) {
    of(a0), of(a1), of(a2), of(a3), of(b0), of(b1), of(b2), of(b3);
    if constexpr (vectors == 3) of(c0), of(c1), of(c2), of(c3);
  }
  void add(const u8 (&w)[3][4 * lane_rows], const i8 (&x)[4][4]) {
    bytes a = load_bytes(w[0]), b = load_bytes(w[1]), c = load_bytes(w[2]), x0 = repeat4(x[0]), x1 = repeat4(x[1]),
          x2 = repeat4(x[2]), x3 = repeat4(x[3]);
    a0.add(a, x0), a1.add(a, x1), a2.add(a, x2), a3.add(a, x3);
    b0.add(b, x0), b1.add(b, x1), b2.add(b, x2), b3.add(b, x3);
    if constexpr (vectors == 3) c0.add(c, x0), c1.add(c, x1), c2.add(c, x2), c3.add(c, x3);
  }
};

static i64 run_multiply(i64 rounds) {
  typedef dot_small<15> Dot;
  enum { until_widened = Dot::fits < 1024 ? (int)Dot::fits : 1024 };  // a multiple of 4, and a divisor of the rounds
  u8 w[3][4 * lane_rows] = {};
  i8 x[4][4] = {};
  many_sums<Dot> sums;
  auto round = [&] {
    asm volatile("" : "+m"(w), "+m"(x));  // opaque to the compiler: no round can be optimized away
    sums.add(w, x);
  };
  for (i64 done = 0; done < rounds; done += until_widened) {
    for (int r = 0; r < until_widened; r += 4) round(), round(), round(), round();
    sums.each([](Dot& s) { s.widen(); });
  }
  ints all = broadcast((i32)0);
  sums.each([&](Dot& s) { all = add(all, s.total()); });
  alignas(64) float kept[lane_rows];
  store(kept, to_floats(all));
  asm volatile("" ::"m"(kept));
  return rounds * 4 * sums.vectors * 4 * lane_rows;
}
