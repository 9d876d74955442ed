// The tile: what a warp multiplies at once when many rows meet many columns. Three bodies say its words: cuda_tile.h and
// metal_tile.h by the matrix units of their machines, and this file by ordinary instructions, for every other machine.
//
//   tile_a       16 lines of 32 signed bytes;  tile_b  8 of them;  tile_sum  their 16 × 8 sums of products. They lie in the registers
//                of a warp, four sums a lane
//   tile_row(lane), tile_column(lane)   where a lane's sums stand: sum i in row tile_row + 8 · (i / 2), column tile_column + i mod 2
//   load(tile, from, line_words, lane)  from the group's memory, where line l begins at word l · line_words
//   tile_start(n)                       a float that stands for the integer n where a sum begins
//   multiply<part, parts>(a, b, start0, start1)   sums over part `part` of 1 or 2 of the lines, begun with the starts of the lane's two
//                                                 columns. Exact where totals stay below 2^22
//   value_of(sum, i)                    sum i; `to_floats` makes a float of it, and `times` its product with an integer of 8 bits, as a
//                                       float, rounded once
// The same of f16, with float sums:
//
//   half_a       16 lines of 16 halves;  half_b  8 of them;  half_sum  their 16 × 8 sums, standing as those of a tile_sum
//   load(half, from, line, lane)        from the group's memory, where line l begins at half l · line (even)
//   load_upright(half_b, from, line, lane)        its lines stand upright there: element k of line n is half k · line + n
//   multiply_halves(a, b, sum)          adds to the sums
//   value_at(sum, i), put(sum, i, x)    sum i
//   halves_of(left, right, rest)        16 × 16 sums as lines of the nearest halves; `rest`: of what they leave
//   tile_mate_0, tile_mate_1            masks of lane_exchange between the four lanes that share a row of sums
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

struct tile_a { u32 of[2][8]; };
struct tile_b { u32 of[2][8]; };
struct tile_sum { float of[4]; };
enum { tile_mate_0 = 1, tile_mate_1 = 2 };

fn tile_row(u32 lane) { return (int)lane / 4; }
fn tile_column(u32 lane) { return (int)lane % 4 * 2; }

fn load(THREAD tile_a& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int q = 0; q < 8; q++) to.of[h][q] = from[(tile_row(lane) + 8 * h) * line_words + q];
}
fn load(THREAD tile_b& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int q = 0; q < 8; q++) to.of[h][q] = from[(tile_column(lane) + h) * line_words + q];
}

fn tile_start(i32 sum) { return (float)sum; }
fn value_of(THREAD const tile_sum& sum, int i) { return sum.of[i]; }

template <int part, int parts> fn multiply(THREAD const tile_a& a, THREAD const tile_b& b, float start0, float start1) {
  tile_sum sum = {};
  for (int i = 0; i < 4; i++) {
    i32 products = 0;
    for (int q = part * 8 / parts; q < (part + 1) * 8 / parts; q++) products = dot4(a.of[i / 2][q], b.of[i % 2][q], products);
    sum.of[i] = (i % 2 == 0 ? start0 : start1) + (float)products;
  }
  return sum;
}

struct half_a { float of[2][16]; };
struct half_b { float of[2][16]; };
struct half_sum { float of[4]; };

fn load(THREAD half_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[(tile_row(lane) + 8 * h) * line + k]);
}
fn load(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[(tile_column(lane) + h) * line + k]);
}
fn load_upright(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) to.of[h][k] = half_to_float(from[k * line + tile_column(lane) + h]);
}
fn multiply_halves(THREAD half_a& a, THREAD half_b& b, THREAD half_sum& sum) -> void {
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 16; k++) sum.of[i] = fma(a.of[i / 2][k], b.of[i % 2][k], sum.of[i]);
}
fn value_at(THREAD half_sum& sum, int i) { return sum.of[i]; }
fn put(THREAD half_sum& sum, int i, float x) -> void { sum.of[i] = x; }
fn halves_of(THREAD half_sum& left, THREAD half_sum& right, THREAD half_a& rest, u32 lane) {
  half_a lines;
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 16; k++) {
      int side = k % 8, i = 2 * h + side % 2;
      float x = lane_value(k < 8 ? left.of[i] : right.of[i], lane / 4 * 4 + (u32)side / 2);
      lines.of[h][k] = half_to_float(nearest_half(x));
      rest.of[h][k] = half_to_float(nearest_half(x - lines.of[h][k]));
    }
  return lines;
}
