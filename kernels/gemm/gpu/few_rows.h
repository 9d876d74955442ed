// Strategy for 2 to 32 tokens: a warp sums its run of K (gemv/runs.h) of one row group after another, 32 rows at once,
// on tensor cores from registers. Weights come by the warp's own copies into a ring, as for one token
// (gemv/gpu/rows_past_input.h), and with them the input where it does not fit the group's memory.
//
// Lane 4 g + t holds of rows 4 g … 4 g + 3 the quads 2 t and 2 t + 1 of a chunk, so codes are 16 bytes of shared memory
// per word, and factors of four rows are adjacent. To the matrix unit rows 4 g + 2 i and 4 g + 2 i + 1 are lines g and
// g + 8 of tile i. It adds to 1.5 · 2^23 as integer bits: a sum below 2^22 is then a float but for a subtraction, which
// is exact.
#pragma once
#include "gemm/gpu/launch.h"
#include "gemm/gpu/steps.h"
#include "gemv/gpu/rows_past_input.h"

// Row groups of 32 in the order in which a thread group takes them; pairs: of the first matrix, then the same one of
// the second.
template <bool pairs> struct few_items {
  int first, count;
  MEMBER group_share share(PARAMS(GemvLaunch) p, int i) const {
    if (pairs) return group_share{i % 2, first + i / 2, 0};
    group_share share = {0, first + i, 0};
    while (share.row_group >= p.segment[share.segment].groups) share.row_group -= p.segment[share.segment++].groups;
    return share;
  }
  template <class F> MEMBER row_address address(PARAMS(GemvLaunch) p, int i) const {
    group_share s = share(p, i);
    return row_address{p.segment[s.segment].weights +
                           (i64)s.row_group * (p.cols / (int)F::block) * (int)resident<F, lane_rows>::tile_bytes,
                       0};
  }
};
// Of one of the matrices of a pair, one row group.
struct few_item {
  int segment, row_group;
  enum { count = 1 };
  MEMBER group_share share(PARAMS(GemvLaunch), int) const { return group_share{segment, row_group, 0}; }
  template <class F> MEMBER row_address address(PARAMS(GemvLaunch) p, int) const {
    return row_address{p.segment[segment].weights +
                           (i64)row_group * (p.cols / (int)F::block) * (int)resident<F, lane_rows>::tile_bytes,
                       0};
  }
};

// Reads the fields of row `first` + r, r below 4, of a chunk in the ring.
struct four_rows_reader {
  SHARED const u8* fields;
  int first, r;
  template <int n> MEMBER u32 bits(int) {
    SHARED const u8* here = fields + first * n;
    fields += warp_lanes * n;
    if constexpr (n == 1) {
      return *(SHARED const u32*)here >> 8 * r & 0xffu;
    } else if constexpr (n == 2) {
      int2 both = *(SHARED const int2*)here;
      return (u32)(r < 2 ? both.x : both.y) >> 16 * (r % 2) & 0xffffu;
    } else {
      uint4 all = *(SHARED const uint4*)here;
      return r == 0 ? all.x : r == 1 ? all.y : r == 2 ? all.z : all.w;
    }
  }
};

// Two chunks of the input, of N tokens, in shared memory: codes, (half chunk, token, 16), where the fours of eight
// tokens change places in odd halves, so that lanes meet all banks; then scales (chunk, token), then sums of 16 codes
// (half chunk, token).
template <int N> struct few_pair {
  enum { scales_at = 16 * N, sums_at = 18 * N, words = 22 * N };
  fn code_slot(int sixteen, int token) -> int { return sixteen * N + (token ^ sixteen % 2 * 4); }
};

