// Strategy of GPUs for one token: a group keeps the input as codes, and rows stream past it. A lane takes a row and a
// part of K, as in rows_split.h. Each warp copies its weights, 16 bytes at a time, into a ring in shared memory, some
// chunks ahead and across the ends of row groups, so memory stays busy from before the input is there to the last row.
// (Registers cannot replace the ring: loads in flight share a scoreboard, so the first use waits for all of them.)
// Where copies are synchronous, lanes read the tiles themselves.
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

// A chunk of the input in shared memory.
struct kept_chunk {
  SHARED const uint4* from;
  MEMBER chunk_input chunk(int, int) const {
    uint4 rest = from[2];
    return chunk_input{{from[0], from[1]}, float_of(rest.x), {(i32)rest.y, (i32)rest.z}};
  }
};

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
  enum {
    parts_per_warp = warp_lanes / G,
    parts = one_token_warps * parts_per_warp,
    step_bytes = parts / (int)L::chunks *
                 (int)L::tile_bytes,  // from a lane's chunk to its next: at the same offset of another tile
    chunks_per_round = 2,             // independent chunks of a lane
    round_chunks = chunks_per_round * parts,
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
  static_assert(G >= 16 && parts % (int)L::chunks == 0 && ahead > 1,
                "fields must be whole pieces, a lane's chunks at equal offsets, and the ring deep enough to prefetch");

  // What a warp requests next, and its destination. A lane's j-th copy is of piece 32 j + lane.
  struct State {
    BYTES from[copies];
    int offset[copies], row_bytes[copies],
        chunk[copies];  // in the first tile of a row group; of a row there; the chunk that it is of
    int group, done;    // done: chunks of the row group, of all warps
    int slot;
  };

  fn first_of_warp(Thread me) -> int { return (int)me.warp() * parts_per_warp; }
  fn slot_of(SHARED u32* ring, int slot, Thread me) -> SHARED u32* {
    return ring + me.warp() * ring_words * warp_lanes + slot * pieces * 4;
  }

  // Chunk c, counted from the warp's first tile on.
  fn tile_of(int c) -> int { return c / (int)L::chunks * (int)L::tile_bytes; }
  fn set_pieces(THREAD State& s, Thread me) -> void {
    int first = first_of_warp(me);
    UNROLL(8)
    for (int j = 0; j < copies; j++) {
      int piece = j * warp_lanes + (int)me.lane(), row = 0, which = 0;
      s.offset[j] = 0, s.row_bytes[j] = 4, s.chunk[j] = 0x3fffffff;
      if (piece < chunks_per_round * code_pieces) {
        which = piece / code_pieces, row = 4 * (piece % 8);
        int c = first + row / G;
        s.offset[j] = which * step_bytes + tile_of(c) + L::codes_at + c % (int)L::chunks * L::chunk_bytes +
                      piece % code_pieces / 8 * 4 * lane_rows + 4 * (row % G);
        s.chunk[j] = c + which * parts;
      } else if (piece < (int)pieces) {
        piece -= chunks_per_round * code_pieces;
        which = piece / (field_pieces > 0 ? (int)field_pieces : 1);
        for (int part = 0; part < parts_per_warp; part++) {
          field_piece<G> found = {piece % (field_pieces > 0 ? (int)field_pieces : 1), part, -1, 0};
          Rows::factors_from(found, (first + part) % (int)L::chunks, 0);
          if (found.offset >= 0)
            s.offset[j] = which * step_bytes + tile_of(first + part) + found.offset, s.row_bytes[j] = found.row_bytes,
            s.chunk[j] = first + part + which * parts;
        }
      }
    }
  }

  template <bool pairs>
  fn go_to(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int group, THREAD State& s) -> void {
    row_address start = groups.template address<F>(p, group);
    UNROLL(8)
    for (int j = 0; j < copies; j++) s.from[j] = start.tiles + (s.offset[j] + s.row_bytes[j] * start.row);
    s.group = group, s.done = 0;
  }
  // Requests the chunks of a round, or nothing past the last.
  template <bool pairs> fn ask(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int end,
                               THREAD State& s, SHARED u32* ring, Thread me) -> void {
    int chunks = p.cols / 32;
    if (s.group < end) {
      SHARED uint4* to = (SHARED uint4*)slot_of(ring, s.slot, me) + me.lane();
      UNROLL(8)
      for (int j = 0; j < copies; j++) {
        if (s.done + s.chunk[j] < chunks) copy_four(to + j * warp_lanes, s.from[j]);
        s.from[j] += chunks_per_round * step_bytes;
      }
      s.done += round_chunks;
      if (s.done >= chunks && ++s.group < end) go_to(p, groups, s.group, s);
    }
    close_copies();
    s.slot = s.slot + 1 == ahead ? 0 : s.slot + 1;
  }

  // Requests the first chunks of row groups begin … end − 1 of `groups`.
  template <bool pairs> fn begin(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                 THREAD State& s, SHARED u32* ring, Thread me) -> void {
    if (!copies_overlap) return;
    s.slot = 0;
    set_pieces(s, me);
    go_to(p, groups, begin, s);
    UNROLL(1)
    for (int a = 0; a < ahead; a++) ask(p, groups, end, s, ring, me);
  }

  template <class Reader> fn chunk_from(THREAD Reader& from, int c, int row) -> typename Rows::Chunk {
    typename Rows::Chunk chunk;
    chunk.codes = Rows::words_from(from);
    chunk.factors = Rows::factors_from(from, c % (int)L::chunks, row);
    return chunk;
  }
  fn add(THREAD const typename Rows::Chunk& chunk, table16 table, SHARED const uint4* x, THREAD float (&acc)[1])
      -> void {
    kept_chunk input = {x};
    Rows::template add<1>(chunk, table, input, 0, acc);
  }

  // Their sums, one float per warp and row, from `sums` on.
  template <bool pairs> fn finish(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                  SHARED const uint4* input, THREAD State& s, SHARED u32* ring, SHARED float* sums,
                                  Thread me) -> void {
    int chunks = p.cols / 32, lane = (int)me.lane(), first = first_of_warp(me) + lane / G;
    table16 table = split_codes<F>::table();
    SHARED float* to = sums + (int)me.warp() * G + lane;
    UNROLL(1)
    for (int group = begin; group < end; group++) {
      row_address start = groups.template address<F>(p, group);
      int row = start.row + lane % G;
      float acc[1] = {0.0f};
      SHARED const uint4* x = input + 3 * first;
      UNROLL(1)
      for (int done = 0; done < chunks; done += round_chunks, x += 3 * round_chunks) {
        typename Rows::Chunk chunk[chunks_per_round];
        if (copies_overlap) {
          await_copies<ahead - 1>();
          warp_barrier();
          SHARED u32* slot = slot_of(ring, s.slot, me);
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++) {  // what was not requested is read, but not used
            ring_reader from = {slot + i * code_pieces * 4,
                                (SHARED const u8*)(slot + (chunks_per_round * code_pieces + i * field_pieces) * 4),
                                lane};
            chunk[i] = chunk_from(from, first, row);
          }
        } else {
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++) {
            int c = done + i * parts + first;
            if (c >= chunks) continue;
            BYTES tile = start.tiles + (i64)(c / (int)L::chunks) * (int)L::tile_bytes;
            tile_reader from = {tile, Rows::codes_at(tile, c % (int)L::chunks, row)};
            chunk[i] = chunk_from(from, c, row);
          }
        }
        if (done + round_chunks <= chunks) {
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++) add(chunk[i], table, x + 3 * i * parts, acc);
        } else {
          UNROLL(2)
          for (int i = 0; i < chunks_per_round; i++)
            if (done + i * parts + first < chunks) add(chunk[i], table, x + 3 * i * parts, acc);
        }
        if (copies_overlap) {
          warp_barrier();  // all lanes have read the slot
          ask(p, groups, end, s, ring, me);
        }
      }
      float y = acc[0];
      for (u32 mask = G; mask < warp_lanes; mask *= 2) y += lane_exchange(y, mask);
      if (lane < G) *to = y;
      to += one_token_warps * G;
    }
    if (copies_overlap) await_copies<0>();  // the ring will be used by another format or batch
    if (copies_overlap) warp_barrier();
  }
};
