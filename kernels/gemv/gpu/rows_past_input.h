// Strategy of GPUs for one token: a group keeps the input as codes, and rows stream past it. A warp sums its run of K
// (gemv/runs.h) of one row group after another, a row a lane; of row groups of 16 two lanes share a row, and hand its
// sum to each other, each adding the chunks that are its own. A warp's weights come by its own copies of 16 bytes into
// a ring in the group's memory, some chunks ahead of those that it adds and over the ends of row groups too, so memory
// stays busy from before the input is there to the last row. (Registers are no ring: loads in flight share what a warp
// waits for, and the first to be used waits for all.) Where copies do not overlap, lanes read the tiles themselves.
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_split.h"
#include "gemv/gpu/stages.h"
#include "quant/resident.h"

// The address of a row group: its first tile, and its first row of the tile's 32.
struct row_address {
  BYTES tiles;
  int row;
};

// The launch's row groups of G rows, numbered from `first`. Pairs: `count` of the first matrix, then the same of the
// second.
template <int G, bool pairs> struct row_groups {
  int first, count;
  MEMBER group_share share(PARAMS(GemvLaunch) p, int i) const {
    if (pairs) return group_share{i >= count, first + (i >= count ? i - count : i), 0};
    group_share share = {0, first + i, 0};
    while (share.row_group >= p.segment[share.segment].groups) share.row_group -= p.segment[share.segment++].groups;
    return share;
  }
  template <class F> MEMBER row_address address(PARAMS(GemvLaunch) p, int i) const {
    group_share s = share(p, i);
    int row = s.row_group * G;
    return row_address{p.segment[s.segment].weights +
                           (i64)(row / lane_rows) * (p.cols / (int)F::block) * (int)resident<F, lane_rows>::tile_bytes,
                       row % lane_rows};
  }
};

// A chunk of the input in the group's memory.
fn kept_chunk(SHARED const uint4* from) -> chunk_input {
  uint4 rest = from[2];
  return chunk_input{{from[0], from[1]}, float_of(rest.x), {(i32)rest.y, (i32)rest.z}};
}

// Reads a lane's chunk from the ring: words of codes, then the rows' fields one after another, each 32 lanes wide.
struct ring_reader {
  SHARED const u32* codes;
  SHARED const u8* fields;
  int lane;
  MEMBER u32 word(int i) const { return codes[i * warp_lanes + lane]; }
  template <int n> MEMBER u32 bits(int) {
    SHARED const u8* here = fields + lane * n;
    fields += warp_lanes * n;
    if constexpr (n == 1)
      return *here;
    else if constexpr (n == 2)
      return *(SHARED const u16*)here;
    else
      return *(SHARED const u32*)here;
  }
};
// Finds the 16 bytes of a tile that are piece `piece` of a chunk's fields, by counting what a reader asks for.
template <int G> struct field_piece {
  int piece, part;  // part: of the warp's, the one whose chunk is counted
  int offset, row_bytes;
  template <int n> MEMBER u32 bits(int at) {
    int pieces_per_part = G * n / 16, pieces = warp_lanes * n / 16;
    if (piece >= 0 && piece < pieces && piece / pieces_per_part == part)
      offset = at + piece % pieces_per_part * 16, row_bytes = n;
    piece -= pieces;
    return 0;
  }
};

