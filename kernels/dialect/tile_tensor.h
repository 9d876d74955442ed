// The tile of the matrix unit on tensor cores (sm_80 and later): integer products by mma.sync m16n8k32. The words are described in
// tile_plain.h.
//
// A sum begins with 1.5 · 2^23 in its float bits. An integer below 2^22 added to those bits, as integers are, is the same added to the
// float: one subtraction makes a float of the total.
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

struct tile_a { u32 of[4]; };
struct tile_b { u32 of[2]; };
struct tile_sum { u32 of[4]; };

fn tile_row(u32 lane) { return (int)lane / 4; }
fn tile_column(u32 lane) { return (int)lane % 4 * 2; }

fn load(THREAD tile_a& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  SHARED const u32* line = from + (int)lane / 4 * line_words + (int)lane % 4;
  to.of[0] = line[0];
  to.of[1] = line[8 * line_words];
  to.of[2] = line[4];
  to.of[3] = line[8 * line_words + 4];
}
fn load(THREAD tile_b& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  SHARED const u32* line = from + (int)lane / 4 * line_words + (int)lane % 4;
  to.of[0] = line[0];
  to.of[1] = line[4];
}

fn tile_start(i32 sum) { return float_of(0x4b400000u + (u32)sum); }
fn tile_value(THREAD const tile_sum& sum, int i) { return float_of(sum.of[i]) - 12582912.0f; }

#ifndef MATRIX_UNIT
#define MATRIX_UNIT
fn multiply_32(THREAD tile_sum& sum, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) -> void {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sum.of[0]), "+r"(sum.of[1]), "+r"(sum.of[2]), "+r"(sum.of[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
fn multiply_16(THREAD tile_sum& sum, u32 a0, u32 a1, u32 b0) -> void {
  asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+r"(sum.of[0]), "+r"(sum.of[1]), "+r"(sum.of[2]), "+r"(sum.of[3])
      : "r"(a0), "r"(a1), "r"(b0));
}
#endif

template <int part, int parts> fn multiply(THREAD const tile_a& a, THREAD const tile_b& b, float start0, float start1) {
  tile_sum sum = {{bits_of(start0), bits_of(start1), bits_of(start0), bits_of(start1)}};
  if constexpr (parts == 1) multiply_32(sum, a.of[0], a.of[1], a.of[2], a.of[3], b.of[0], b.of[1]);
  else multiply_16(sum, a.of[2 * part], a.of[2 * part + 1], b.of[part]);
  return sum;
}
