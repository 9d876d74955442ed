// Strategy for many tokens: weights are expanded once for all tokens of a thread group, a step of K at a time, and
// multiplied on tensor cores; integers of a chunk become floats in registers. While a step is multiplied, the next is
// expanded, and later ones are in flight. Reads the resident layout with 32 rows per tile, and codes in device memory.
#pragma once
#include "gemm/gpu/launch.h"
#include "gemv/chunk.h"
#include "gemv/gpu/rows_split.h"
#include "gemv/gpu/stages.h"
#include "quant/facts.h"
#include "quant/resident.h"

// What is still to be subtracted from the codes that are multiplied: nothing, except for 8-bit codes whose values are
// not signed bytes.
template <class F, bool table = facts<F>::table> struct codes_zero {
  enum { taken_off = 0, left = 0 };
};
template <class F> struct codes_zero<F, false> {
  enum {
    zero = (int)F::zero - ((int)signed_codes<F>::flip ? 128 : 0),
    taken_off = (int)F::code_bits < 8 ? (int)zero : 0,
    left = (int)zero - (int)taken_off
  };
  static_assert(taken_off >= 0 && taken_off <= 128, "a code of less than 8 bits less its zero is a signed byte");
};

template <class F, int q, int end>
fn expand_quads(THREAD const chunk_words<F::code_bits>& words, table16 table, THREAD u32 (&to)[8]) -> void {
  if constexpr (q < end) {
    constexpr u32 zeros = (u32)codes_zero<F>::taken_off * 0x01010101u;
    to[q] = quad_of<F::code_bits, q, 0, F::code_bits>(words);
    if constexpr (facts<F>::table)
      to[q] = table_lookup(to[q], table);
    else if constexpr (zeros != 0)
      to[q] = (to[q] + (0x80808080u - zeros)) ^ 0x80808080u;  // no byte carries into the next
    expand_quads<F, q + 1, end>(words, table, to);
  }
}

// Reads a lane's chunk of a tile in shared memory.
struct staged_reader {
  SHARED const u8* tile;
  SHARED const u8* codes;  // the first word of the lane's
  MEMBER u32 word(int i) const { return *(SHARED const u32*)(codes + i * 4 * lane_rows); }
  template <int n> MEMBER u32 bits(int offset) const {
    if constexpr (n == 1)
      return tile[offset];
    else if constexpr (n == 2)
      return *(SHARED const u16*)(tile + offset);
    else
      return *(SHARED const u32*)(tile + offset);
  }
};

// Where a tile's lanes find the factors of rows and tokens: those of a lane are adjacent.
fn row_slot(int row) { return row / 16 * 16 + row % 8 * 2 + row / 8 % 2; }
fn token_slot(int token) { return token / 16 * 16 + token % 8 / 2 * 4 + token / 8 % 2 * 2 + token % 2; }
fn lane_row_slot(u32 lane) { return 2 * tile_row(lane); }
fn lane_token_slot(u32 lane) { return 2 * tile_column(lane); }

// The sums of a thread: rows tile_row + 8 (i / 2) of its warp's 16, tokens tile_column + 8 n + i mod 2 of its unit's.
template <class Shape> struct gemm_sums {
  float of[Shape::unit_tokens / tile_columns][4];
  MEMBER void clear() {
    UNROLL(8)
    for (int n = 0; n < Shape::unit_tokens / tile_columns; n++) UNROLL(4)
    for (int i = 0; i < 4; i++) of[n][i] = 0;
  }
};