template <int N, bool kept, class F> struct few_rows {
  typedef resident<F, lane_rows> L;
  typedef split_rows<F> Rows;
  typedef chunk_factors<F> Factors;
  typedef row_stream<F, lane_rows> Stream;
  typedef few_pair<N> Pair;
  enum {
    groups = Factors::groups,
    tiles = N / 8,
    reads_sums = (int)L::mins > 0 || (int)codes_zero<F>::left != 0,
    middle = !(bool)facts<F>::table && (int)F::code_bits == 4 && (int)codes_zero<F>::taken_off == 8,
    code_words = (int)F::code_bits,
    slot_words = (int)Stream::pieces * 4 + (kept ? 0 : (int)Pair::words),
    fit = (kept ? (int)few_kept_ring_bytes : (int)few_ring_bytes) / (4 * (int)slot_words),
    ahead = (int)fit > 6 ? 6 : (int)fit,
    magic = 0x4b400000
  };
  static_assert(ahead > 1, "some chunks are on their way");

  struct State {
    typename Stream::State weights;
    int to[Stream::copies];     // where in a slot a lane's copies go, in 16 bytes
    int slot;                   // that is used or filled next
    int x_group, x_at, x_slot;  // of the input
  };

  // Words of codes are stored so that the lanes of a quarter of a warp read from all banks.
  fn code_piece(int word, int fours) -> int {
    return word * 8 + (fours ^ 2 * (((int)F::code_bits == 8 ? word / 2 : word) % 4));
  }

  template <class Items>
  fn ask_weights(PARAMS(GemvLaunch) p, THREAD const Items& items, THREAD State& s, int slot, SHARED u32* ring) -> void {
    THREAD typename Stream::State& w = s.weights;
    if (w.group >= items.count) return;
    SHARED uint4* to = (SHARED uint4*)(ring + slot * slot_words);
    UNROLL(8)
    for (int j = 0; j < Stream::copies; j++) {
      if (w.at + w.chunk[j] < w.run.end) copy_four(to + s.to[j], w.from[j]);
      w.from[j] += Stream::step_of(w, j);
    }
    w.at += 2;
    if (w.at >= w.run.end && ++w.group < items.count) Stream::go_to(p, items, w.group, w);
  }
  // Chunks c and c + 1 of the pass's tokens, by a warp. Lines of scales and sums follow each other where the pass has
  // all tokens; where it has a part of them they are 32.
  template <bool with_sums> fn ask_pair(PARAMS(GemvLaunch) p, int first, int c, SHARED u32* to, int lane) -> void {
    int there = p.cols / 32 - c < 2 ? p.cols / 32 - c : 2, tokens = p.tokens, width = width_of(p, first);
    DEVICE const i8* codes = p.codes.codes + ((i64)(2 * c) * tokens + first) * 16;
    UNROLL(8)
    for (int piece = lane; piece < 4 * N; piece += warp_lanes) {
      int sixteen = piece / N, n = piece % N;
      if (n < width && sixteen < 2 * there)
        copy_four((SHARED uint4*)to + Pair::code_slot(sixteen, n), (BYTES)(codes + (sixteen * tokens + n) * 16));
    }
    int at = N < few_max_tokens || width == tokens ? 4 * lane : lane / (N / 4) * tokens + lane % (N / 4) * 4;
    if (4 * lane < there * width)
      copy_four((SHARED uint4*)(to + Pair::scales_at) + lane, (BYTES)(p.codes.scales + (i64)c * tokens + first + at));
    if (with_sums && 2 * lane < there * width)
      copy_four((SHARED uint4*)(to + Pair::sums_at) + lane, (BYTES)(p.codes.sums + (i64)(2 * c) * tokens + first + at));
  }
  fn width_of(PARAMS(GemvLaunch) p, int first) -> int { return p.tokens - first < N ? p.tokens - first : N; }
  fn ask_input(PARAMS(GemvLaunch) p, int first, int count, THREAD State& s, SHARED u32* ring, Thread me) -> void {
    if constexpr (!kept) {
      if (s.x_group < count) {
        ask_pair<(bool)reads_sums>(p, first, s.x_at, ring + s.x_slot * slot_words + (int)Stream::pieces * 4,
                                   (int)me.lane());
        s.x_at += 2;
        if (s.x_at >= s.weights.run.end) s.x_group++, s.x_at = s.weights.run.begin;
        s.x_slot = s.x_slot + 1 == ahead ? 0 : s.x_slot + 1;
      }
    }
  }

  // Asks for the first weights, before the input is there; then, for its input and, where it is kept, behind it.
  template <class Items>
  fn begin(PARAMS(GemvLaunch) p, THREAD const Items& items, THREAD State& s, SHARED u32* ring, Thread me) -> void {
    s.weights.run = Stream::run_of(p.cols, me);
    Stream::set_pieces(s.weights, me);
    UNROLL(8)
    for (int j = 0; j < Stream::copies; j++) {
      int piece = j * warp_lanes + (int)me.lane(), codes = 8 * code_words, chunk = piece / codes * codes;
      s.to[j] = piece < 2 * codes ? chunk + code_piece((piece - chunk) / 8, piece % 8) : piece;
    }
    Stream::go_to(p, items, 0, s.weights);
    s.slot = 0, s.x_group = 0, s.x_at = s.weights.run.begin, s.x_slot = 0;
    if (s.weights.run.begin >= s.weights.run.end) s.weights.group = s.x_group = items.count;
    UNROLL(1)
    for (int a = 0; a < ahead; a++) {
      ask_weights(p, items, s, a, ring);
      if (kept) close_copies();
    }
  }
  fn begin_input(PARAMS(GemvLaunch) p, int first, int count, THREAD State& s, SHARED u32* ring, Thread me) -> void {
    UNROLL(1)
    for (int a = 0; a < (kept ? 0 : (int)ahead); a++) ask_input(p, first, count, s, ring, me), close_copies();
  }
  // The whole input, by all threads.
  template <bool with_sums> fn keep(PARAMS(GemvLaunch) p, int first, SHARED u32* to, Thread me) -> void {
    for (int c = 2 * (int)me.warp(); c < p.cols / 32; c += 2 * few_warps)
      ask_pair<with_sums>(p, first, c, to + c / 2 * Pair::words, (int)me.lane());
    close_copies();
    await_copies<0>();
  }

  // Quads 2 t and 2 t + 1 of rows 4 g …, as stored.
  template <int bits, int first>
  fn load_quads(SHARED const uint4* codes, int g, int t, THREAD u32 (&low)[4], THREAD u32 (&high)[4]) -> void {
    constexpr int p = plane_split<bits>::first, at = plane_split<bits>::rest;
    constexpr u32 mask = (u32)((1 << p) - 1) << at;
    u32 words[4];
    if constexpr (p == 8) {
      uint4 a = codes[code_piece(first + 2 * t, g)], b = codes[code_piece(first + 2 * t + 1, g)];
      low[0] = a.x, low[1] = a.y, low[2] = a.z, low[3] = a.w;
      high[0] = b.x, high[1] = b.y, high[2] = b.z, high[3] = b.w;
    } else {
      uint4 a = codes[code_piece(first + (p == 4 ? t : p == 2 ? t / 2 : 0), g)];
      u32 shift = p == 4 ? 0u : p == 2 ? (u32)(t % 2 * 4) : (u32)(2 * t);
      words[0] = a.x >> shift, words[1] = a.y >> shift, words[2] = a.z >> shift, words[3] = a.w >> shift;
      UNROLL(4)
      for (int r = 0; r < 4; r++) {
        low[r] = shift_and_mask<-at>(words[r], mask);
        high[r] = shift_and_mask<p - at>(words[r], mask);
      }
    }
    if constexpr (at > 0) {
      u32 more_low[4], more_high[4];
      load_quads<at, first + p>(codes, g, t, more_low, more_high);
      UNROLL(4)
      for (int r = 0; r < 4; r++) low[r] = merge(low[r], more_low[r]), high[r] = merge(high[r], more_high[r]);
    }
  }
  fn signed_of(u32 codes, table16 table) -> u32 {
    constexpr u32 zeros = (u32)codes_zero<F>::taken_off * 0x01010101u;
    if constexpr (facts<F>::table)
      return table_lookup(codes, table);
    else if constexpr (zeros != 0)
      return (codes + (0x80808080u - zeros)) ^ 0x80808080u;  // no byte carries into the next
    else
      return codes;
  }
  // Values of the two tiles' lines. `middle`: 16 times as large, as 4 bits whose zero is 8 are the upper ones of a
  // signed byte but for their highest bit.
  fn load_values(SHARED const uint4* codes, int g, int t, table16 table, THREAD u32 (&a)[2][4]) -> void {
    u32 low[4], high[4];
    if constexpr (middle) {
      uint4 words = codes[code_piece(t, g)];
      low[0] = words.x, low[1] = words.y, low[2] = words.z, low[3] = words.w;
      UNROLL(4)
      for (int r = 0; r < 4; r++) {
        high[r] = (low[r] & 0xf0f0f0f0u) ^ 0x80808080u;
        low[r] = (low[r] << 4 & 0xf0f0f0f0u) ^ 0x80808080u;
      }
    } else {
      load_quads<(int)F::code_bits, 0>(codes, g, t, low, high);
      UNROLL(4)
      for (int r = 0; r < 4; r++) low[r] = signed_of(low[r], table), high[r] = signed_of(high[r], table);
    }
    UNROLL(2)
    for (int i = 0; i < 2; i++)
      a[i][0] = low[2 * i], a[i][1] = low[2 * i + 1], a[i][2] = high[2 * i], a[i][3] = high[2 * i + 1];
  }
  fn value_of_sum(i32 sum) {
    if constexpr (!Factors::exact)
      return sum - (i32)magic;
    else if constexpr (middle)
      return fma(float_of((u32)sum), 0.0625f, -786432.0f);
    else
      return float_of((u32)sum) - 12582912.0f;
  }

  // Chunk i of a slot, times those of the input at `x`.
  fn add_chunk(SHARED const u32* slot, int i, SHARED const u32* x, int tokens, table16 table, u32 lane,
               THREAD float (&acc)[tiles][8]) -> void {
    int g = (int)lane / 4, t = (int)lane % 4;
    u32 a[2][4];
    load_values((SHARED const uint4*)slot + i * 8 * code_words, g, t, table, a);
    Factors f[4];
    UNROLL(4)
    for (int r = 0; r < 4; r++) {
      four_rows_reader from = {
          (SHARED const u8*)(slot + (2 * (int)Stream::code_pieces + i * (int)Stream::field_pieces) * 4), 4 * g, r};
      f[r] = Rows::factors_from(from, 0, 0);
    }
    UNROLL(4)
    for (int n = 0; n < tiles; n++) {
      int2 both = *(SHARED const int2*)(x + Pair::code_slot(2 * i + t / 2, 8 * n + g) * 4 + t % 2 * 2);
      float2 scales = *(SHARED const float2*)(x + Pair::scales_at + i * tokens + 8 * n + 2 * t);
      u32 sums[groups][2];
      if constexpr (reads_sums) {
        int2 first = *(SHARED const int2*)(x + Pair::sums_at + 2 * i * tokens + 8 * n + 2 * t),
             second = *(SHARED const int2*)(x + Pair::sums_at + (2 * i + 1) * tokens + 8 * n + 2 * t);
        if constexpr (groups == 2)
          sums[0][0] = (u32)first.x, sums[0][1] = (u32)first.y, sums[1][0] = (u32)second.x, sums[1][1] = (u32)second.y;
        else
          sums[0][0] = (u32)first.x + (u32)second.x, sums[0][1] = (u32)first.y + (u32)second.y;
      }
      i32 products[2][groups][4];
      UNROLL(2)
      for (int h = 0; h < groups; h++) {
        bool mine = groups == 1 || t / 2 == h;  // quads of the group
        u32 b[2] = {mine ? (u32)both.x : 0u, mine ? (u32)both.y : 0u};
        UNROLL(2)
        for (int tile = 0; tile < 2; tile++) {
          UNROLL(4)
          for (int k = 0; k < 4; k++) {
            products[tile][h][k] = (i32)magic;
            if constexpr (codes_zero<F>::left != 0)
              products[tile][h][k] = (i32)((u32)magic - (u32)(int)codes_zero<F>::left * sums[h][k % 2]);
          }
          add_products(products[tile][h], a[tile], b);
        }
      }
      UNROLL(2)
      for (int side = 0; side < 2; side++) {
        float x_scale = side == 0 ? scales.x : scales.y, inputs[groups];
        UNROLL(2)
        for (int h = 0; h < groups; h++) {
          inputs[h] = 0;
          if constexpr (reads_sums) inputs[h] = (float)(i32)sums[h][side] * x_scale;
        }
        UNROLL(4)
        for (int r = 0; r < 4; r++) {
          decltype(value_of_sum(0)) values[groups];
          UNROLL(2)
          for (int h = 0; h < groups; h++) values[h] = value_of_sum(products[r / 2][h][r % 2 * 2 + side]);
          acc[n][r / 2 * 4 + r % 2 * 2 + side] =
              Factors::accumulate(f[r], values, inputs, x_scale, acc[n][r / 2 * 4 + r % 2 * 2 + side]);
        }
      }
    }
  }

  // The run's sums of the next row group: acc[n][4 i + 2 j + k] of row 4 g + 2 i + j and token 8 n + 2 t + k.
  template <class Items> fn sum(PARAMS(GemvLaunch) p, int first, THREAD const Items& items, SHARED const u32* input,
                                THREAD State& s, SHARED u32* ring, Thread me, THREAD float (&acc)[tiles][8]) -> void {
    table16 table = split_codes<F>::table();
    int end = s.weights.run.end, width = width_of(p, first);
    UNROLL(4)
    for (int n = 0; n < tiles; n++) UNROLL(8)
    for (int i = 0; i < 8; i++) acc[n][i] = 0;
    UNROLL(1)
    for (int c = s.weights.run.begin; c < end; c += 2) {
      await_copies<ahead - 1>();
      warp_barrier();
      SHARED const u32* slot = ring + s.slot * slot_words;
      SHARED const u32* x = kept ? input + c / 2 * Pair::words : slot + (int)Stream::pieces * 4;
      add_chunk(slot, 0, x, width, table, me.lane(), acc);
      if (c + 1 < end) add_chunk(slot, 1, x, width, table, me.lane(), acc);
      warp_barrier();  // all lanes have read the slot
      ask_weights(p, items, s, s.slot, ring);
      ask_input(p, first, items.count, s, ring, me);
      close_copies();
      s.slot = s.slot + 1 == ahead ? 0 : s.slot + 1;
    }
  }
  // The ring may be used for something else.
  fn end() -> void {
    await_copies<0>();
    warp_barrier();
  }
};