template <class F, int G> struct row_stream {
  typedef split_rows<F> Rows;
  typedef resident<F, lane_rows> L;
  typedef typename Rows::Factors Factors;
  typedef typename Rows::Chunk Chunk;
  typedef typename Rows::Terms Terms;
  enum {
    parts = warp_lanes / G,  // lanes that share a row
    chunks_per_round = 2,    // chunks of a lane, which do not wait for each other
    round_chunks = chunks_per_round * parts,
    steady = round_chunks % (int)L::chunks == 0,  // the next round lies at the same offsets of other tiles
    row_bytes =
        (L::scales > 0 ? (int)Factors::additions * (int)L::scale_bytes : 0) + (L::subs > 0 ? (int)Factors::groups : 0) +
        (L::mins > 0 ? (int)Factors::groups * (int)L::min_bytes : 0) + (L::sub_mins > 0 ? (int)Factors::groups : 0),
    code_pieces = (int)F::code_bits * 8,
    field_pieces = row_bytes * 2,  // of 16 bytes, of a warp's chunks
    pieces = chunks_per_round * (code_pieces + field_pieces),
    copies = (pieces + warp_lanes - 1) / warp_lanes,  // of a lane
    fit = (int)ring_words * 4 * warp_lanes / (16 * pieces),
    ahead = fit > 6 ? 6 : fit
  };
  static_assert(G >= 16 && ahead > 1 && (steady || (int)L::chunks % round_chunks == 0),
                "fields are whole pieces, and some are on their way");
  static_assert(steady || (int)F::group <= 32 * round_chunks || (int)F::group == (int)F::block,
                "a round's fields lie as far from the next one's as those are from the one behind");

  // A warp's run: chunks begin … end − 1.
  struct Run {
    int begin, end;
  };
  fn run_of(int cols, Thread me) -> Run {
    int chunks = cols / 32, length = run_chunks(chunks), begin = (int)me.warp() * length, end = begin + length;
    return Run{begin, end < chunks ? end : chunks};
  }

  // What a warp requests next, and its destination. A lane's j-th copy is of piece 32 j + lane.
  struct State {
    BYTES from[copies];
    int offset[copies],
        row_bytes[copies];  // in a row group, of its first rows and the run's first round; of a row there
    int chunk[copies];      // of the round, that the piece is of
    int step[copies];       // to the same offset of the next round, where it lies in the same tile
    int group, at;          // at: first chunk of the round
    Run run;
    int slot;
  };

  fn slot_of(SHARED u32* ring, int slot, Thread me) -> SHARED u32* {
    return ring + me.warp() * ring_words * warp_lanes + slot * pieces * 4;
  }

  // Of a round a lane takes the chunks chunks_per_round · part …
  fn set_pieces(THREAD State& s, Thread me) -> void {
    UNROLL(8)
    for (int j = 0; j < copies; j++) {
      int piece = j * warp_lanes + (int)me.lane();
      s.offset[j] = 0, s.row_bytes[j] = 4, s.chunk[j] = 0x3fffffff, s.step[j] = 0;
      if (piece < chunks_per_round * code_pieces) {
        int row = 4 * (piece % 8);
        s.chunk[j] = piece / code_pieces + row / G * chunks_per_round;
        int c = s.run.begin + s.chunk[j];
        s.offset[j] = c / (int)L::chunks * (int)L::tile_bytes + L::codes_at + c % (int)L::chunks * L::chunk_bytes +
                      piece % code_pieces / 8 * 4 * lane_rows + 4 * (row % G);
        s.step[j] = round_chunks * (int)L::chunk_bytes;
      } else if (piece < (int)pieces) {
        piece -= chunks_per_round * code_pieces;
        int which = piece / (field_pieces > 0 ? (int)field_pieces : 1);
        for (int part = 0; part < parts; part++) {
          int c = s.run.begin + which + part * chunks_per_round, in_tile = c % (int)L::chunks, round = 0;
          field_piece<G> found = {piece % (field_pieces > 0 ? (int)field_pieces : 1), part, -1, 0}, next = found;
          if constexpr (!steady) {
            round = in_tile / round_chunks, in_tile %= round_chunks;
            Rows::factors_from(next, in_tile + round_chunks, 0);
          }
          Rows::factors_from(found, in_tile, 0);
          if (found.offset >= 0) {
            s.chunk[j] = which + part * chunks_per_round, s.row_bytes[j] = found.row_bytes,
            s.step[j] = next.offset - found.offset;
            s.offset[j] = c / (int)L::chunks * (int)L::tile_bytes + found.offset + round * s.step[j];
          }
        }
      }
    }
  }

  template <class Groups> fn go_to(PARAMS(GemvLaunch) p, THREAD const Groups& groups, int group, THREAD State& s)
      -> void {
    row_address start = groups.template address<F>(p, group);
    UNROLL(8)
    for (int j = 0; j < copies; j++) s.from[j] = start.tiles + (s.offset[j] + s.row_bytes[j] * start.row);
    s.group = group, s.at = s.run.begin;
  }
  // How far the piece of copy j is from that of the next round.
  fn step_of(THREAD const State& s, int j) -> int {
    if constexpr (steady) return round_chunks / (int)L::chunks * (int)L::tile_bytes;
    constexpr int rest = (int)L::tile_bytes, rounds = (int)L::chunks / round_chunks;
    // Chunks of the round lie in one tile where parts is 1: runs begin at even chunks.
    int in_tile = (int)((u32)(s.at + (parts > 1 ? s.chunk[j] : 0)) % (u32)L::chunks);
    return in_tile + round_chunks < (int)L::chunks ? s.step[j] : rest - (rounds - 1) * s.step[j];
  }
  // A round's chunks, or nothing behind the last.
  template <bool pairs> fn ask(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int end,
                               THREAD State& s, SHARED u32* ring, Thread me) -> void {
    if (s.group < end) {
      SHARED uint4* to = (SHARED uint4*)slot_of(ring, s.slot, me) + me.lane();
      UNROLL(8)
      for (int j = 0; j < copies; j++) {
        if (s.at + s.chunk[j] < s.run.end) copy_four(to + j * warp_lanes, s.from[j]);
        s.from[j] += step_of(s, j);
      }
      s.at += round_chunks;
      if (s.at >= s.run.end && ++s.group < end) go_to(p, groups, s.group, s);
    }
    close_copies();
    s.slot = s.slot + 1 == ahead ? 0 : s.slot + 1;
  }

  // Requests the first chunks of row groups begin … end − 1 of `groups`.
  template <bool pairs> fn begin(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                 THREAD State& s, SHARED u32* ring, Thread me) -> void {
    s.run = run_of(p.cols, me);
    if (!copies_overlap) return;
    s.slot = 0;
    set_pieces(s, me);
    go_to(p, groups, begin, s);
    if (s.run.begin >= s.run.end) s.group = end;  // shorter rows have fewer runs than there are warps
    UNROLL(1)
    for (int a = 0; a < ahead; a++) ask(p, groups, end, s, ring, me);
  }

  template <class Reader> fn chunk_from(THREAD Reader& from, int c, int row) -> Chunk {
    Chunk chunk;
    chunk.codes = Rows::words_from(from);
    chunk.factors = Rows::factors_from(from, c % (int)L::chunks, row);
    return chunk;
  }
  fn terms(THREAD const Chunk& chunk, table16 table, SHARED const uint4* x) -> Terms {
    chunk_input input[1] = {kept_chunk(x)};
    Terms terms[1];
    Rows::template terms_of<1>(chunk, table, input, terms);
    return terms[0];
  }
  // The lane's first `there` chunks of a round, added to `acc`.
  fn add_own(THREAD const Chunk (&chunk)[chunks_per_round], THREAD const Terms (&terms)[chunks_per_round], int there,
             float acc) -> float {
    UNROLL(2)
    for (int i = 0; i < chunks_per_round; i++)
      if (i < there) acc = Rows::add(chunk[i].factors, terms[i], acc);
    return acc;
  }
  // A round's chunks added to the row's sum, which every lane of the row has and gets. `all`: every chunk is there.
  template <bool all> fn add_round(THREAD const Chunk (&chunk)[chunks_per_round], table16 table, SHARED const uint4* x,
                                   int left, u32 lane, float acc) -> float {
    Terms of[chunks_per_round];
    UNROLL(2)
    for (int i = 0; i < chunks_per_round; i++)
      if (all || i < left) of[i] = terms(chunk[i], table, x + 3 * i);
    int there = all ? (int)chunks_per_round : left;
    if constexpr (parts == 1) return add_own(chunk, of, there, acc);
    acc = lane_value(add_own(chunk, of, there, acc), lane % G);
    return lane_value(add_own(chunk, of, there, acc), lane % G + G);
  }

  // Their sums, one float per warp and row, from `sums` on.
  template <bool pairs> fn finish(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                  SHARED const uint4* input, THREAD State& s, SHARED u32* ring, SHARED float* sums,
                                  Thread me) -> void {
    int lane = (int)me.lane(), first = s.run.begin + lane / G * chunks_per_round;
    table16 table = split_codes<F>::table();
    SHARED float* to = sums + (int)me.warp() * G + lane;
    UNROLL(1)
    for (int group = begin; group < end; group++) {
      row_address start = groups.template address<F>(p, group);
      int row = start.row + lane % G;
      float acc = 0;
      SHARED const uint4* x = input + 3 * first;
      UNROLL(1)
      for (int c = s.run.begin; c < s.run.end; c += round_chunks, x += 3 * round_chunks) {
        int left = s.run.end - c - lane / G * chunks_per_round;  // chunks that are the lane's, in this round and behind
        Chunk chunk[chunks_per_round];
        if (copies_overlap) {
          await_copies<ahead - 1>();
          warp_barrier();
          SHARED u32* slot = slot_of(ring, s.slot, me);
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++) {  // what was not requested is read, but not used
            ring_reader from = {slot + i * code_pieces * 4,
                                (SHARED const u8*)(slot + (chunks_per_round * code_pieces + i * field_pieces) * 4),
                                lane};
            chunk[i] = chunk_from(from, 0, row);
          }
        } else {
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++)
            if (i < left) chunk[i] = Rows::chunk_at(start.tiles, c + lane / G * chunks_per_round + i, row);
        }
        acc = c + round_chunks <= s.run.end ? add_round<true>(chunk, table, x, left, me.lane(), acc)
                                            : add_round<false>(chunk, table, x, left, me.lane(), acc);
        if (copies_overlap) {
          warp_barrier();  // all lanes have read the slot
          ask(p, groups, end, s, ring, me);
        }
      }
      if (lane < G) *to = acc;
      to += one_token_warps * G;
    }
    if (copies_overlap) await_copies<0>();  // the ring will be used by another format or batch
    if (copies_overlap) warp_barrier();
  }
};