// The rows of a half of the group: a row group of the resident layout, all of one format.
template <class Shape, class F> struct gemm_half {
  typedef resident<F, lane_rows> L;
  typedef chunk_factors<F> Factors;
  enum {
    run = Shape::step % (int)L::chunks == 0   ? (int)Shape::step
          : (int)L::chunks % Shape::step == 0 ? (int)L::chunks
                                              : Shape::step * (int)L::chunks,
    steps_of_run = (int)run / Shape::step,
    runs = (Shape::slots - 1 + (int)steps_of_run - 1) / (int)steps_of_run + 1,
    run_bytes = (int)run / (int)L::chunks * (int)L::tile_bytes,
    reads_sums = (int)L::mins > 0 || (int)codes_zero<F>::left != 0,
    threads = (int)Shape::tokens / (int)Shape::unit_tokens * (int)unit_warps * (int)warp_lanes,
    units = (int)Shape::tokens / (int)Shape::unit_tokens,
    slots_at_once = (int)units < Shape::step / 2 ? 2 * (int)units : (int)Shape::step,  // chunks that are expanded so
    shares = 2 * (int)units / (int)slots_at_once,  // into which the expansion of a chunk is cut, one a warp
    share_quads = 8 / (int)shares
  };

  // Starts copying the bytes from `begin` on of the row group, a run of tiles.
  fn ask(BYTES row_group, int begin, int end, int slot, SHARED u8* tiles, SHARED copy_gate* gate, Thread me) -> void {
    int left = end - begin;
    if (left > 0)
      copy_run(tiles + slot * run_bytes, row_group + begin, left < run_bytes ? left : (int)run_bytes, gate,
               (int)threads, me.index);
  }

  // A share of a chunk's codes, and, with the first, its factors.
  template <int share, class Reader> fn expand_share(THREAD Reader& from, int c, int slot, int row, table16 table,
                                                     SHARED StepWeights<Shape>& to, u32 lane) -> void {
    enum { first = (int)share * (int)share_quads, end = (int)first + (int)share_quads };
    u32 quads[8];
    chunk_words<F::code_bits> words = split_rows<F>::words_from(from);
    expand_quads<F, (int)first, (int)end>(words, table, quads);
    SHARED u32* line = to.codes + (2 * slot * gemm_rows + row) * 4;
    if constexpr ((int)share_quads >= 4) {
      for (int q = first; q < end; q += 4) {
        uint4 four;
        four.x = quads[q], four.y = quads[q + 1], four.z = quads[q + 2], four.w = quads[q + 3];
        *(SHARED uint4*)(line + q * gemm_rows) = four;
      }
    } else {
      int2 two;
      two.x = (i32)quads[first], two.y = (i32)quads[first + 1];
      *(SHARED int2*)(line + first / 4 * 4 * gemm_rows + first % 4) = two;
    }
    if constexpr (share == 0) {
      Factors f = split_rows<F>::factors_from(from, c, (int)lane);
      UNROLL(2)
      for (int g = 0; g < Factors::groups; g++) {
        int at = (2 * slot + g) * gemm_rows + row_slot(row);
        if (g < Factors::additions) to.scales[at] = f.scales[g];
        if constexpr (Factors::weighted) to.subs[at] = f.subs[g];
        if constexpr (L::mins > 0) to.mins[at] = f.mins[g];
      }
    }
  }
  template <class Reader> fn expand(THREAD Reader& from, int c, int slot, int row, int share, table16 table,
                                    SHARED StepWeights<Shape>& to, u32 lane) -> void {
    static_assert(shares == 1 || shares == 2 || shares == 4, "a share is quads of one half of a line");
    if (share == 0) return expand_share<0>(from, c, slot, row, table, to, lane);
    if constexpr ((int)shares >= 2)
      if (share == 1) return expand_share<1>(from, c, slot, row, table, to, lane);
    if constexpr ((int)shares == 4) {
      if (share == 2) return expand_share<2>(from, c, slot, row, table, to, lane);
      expand_share<3>(from, c, slot, row, table, to, lane);
    }
  }
  // The warp's share of chunks of step s: two warps of a unit share a half. `tiles`: the run that the step is of.
  fn expand_step(BYTES row_group, int s, int chunks, SHARED const u8* tiles, SHARED StepWeights<Shape>& to, Thread me)
      -> void {
    table16 table = split_codes<F>::table();
    int lane = (int)me.lane(), unit = (int)me.warp() / unit_warps, share = 2 * unit / (int)slots_at_once,
        row = (int)me.warp() % unit_warps / 2 * lane_rows + lane;
    UNROLL(4)
    for (int j = 0; j < Shape::step; j += slots_at_once) {
      int slot = j + 2 * unit % (int)slots_at_once + (int)me.warp() % 2, c = s * Shape::step + slot;
      if (c >= chunks) continue;
      if constexpr (copies_overlap != 0) {
        int there = s % steps_of_run * Shape::step + slot;  // of the run
        SHARED const u8* tile = tiles + there / (int)L::chunks * (int)L::tile_bytes;
        staged_reader from = {tile, tile + (L::codes_at + there % (int)L::chunks * L::chunk_bytes + 4 * lane)};
        expand(from, there % (int)L::chunks, slot, row, share, table, to, me.lane());
      } else {
        BYTES tile = row_group + (i64)(c / (int)L::chunks) * (int)L::tile_bytes;
        tile_reader from = {tile, split_rows<F>::codes_at(tile, c % (int)L::chunks, lane)};
        expand(from, c % (int)L::chunks, slot, row, share, table, to, me.lane());
      }
    }
  }

  // Factors of two rows, as `expand` left them; `first`: index of the first one's.
  fn load_factors(SHARED const StepWeights<Shape>& from, int slot, int first, THREAD Factors (&f)[2]) -> void {
    UNROLL(2)
    for (int g = 0; g < Factors::groups; g++) {
      int at = (2 * slot + g) * gemm_rows + first;
      if (g < Factors::additions) {
        float2 both = *(SHARED const float2*)(from.scales + at);
        f[0].scales[g] = both.x, f[1].scales[g] = both.y;
      }
      if constexpr (Factors::weighted) {
        float2 both = *(SHARED const float2*)(from.subs + at);
        f[0].subs[g] = both.x, f[1].subs[g] = both.y;
      }
      if constexpr (L::mins > 0) {
        float2 both = *(SHARED const float2*)(from.mins + at);
        f[0].mins[g] = both.x, f[1].mins[g] = both.y;
      }
    }
  }
  // Which float or integer of a lane's four: two tokens of one tile, two of the next.
  template <class Four> fn one_of(THREAD const Four& four, int i) {
    return i == 0 ? four.x : i == 1 ? four.y : i == 2 ? four.z : four.w;
  }

  // Adds a piece's products, whose parts are `parts`, of a chunk; `first`: where its first token of this lane is.
  // `coded`: sums are of codes, not yet times their scale.
  template <int piece, int parts, bool coded, class Products>
  fn add(SHARED const StepTokens<Shape>& tokens, int slot, int first, THREAD const Factors (&f)[2],
         THREAD Products (&products)[parts], int tile, THREAD gemm_sums<Shape>& acc) -> void {
    enum { groups = Factors::groups };
    UNROLL(8)
    for (int n = 0; n < piece / tile_columns; n += 2) {
      float4 scale = *(SHARED const float4*)(tokens.scales + slot * Shape::tokens + first + n * tile_columns);
      uint4 sums[2];
      if constexpr (reads_sums)
        for (int g = 0; g < (coded ? 2 : (int)groups); g++)
          sums[g] = *(SHARED const uint4*)(tokens.sums + (2 * slot + g) * Shape::tokens + first + n * tile_columns);
      UNROLL(4)
      for (int i = 0; i < 4; i++) {
        float x_scale = one_of(scale, i), inputs[groups];
        i32 starts[groups];
        UNROLL(2)
        for (int g = 0; g < groups; g++) {
          inputs[g] = 0, starts[g] = 0;
          if constexpr (reads_sums && coded) {
            i32 sum = groups == 2 ? (i32)one_of(sums[g], i) : (i32)(one_of(sums[0], i) + one_of(sums[1], i));
            starts[g] = -(int)codes_zero<F>::left * sum, inputs[g] = (float)sum * x_scale;
          } else if constexpr (reads_sums) {
            inputs[g] = float_of(one_of(sums[g], i));
          }
        }
        UNROLL(2)
        for (int r = 0; r < 2; r++) {
          int which = 2 * r + i % 2;
          decltype(value_of(products[0], 0, 0)) values[groups];
          values[0] = value_of(products[0], n + i / 2, which);
          if constexpr (groups == 2)
            values[1] = value_of(products[1], n + i / 2, which);
          else if constexpr (parts == 2)
            values[0] = values[0] + value_of(products[1], n + i / 2, which);
          if constexpr (codes_zero<F>::left != 0) {
            UNROLL(2)
            for (int g = 0; g < groups; g++) values[g] = values[g] + starts[g];
          }
          acc.of[tile + n + i / 2][which] = sum_of(f[r], values, inputs, x_scale, acc.of[tile + n + i / 2][which]);
        }
      }
    }
  }
  template <class Value> fn sum_of(THREAD const Factors& f, THREAD const Value (&values)[Factors::groups],
                                   THREAD const float (&inputs)[Factors::groups], float x_scale, float acc) {
    if constexpr (Factors::exact) {
      return Factors::accumulate(f, values, inputs, x_scale, acc);
    } else {  // products of the sums are not exact as floats
      i32 whole[Factors::groups];
      for (int g = 0; g < Factors::groups; g++) whole[g] = (i32)values[g];
      return Factors::accumulate(f, whole, inputs, x_scale, acc);
    }
  }
};

