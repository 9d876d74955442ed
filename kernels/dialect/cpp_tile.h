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
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

struct tile_a { u32 of[2][8]; };
struct tile_b { u32 of[2][8]; };
struct tile_sum { float of[4]; };

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
