// The tile: what a warp multiplies at once when many rows meet many columns. Three files implement its words:
// cuda_tile.h and metal_tile.h by the matrix units of their machines, and this one by ordinary instructions, for every
// other machine.
//
//   tile_row(lane), tile_column(lane)   where a lane's four sums of 16 rows and 8 columns are: sum i in row
//                tile_row + 8 · (i / 2), column tile_column + i mod 2
// Signed bytes, with integer sums:
//
//   panel        in shared memory: lines of 32 signed bytes. First 16 bytes of each line, line after line, then the
//                other 16 of each. What start_products reads of one came by copy_run, or by the matrix unit's own words
//   tile_a       16 lines of a panel, in the registers of a warp
//   load(tile_a, panel, lines, first, lane)   lines first … of a panel that has `lines`
//   tile_sums<columns>                        sums of 16 lines and 16, 32, 64 or 128 columns
//   start_products<part, parts>(sums, a, panel, lines, first)   a times the lines first … of a panel, summed over part
//                `part` of 1 or 2 of a line. The four warps of a group call it together, each with its own a and sums
//   await_products<n>(sums)                   returns when all products that were started are done, except the last n;
//                until then nobody writes to their panels
//   add_products(sum, a, b)                   the same for 8 columns, from registers: a lane hands in of the lines
//                lane / 4 (a[0], a[2]) and lane / 4 + 8 (a[1], a[3]) and of column lane / 4 the words lane mod 4 and
//                lane mod 4 + 4, and gets four sums. Where copies are synchronous no kernel uses it
//   value_of(sums, n, i)                      sum i of the n-th 8 columns, as i32 or float; exact below 2^24
// f16, with float sums:
//
//   frag_a       16 lines of 16 halves;  frag_b  8 of them;  frag_acc  their 16 × 8 sums
//   load(frag, from, line, lane)              from shared memory, where line l begins at half l · line (even)
//   load_transposed(frag_b, from, line, lane) the same where element k of line n is half k · line + n
//   multiply_halves(a, b, sum)                adds to the sums
//   value_at(sum, i), put(sum, i, x)          sum i
//   halves_of(left, right, rest)              16 × 16 sums as lines of the nearest halves; `rest`: of the remainders
//   tile_mate_0, tile_mate_1                  masks of lane_exchange between the four lanes that share a row of sums
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

enum { tile_mate_0 = 1, tile_mate_1 = 2 };

fn tile_row(u32 lane) { return (int)lane / 4; }
fn tile_column(u32 lane) { return (int)lane % 4 * 2; }

struct tile_a {
  u32 of[2][8];
  u32 lane;
};
template <int columns> struct tile_sums {
  i32 of[columns / 8][4];
};

fn load(THREAD tile_a& to, SHARED const u32* panel, int lines, int first, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int q = 0; q < 8; q++) to.of[h][q] = panel[(q / 4 * lines + first + tile_row(lane) + 8 * h) * 4 + q % 4];
  to.lane = lane;
}
template <int part, int parts, int columns> fn start_products(THREAD tile_sums<columns>& sums, THREAD const tile_a& a,
                                                              SHARED const u32* panel, int lines, int first) -> void {
  for (int n = 0; n < columns / 8; n++)
    for (int i = 0; i < 4; i++) {
      int line = first + 8 * n + tile_column(a.lane) + i % 2;
      sums.of[n][i] = 0;
      for (int q = part * 8 / parts; q < (part + 1) * 8 / parts; q++)
        sums.of[n][i] = dot4(a.of[i / 2][q], panel[(q / 4 * lines + line) * 4 + q % 4], sums.of[n][i]);
    }
}
template <int n, int columns> fn await_products(THREAD tile_sums<columns>&) -> void {}
template <int columns> fn value_of(THREAD const tile_sums<columns>& sums, int n, int i) { return sums.of[n][i]; }

struct frag_a {
  float of[2][16];
};
struct frag_b {
  float of[2][16];
};
struct frag_acc {
  float of[4];
};

fn load(THREAD frag_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[(tile_row(lane) + 8 * h) * line + k]);
}
fn load(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[(tile_column(lane) + h) * line + k]);
}
fn load_transposed(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[k * line + tile_column(lane) + h]);
}
fn multiply_halves(THREAD frag_a& a, THREAD frag_b& b, THREAD frag_acc& sum) -> void {
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 16; k++) sum.of[i] = fma(a.of[i / 2][k], b.of[i % 2][k], sum.of[i]);
}
fn value_at(THREAD frag_acc& sum, int i) { return sum.of[i]; }
fn put(THREAD frag_acc& sum, int i, float x) -> void { sum.of[i] = x; }
fn halves_of(THREAD frag_acc& left, THREAD frag_acc& right, THREAD frag_a& rest, u32 lane) {
  frag_a lines;
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) {
      int side = k % 8, i = 2 * h + side % 2;
      float x = lane_value(k < 8 ? left.of[i] : right.of[i], lane / 4 * 4 + (u32)side / 2);
      lines.of[h][k] = half_to_float(nearest_half(x));
      rest.of[h][k] = half_to_float(nearest_half(x - lines.of[h][k]));
    }
  return lines;
}
