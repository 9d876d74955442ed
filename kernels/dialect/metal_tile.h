// The tile of the matrix unit by Metal's 8 × 8 matrices of halves with float sums: bytes are exact as halves, and so are sums of their
// products as floats. The words are described in cpp_tile.h.
//
// A lane holds two neighbouring elements of each matrix. Metal does not document which ones; they are those that MLX relies on.
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

struct tile_a { simdgroup_half8x8 of[2][4]; };  // rows 0–7 and 8–15, by eights along the lines
struct tile_b { simdgroup_half8x8 of[4]; };     // the lines upright
struct tile_sum { simdgroup_float8x8 of[2]; };
enum { tile_mate_0 = 1, tile_mate_1 = 8 };

fn tile_row(u32 lane) { return (int)(lane / 16 * 4 + lane / 2 % 4); }
fn tile_column(u32 lane) { return (int)(lane / 8 % 2 * 4 + lane % 2 * 2); }

fn load(THREAD tile_a& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  for (int h = 0; h < 2; h++) {
    SHARED const i8* line = (SHARED const i8*)(from + (tile_row(lane) + 8 * h) * line_words) + tile_column(lane);
    for (int k = 0; k < 4; k++) to.of[h][k].thread_elements() = half2((half)line[8 * k], (half)line[8 * k + 1]);
  }
}
fn load(THREAD tile_b& to, SHARED const u32* from, int line_words, u32 lane) -> void {
  SHARED const i8* line = (SHARED const i8*)(from + tile_column(lane) * line_words) + tile_row(lane);
  for (int k = 0; k < 4; k++) to.of[k].thread_elements() = half2((half)line[8 * k], (half)line[8 * k + 4 * line_words]);
}

fn tile_start(i32 sum) { return (float)sum; }
fn value_of(THREAD const tile_sum& sum, int i) {
  simdgroup_float8x8 part = sum.of[i / 2];
  return part.thread_elements()[i % 2];
}

template <int part, int parts> fn multiply(THREAD tile_a& a, THREAD tile_b& b, float start0, float start1) {
  tile_sum sum;
  for (int h = 0; h < 2; h++) {
    sum.of[h].thread_elements() = float2(start0, start1);
    for (int k = part * 4 / parts; k < (part + 1) * 4 / parts; k++) simdgroup_multiply_accumulate(sum.of[h], a.of[h][k], b.of[k], sum.of[h]);
  }
  return sum;
}

struct half_a { simdgroup_half8x8 of[2][2]; };
struct half_b { simdgroup_half8x8 of[2]; };
struct half_sum { simdgroup_float8x8 of[2]; };

fn load(THREAD half_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++) {
    SHARED const u16* at = from + (tile_row(lane) + 8 * h) * line + tile_column(lane);
    for (int k = 0; k < 2; k++) to.of[h][k].thread_elements() = as_type<half2>(*(SHARED const u32*)(at + 8 * k));
  }
}
fn load(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + tile_column(lane) * line + tile_row(lane);
  for (int k = 0; k < 2; k++) to.of[k].thread_elements() = as_type<half2>((u32)at[8 * k] | (u32)at[8 * k + line] << 16);
}
fn load_upright(THREAD half_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + tile_row(lane) * line + tile_column(lane);
  for (int k = 0; k < 2; k++) to.of[k].thread_elements() = as_type<half2>(*(SHARED const u32*)(at + 8 * k * line));
}
fn multiply_halves(THREAD half_a& a, THREAD half_b& b, THREAD half_sum& sum) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 2; k++) simdgroup_multiply_accumulate(sum.of[h], a.of[h][k], b.of[k], sum.of[h]);
}
fn value_at(THREAD half_sum& sum, int i) { return sum.of[i / 2].thread_elements()[i % 2]; }
fn put(THREAD half_sum& sum, int i, float x) -> void { sum.of[i / 2].thread_elements()[i % 2] = x; }

// Sums lie as lines do: two neighbours a lane.
fn halves_of(THREAD half_sum& left, THREAD half_sum& right, THREAD half_a& rest, u32) {
  half_a lines;
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 2; k++) {
      float x = k == 0 ? value_at(left, 2 * h) : value_at(right, 2 * h), y = k == 0 ? value_at(left, 2 * h + 1) : value_at(right, 2 * h + 1);
      half2 nearest = half2((half)x, (half)y);
      lines.of[h][k].thread_elements() = nearest;
      rest.of[h][k].thread_elements() = half2((half)(x - (float)nearest.x), (half)(y - (float)nearest.y));
    }
  return lines;
}