// Both halves. F0 is the format of the first, F1 of the second.
template <class Shape, class F0, class F1> struct gemm_steps {
  typedef gemm_half<Shape, F0> First;
  typedef gemm_half<Shape, F1> Second;
  enum {
    warps = (int)Shape::tokens / (int)Shape::unit_tokens * (int)unit_warps,
    threads = (int)warps * (int)warp_lanes,
    one_format = same<F0, F1>::value,
    parts = (int)First::Factors::groups > (int)Second::Factors::groups ? (int)First::Factors::groups
                                                                       : (int)Second::Factors::groups,
    reads_sums = (int)First::reads_sums || (int)Second::reads_sums,
    // Sums of codes stay integers where one half needs those of 32, the other of 16, or where they are a part of
    // integer sums.
    coded = (int)codes_zero<F0>::left != 0 || (int)codes_zero<F1>::left != 0 ||
            (int)First::Factors::groups != (int)Second::Factors::groups,
    held = (Shape::step * Shape::tokens + (int)threads - 1) / (int)threads,  // of a thread, of a step's tokens
    rows_of_threads = (int)threads / Shape::tokens,                          // chunks whose tokens threads hold at once
    piece = (int)parts == 2 && Shape::piece > 16 ? Shape::piece / 2
                                                 : (int)Shape::piece,  // two sums take the registers of one
    pieces = Shape::unit_tokens / (int)piece
  };

  // What the halves read.
  struct Source {
    BYTES weights[2];  // their row groups
    int bytes[2];      // of a row group
    DEVICE const i8* codes;
    DEVICE const float* scales;
    DEVICE const i32* sums;
    int chunks, first;
    int tokens, there;  // of the launch, and of them in this run
  };

  // Progress along K: step s, whose tokens are in slot `slot` of their ring; per half, the ring slot of the next step's
  // run of weights, and how many bytes of a row group were requested.
  struct Walk {
    int s, slot, round;
    int run[2], asked[2];
    MEMBER int before() const {
      return slot == 0 ? Shape::slots - 1 : slot - 1;
    }  // the previous step's slot, which is free for the last step that is requested
    MEMBER void pass() {
      s++;
      bool around = ++slot == Shape::slots;
      if (around) slot = 0, round++;
    }
  };

  fn tiles_of(SHARED GemmShared<Shape>& shared, int side) -> SHARED u8* {
    return (SHARED u8*)(&shared + 1) + side * First::runs * First::run_bytes;
  }

  // Requests the first runs, and another after the last step of each.
  template <class Half> fn ask_first(THREAD const Source& from, int side, SHARED GemmShared<Shape>& shared, Thread me)
      -> void {
    UNROLL(1)
    for (int v = 0; v < Half::runs; v++)
      Half::ask(from.weights[side], v * Half::run_bytes, from.bytes[side], v, tiles_of(shared, side), shared.gates, me);
  }
  template <class Half> fn ask_next(THREAD const Source& from, int side, SHARED GemmShared<Shape>& shared,
                                    THREAD const Walk& w, Thread me) -> void {
    if ((w.s + 1) % Half::steps_of_run == 0)
      Half::ask(from.weights[side], w.asked[one_format ? 0 : side], from.bytes[one_format ? 0 : side],
                w.run[one_format ? 0 : side], tiles_of(shared, side), shared.gates + w.before(), me);
  }
  template <class Half> fn pass_run(int side, THREAD Walk& w) -> void {
    if ((w.s + 1) % Half::steps_of_run != 0) return;
    w.asked[side] += Half::run_bytes;
    w.run[side] = w.run[side] + 1 == Half::runs ? 0 : w.run[side] + 1;
  }
  // Into slot `slot`.
  fn ask_tokens(THREAD const Source& from, int s, int slot, SHARED GemmShared<Shape>& shared, Thread me) -> void {
    SHARED uint4* to = (SHARED uint4*)shared.codes + slot * (Shape::step * 2 * Shape::tokens);
    DEVICE const i8* codes = from.codes + ((i64)(2 * s * Shape::step) * from.tokens + from.first) * 16;
    int lines = from.there - from.first < Shape::tokens ? from.there - from.first : (int)Shape::tokens,
        halves = 2 * (from.chunks - s * Shape::step);
    UNROLL(8)
    for (int h = 0; h < 2 * Shape::step; h++)
      if (h < halves)
        copy_run(to + h * Shape::tokens, (BYTES)(codes + (i64)h * from.tokens * 16), lines * 16, shared.gates + slot,
                 (int)threads, me.index);
  }
  fn expand(THREAD const Source& from, int s, SHARED GemmShared<Shape>& shared, THREAD const Walk& w, Thread me)
      -> void {
    int side = (int)me.warp() % unit_warps / 2;
    if (one_format)
      First::expand_step(from.weights[side], s, from.chunks, tiles_of(shared, side) + w.run[0] * First::run_bytes,
                         shared.weights[s % 2], me);
    else if (side == 0)
      First::expand_step(from.weights[0], s, from.chunks, tiles_of(shared, 0) + w.run[0] * First::run_bytes,
                         shared.weights[s % 2], me);
    else
      Second::expand_step(from.weights[1], s, from.chunks, tiles_of(shared, 1) + w.run[1] * Second::run_bytes,
                          shared.weights[s % 2], me);
  }

  // A step's scales and sums of tokens, from device memory to where the matrix unit's lanes find them. A thread's are
  // of one token, of the step's chunks held_slot(0, me), held_slot(1, me), …
  struct Held {
    int at;  // in the scales, of the next step's first chunk
    float scale[held];
    i32 sums[held][2];
  };
  fn held_token(Thread me) -> int { return (int)me.index % Shape::tokens; }
  fn held_slot(int j, Thread me) -> int { return (int)me.index / Shape::tokens + j * (int)rows_of_threads; }
  fn begin_held(THREAD const Source& from, THREAD Held& x, Thread me) -> void {
    int token = from.first + held_token(me);
    x.at = (token < from.there ? token : from.there - 1) + (int)me.index / Shape::tokens * from.tokens;
  }
  fn hold(THREAD const Source& from, int s, THREAD Held& x, Thread me) -> void {
    UNROLL(8)
    for (int j = 0; j < held; j++) {
      int step = j * (int)rows_of_threads;  // chunks from the thread's first on
      if (held_slot(j, me) >= Shape::step || s * Shape::step + held_slot(j, me) >= from.chunks) continue;
      x.scale[j] = from.scales[(u32)(x.at + step * from.tokens)];
      if constexpr (reads_sums != 0) {
        DEVICE const i32* sums =
            from.sums + (u32)((s * Shape::step + held_slot(j, me)) * from.tokens + x.at + step * from.tokens);
        x.sums[j][0] = sums[0], x.sums[j][1] = sums[from.tokens];
      }
    }
    x.at += Shape::step * from.tokens;
  }
  fn put(THREAD const Held& x, int s, int chunks, SHARED StepTokens<Shape>& to, Thread me) -> void {
    int n = token_slot(held_token(me));
    UNROLL(8)
    for (int j = 0; j < held; j++) {
      int slot = held_slot(j, me);
      if (slot >= Shape::step || s * Shape::step + slot >= chunks) continue;
      to.scales[slot * Shape::tokens + n] = x.scale[j];
      if constexpr (reads_sums != 0)
        for (int g = 0; g < (coded ? 2 : (int)parts); g++) {
          i32 sum = coded || parts == 2 ? x.sums[j][g] : x.sums[j][0] + x.sums[j][1];
          to.sums[(2 * slot + g) * Shape::tokens + n] = coded ? (u32)sum : bits_of((float)sum * x.scale[j]);
        }
    }
  }

  struct Products {
    tile_sums<piece> of[parts];
  };
  // `first`: token of the piece.
  fn start(SHARED const u32* panel, int first, THREAD tile_a& a, THREAD Products& to) -> void {
    start_products<0, parts>(to.of[0], a, panel, (int)Shape::tokens, first);
    if constexpr (parts == 2) start_products<1, 2>(to.of[1], a, panel, (int)Shape::tokens, first);
  }
  fn await(THREAD Products& to) -> void {
    await_products<0>(to.of[0]);
    if constexpr (parts == 2) await_products<0>(to.of[1]);
  }

  // The warp's share of a chunk. In the first chunk of a step it also expands the next step, while the first products
  // run.
  fn add_chunk(THREAD const Source& from, SHARED GemmShared<Shape>& shared, THREAD const Walk& w, int slot, Thread me,
               THREAD gemm_sums<Shape>& acc) -> void {
    SHARED const StepWeights<Shape>& weights = shared.weights[w.s % 2];
    SHARED const StepTokens<Shape>& tokens = shared.tokens[w.s % 2];
    SHARED const u32* panel = shared.codes + (w.slot * Shape::step + slot) * Shape::tokens * 8;
    int unit = (int)me.warp() / unit_warps * Shape::unit_tokens, of_unit = (int)me.warp() % unit_warps,
        rows = of_unit * tile_rows + lane_row_slot(me.lane());
    tile_a a;
    load(a, weights.codes + slot * gemm_rows * 8, (int)gemm_rows, of_unit * tile_rows, me.lane());
    Products products;
    start(panel, unit, a, products);
    if (slot == 0) expand(from, w.s + 1, shared, w, me);
    typename First::Factors f[2];
    typename Second::Factors g[2];
    if (one_format || of_unit < 2)
      First::load_factors(weights, slot, rows, f);
    else
      Second::load_factors(weights, slot, rows, g);
    UNROLL(8)
    for (int which = 0; which < pieces; which++) {
      await(products);
      int tile = which * (int)piece / tile_columns, first = unit + which * (int)piece;
      if (one_format || of_unit < 2)
        First::template add<(int)piece, parts, (bool)coded>(tokens, slot, first + lane_token_slot(me.lane()), f,
                                                            products.of, tile, acc);
      else
        Second::template add<(int)piece, parts, (bool)coded>(tokens, slot, first + lane_token_slot(me.lane()), g,
                                                             products.of, tile, acc);
      if (which + 1 < pieces) start(panel, first + (int)piece, a, products);
    }
  }

  // A run's sums enter those of the runs before.
  fn fold(THREAD gemm_sums<Shape>& run, THREAD gemm_sums<Shape>& total) -> void {
    UNROLL(8)
    for (int n = 0; n < Shape::unit_tokens / tile_columns; n++) UNROLL(4)
    for (int i = 0; i < 4; i++) total.of[n][i] += run.of[n][i];
    run.clear();
  }

  // Σ over K for the group's rows and tokens. Leaves the group's memory behind as other threads may still read it.
  fn sum(THREAD const Source& from, SHARED GemmShared<Shape>& shared, Thread me, THREAD gemm_sums<Shape>& total)
      -> void {
    enum { newer = Shape::slots - 2 };
    int steps = (from.chunks + Shape::step - 1) / Shape::step, length = run_chunks(from.chunks), left = length;
    Walk w;
    Held held_tokens;
    gemm_sums<Shape> run;
    total.clear(), run.clear();
    set_gates(shared.gates, (int)Shape::slots, me.index);
    group_barrier();
    bool here = asks(0, (int)warps, me.index);
    w.run[0] = w.run[1] = 0, w.asked[0] = First::runs * First::run_bytes, w.asked[1] = Second::runs * Second::run_bytes;
    if (copies_overlap != 0 && here) ask_first<First>(from, 0, shared, me), ask_first<Second>(from, 1, shared, me);
    dependency_wait();
    if (here) {
      UNROLL(1)
      for (int s = 0; s < Shape::slots - 1; s++) {
        ask_tokens(from, s, s, shared, me);
        close_gate(shared.gates + s);
      }
    }
    w.s = 0, w.slot = 0, w.round = 0;
    begin_held(from, held_tokens, me);
    hold(from, 0, held_tokens, me);
    put(held_tokens, 0, from.chunks, shared.tokens[0], me);
    await_gate<newer>(shared.gates, 0);
    group_barrier();
    expand(from, 0, shared, w, me);
    UNROLL(1)
    for (; w.s < steps; w.pass()) {
      await_gate<newer>(shared.gates + w.slot, w.round);
      group_barrier();
      if (asks(w.s, (int)warps, me.index)) {
        ask_tokens(from, w.s + Shape::slots - 1, w.before(), shared, me);
        if (copies_overlap != 0) ask_next<First>(from, 0, shared, w, me), ask_next<Second>(from, 1, shared, w, me);
        close_gate(shared.gates + w.before());
      }
      pass_run<First>(0, w);
      if (!one_format) pass_run<Second>(1, w);
      UNROLL(4)
      for (int slot = 0; slot < Shape::step; slot++) {
        if (slot == Shape::step / 2 - 1) hold(from, w.s + 1, held_tokens, me);  // of four, behind the expansion
        if (w.s * Shape::step + slot >= from.chunks) break;
        add_chunk(from, shared, w, slot, me, run);
        if (--left == 0) fold(run, total), left = length;
      }
      put(held_tokens, w.s + 1, from.chunks, shared.tokens[(w.s + 1) % 2], me);
    }
    fold(run, total);
  }
};
