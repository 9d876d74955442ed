// The tile of the matrix unit on tensor cores (sm_80 and later): integer products by mma.sync m16n8k32. The words are described in
// cpp_tile.h.
//
// A sum begins with 1.5 · 2^23 in its float bits. An integer below 2^22 added to those bits, as integers are, is the same added to the
// float: one subtraction makes a float of the total.
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

struct tile_a { u32 of[4]; };
struct tile_b { u32 of[2]; };
struct tile_sum { u32 of[4]; };
enum { tile_mate_0 = 1, tile_mate_1 = 2 };

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

struct tile_value { float shifted; };
fn value_of(THREAD const tile_sum& sum, int i) { return tile_value{float_of(sum.of[i])}; }
fn to_floats(tile_value a) { return a.shifted - 12582912.0f; }
fn times(tile_value a, float b) { return fma(a.shifted, b, -12582912.0f * b); }  // the shift's product is exact for a b of 8 bits

#ifndef EMULATED
fn multiply_32(THREAD const tile_a& a, THREAD const tile_b& b, THREAD const tile_sum& start) {
  tile_sum sum;
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
      : "=r"(sum.of[0]), "=r"(sum.of[1]), "=r"(sum.of[2]), "=r"(sum.of[3])
      : "r"(a.of[0]), "r"(a.of[1]), "r"(a.of[2]), "r"(a.of[3]), "r"(b.of[0]), "r"(b.of[1]), "r"(start.of[0]), "r"(start.of[1]), "r"(start.of[2]), "r"(start.of[3]));
  return sum;
}
fn multiply_16(u32 a0, u32 a1, u32 b0, THREAD const tile_sum& start) {
  tile_sum sum;
  asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
      : "=r"(sum.of[0]), "=r"(sum.of[1]), "=r"(sum.of[2]), "=r"(sum.of[3])
      : "r"(a0), "r"(a1), "r"(b0), "r"(start.of[0]), "r"(start.of[1]), "r"(start.of[2]), "r"(start.of[3]));
  return sum;
}
#endif

template <int part, int parts> fn multiply(THREAD const tile_a& a, THREAD const tile_b& b, float start0, float start1) {
  tile_sum start = {{bits_of(start0), bits_of(start1), bits_of(start0), bits_of(start1)}};
  if constexpr (parts == 1) return multiply_32(a, b, start);
  else return multiply_16(a.of[2 * part], a.of[2 * part + 1], b.of[part], start);
}

struct half_a { u32 of[4]; };
struct half_b { u32 of[2]; };
struct half_sum { float of[4]; };

fn load(THREAD half_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane / 4 * line + (int)lane % 4 * 2;
  to.of[0] = *(SHARED const u32*)at;
  to.of[1] = *(SHARED const u32*)(at + 8 * line);
  to.of[2] = *(SHARED const u32*)(at + 8);
  to.of[3] = *(SHARED const u32*)(at + 8 * line + 8);
}
fn load(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane / 4 * line + (int)lane % 4 * 2;
  to.of[0] = *(SHARED const u32*)at;
  to.of[1] = *(SHARED const u32*)(at + 8);
}
fn load_upright(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane % 4 * 2 * line + (int)lane / 4;
  to.of[0] = (u32)at[0] | (u32)at[line] << 16;
  to.of[1] = (u32)at[8 * line] | (u32)at[9 * line] << 16;
}
#ifndef EMULATED
fn multiply_halves(THREAD half_a& a, THREAD half_b& b, THREAD half_sum& sum) -> void {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum.of[0]), "+f"(sum.of[1]), "+f"(sum.of[2]), "+f"(sum.of[3])
      : "r"(a.of[0]), "r"(a.of[1]), "r"(a.of[2]), "r"(a.of[3]), "r"(b.of[0]), "r"(b.of[1]));
}
#endif
fn value_at(THREAD half_sum& sum, int i) { return sum.of[i]; }
fn put(THREAD half_sum& sum, int i, float x) -> void { sum.of[i] = x; }

// Sums lie as lines do: two neighbours a lane.
fn halves_of(THREAD half_sum& left, THREAD half_sum& right, THREAD half_a& rest, u32) {
  half_a lines;
  UNROLL(4)
  for (int r = 0; r < 4; r++) {
    float x = r < 2 ? left.of[2 * r] : right.of[2 * r - 4], y = r < 2 ? left.of[2 * r + 1] : right.of[2 * r - 3];
    u32 a = nearest_half(x), b = nearest_half(y);
    lines.of[r] = a | b << 16;
    rest.of[r] = nearest_half(x - half_to_float(a)) | nearest_half(y - half_to_float(b)) << 16;
  }
  return lines;
}
