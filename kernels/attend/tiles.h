// Strategy of GPUs for several tokens: rows of queries meet tiles of keys and values in the matrix unit, f16 with float sums, with a
// running maximum and a running sum a row (streaming.h). Queries and weights go in as two halves each, so that nothing of their floats is
// lost that the sums would show. A tile of positions lies in the group's memory for all its rows: first its keys, then its values.
#pragma once

template <int head_size> struct attend_many {
  typedef AttendLaunch Params;
  typedef AttendManyRoom<head_size> Room;
  enum { threads = Room::rows / tile_rows * warp_lanes, groups_a_core = head_size <= 128 ? 4 : 8, keys = Room::keys, line = Room::line, key_tiles = keys / tile_columns, value_tiles = head_size / tile_columns };

  // The two rows of a lane's sums: tile_row, and 8 behind it.
  struct Rows {
    positions seen[2];
    float most[2], total[2];  // running maximum; this lane's part of the running sum
  };

  // The positions of a tile, from `first` on, from the cache to the group's memory. None is read behind `last`: there may be anything.
  fn bring(DEVICE const u16* cache, int first, int last, SHARED u16* to, Place at) -> void {
    enum { pieces = head_size / piece };
    UNROLL(4)
    for (int i = (int)at.index; i < keys * pieces; i += threads) {
      int key = i / pieces, part = i % pieces, position = first + key < last ? first + key : last;
      *(SHARED uint4*)(to + key * line + part * piece) = *(DEVICE const uint4*)(cache + (i64)position * head_size + part * piece);
    }
  }

  fn scores(SHARED Room& room, Place at, THREAD half_sum (&score)[key_tiles]) -> void {
    int row = (int)at.warp() * tile_rows * line;
    UNROLL(8)
    for (int n = 0; n < key_tiles; n++)
      UNROLL(4)
      for (int i = 0; i < 4; i++) put(score[n], i, 0.0f);
    UNROLL(4)
    for (int k = 0; k < head_size; k += 16) {
      half_a query, rest;
      load(query, room.query[0] + row + k, line, at.lane());
      load(rest, room.query[1] + row + k, line, at.lane());
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++) {
        half_b key;
        load(key, room.cached + n * tile_columns * line + k, line, at.lane());
        multiply_halves(query, key, score[n]);
        multiply_halves(rest, key, score[n]);
      }
    }
  }

  // Scores into weights against the running maximum, which may rise: `factor`, by row, is what earlier sums are worth then. A score that is
  // not finite makes its weight NaN: −inf, too.
  fn weigh(THREAD Rows& rows, int first, u32 lane, THREAD half_sum (&score)[key_tiles], THREAD float (&factor)[2]) -> void {
    int column = first + tile_column(lane);
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      float most = rows.most[r];
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++)
        UNROLL(2)
        for (int c = 0; c < 2; c++) {
          float s = value_at(score[n], 2 * r + c);
          if (rows.seen[r].has(column + n * tile_columns + c) && s > most) most = s;
        }
      float other = lane_exchange(most, tile_mate_0);
      most = other > most ? other : most;
      other = lane_exchange(most, tile_mate_1);
      most = other > most ? other : most;
      factor[r] = exp(rows.most[r] - most);
      rows.most[r] = most;
      float total = rows.total[r] * factor[r];
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++)
        UNROLL(2)
        for (int c = 0; c < 2; c++) {
          float s = value_at(score[n], 2 * r + c), weight = rows.seen[r].has(column + n * tile_columns + c) ? fma(s, 0.0f, exp(s - most)) : 0.0f;
          put(score[n], 2 * r + c, weight);
          total += weight;
        }
      rows.total[r] = total;
    }
  }

  fn add_values(SHARED Room& room, u32 lane, THREAD half_sum (&weight)[key_tiles], THREAD const float (&factor)[2], THREAD half_sum (&acc)[value_tiles]) -> void {
    UNROLL(32)
    for (int d = 0; d < value_tiles; d++)
      UNROLL(4)
      for (int i = 0; i < 4; i++) put(acc[d], i, value_at(acc[d], i) * factor[i / 2]);
    UNROLL(2)
    for (int n = 0; n < key_tiles; n += 2) {
      half_a rest, lines = halves_of(weight[n], weight[n + 1], rest, lane);
      UNROLL(32)
      for (int d = 0; d < value_tiles; d++) {
        half_b value;
        load_upright(value, room.cached + n * tile_columns * line + d * tile_columns, line, lane);
        multiply_halves(lines, value, acc[d]);
        multiply_halves(rest, value, acc[d]);
      }
    }
  }

  // Row `row` of the kv_head: a head of a token.
  fn token_of_row(PARAMS(Params) p, int row) -> int { return row / p.heads_a_kv_head; }
  fn place_of_row(PARAMS(Params) p, int kv_head, int row) -> i64 {
    return (((i64)token_of_row(p, row) * p.kv_heads + kv_head) * p.heads_a_kv_head + row % p.heads_a_kv_head) * head_size;
  }

  fn run(PARAMS(Params) p, SHARED Room& room, Place at) -> void {
    dependency_wait();
    int all = p.tokens * p.heads_a_kv_head, tiles = (all + Room::rows - 1) / Room::rows;
    int kv_head = (int)at.group / tiles, first_row = (int)at.group % tiles * Room::rows, last_row = first_row + Room::rows < all ? first_row + Room::rows - 1 : all - 1;
    for (int i = (int)at.index; i < Room::rows * head_size; i += threads) {
      int row = first_row + i / head_size;
      float q = p.query[place_of_row(p, kv_head, row < all ? row : all - 1) + i % head_size] * p.scale;
      u32 nearest = nearest_half(q);
      int to = i / head_size * line + i % head_size;
      room.query[0][to] = (u16)nearest, room.query[1][to] = (u16)nearest_half(q - half_to_float(nearest));
    }
    Rows rows;
    half_sum acc[value_tiles];
    int own_row = first_row + (int)at.warp() * tile_rows + tile_row(at.lane());
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      int row = own_row + 8 * r < all ? own_row + 8 * r : all - 1;
      rows.seen[r] = seen_by(p.turn->position + token_of_row(p, row), p.window);
      rows.most[r] = least(), rows.total[r] = 0;
    }
    UNROLL(32)
    for (int d = 0; d < value_tiles; d++)
      UNROLL(4)
      for (int i = 0; i < 4; i++) put(acc[d], i, 0.0f);
    i64 cache = (i64)kv_head * p.room * head_size;
    int begin = seen_by(p.turn->position + token_of_row(p, first_row), p.window).first / keys * keys, last = p.turn->position + token_of_row(p, last_row);
    UNROLL(1)
    for (int tile = begin; tile <= last; tile += keys) {
      half_sum score[key_tiles];
      float factor[2];
      bring(p.keys + cache, tile, last, room.cached, at);
      group_barrier();
      scores(room, at, score);
      group_barrier();
      bring(p.values + cache, tile, last, room.cached, at);
      weigh(rows, tile, at.lane(), score, factor);
      group_barrier();
      add_values(room, at.lane(), score, factor, acc);
      group_barrier();
    }
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      float total = rows.total[r] + lane_exchange(rows.total[r], tile_mate_0);
      total = total + lane_exchange(total, tile_mate_1);
      int row = own_row + 8 * r;
      if (row >= all) continue;
      DEVICE float* out = p.out + place_of_row(p, kv_head, row) + tile_column(at.lane());
      UNROLL(32)
      for (int d = 0; d < value_tiles; d++)
        UNROLL(2)
        for (int c = 0; c < 2; c++) out[d * tile_columns + c] = value_at(acc[d], 2 * r + c) / total;
    }
  }
};
