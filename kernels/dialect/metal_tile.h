// The tile by Metal's simdgroup matrices, 8 × 8 halves with float sums: bytes are exact as halves, and so are sums of
// their products as floats. The words are described in cpp_tile.h.
//
// A lane holds two neighbouring elements of each matrix. Metal does not document which ones; they are those that MLX
// relies on.
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

enum { tile_mate_0 = 1, tile_mate_1 = 8 };

fn tile_row(u32 lane) { return (int)(lane / 16 * 4 + lane / 2 % 4); }
fn tile_column(u32 lane) { return (int)(lane / 8 % 2 * 4 + lane % 2 * 2); }

struct tile_a {
  simdgroup_half8x8 of[2][4];  // rows 0–7 and 8–15, by eights along the lines
  u32 lane;
};
template <int columns> struct tile_sums {
  simdgroup_float8x8 of[columns / 8][2];
};

// The eight bytes of a line from 8 k on.
fn eight_at(SHARED const u32* panel, int lines, int line, int k) {
  return (SHARED const i8*)panel + (k / 2 * lines + line) * 16 + k % 2 * 8;
}
fn load(THREAD tile_a& to, SHARED const u32* panel, int lines, int first, u32 lane) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 4; k++) {
      SHARED const i8* at = eight_at(panel, lines, first + tile_row(lane) + 8 * h, k) + tile_column(lane);
      to.of[h][k].thread_elements() = half2((half)at[0], (half)at[1]);
    }
  to.lane = lane;
}
template <int part, int parts, int columns> fn start_products(THREAD tile_sums<columns>& sums, THREAD tile_a& a,
                                                              SHARED const u32* panel, int lines, int first) -> void {
  for (int n = 0; n < columns / 8; n++) {
    for (int h = 0; h < 2; h++) sums.of[n][h].thread_elements() = float2(0.0f, 0.0f);
    for (int k = part * 4 / parts; k < (part + 1) * 4 / parts; k++) {
      simdgroup_half8x8 transposed;
      SHARED const i8* at = eight_at(panel, lines, first + 8 * n + tile_column(a.lane), k) + tile_row(a.lane);
      transposed.thread_elements() = half2((half)at[0], (half)at[16]);
      for (int h = 0; h < 2; h++) simdgroup_multiply_accumulate(sums.of[n][h], a.of[h][k], transposed, sums.of[n][h]);
    }
  }
}
template <int n, int columns> fn await_products(THREAD tile_sums<columns>&) -> void {}
template <int columns> fn value_of(THREAD tile_sums<columns>& sums, int n, int i) {
  return sums.of[n][i / 2].thread_elements()[i % 2];
}

struct frag_a {
  simdgroup_half8x8 of[2][2];
};
struct frag_b {
  simdgroup_half8x8 of[2];
};
struct frag_acc {
  simdgroup_float8x8 of[2];
};

fn load(THREAD frag_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  for (int h = 0; h < 2; h++) {
    SHARED const u16* at = from + (tile_row(lane) + 8 * h) * line + tile_column(lane);
    for (int k = 0; k < 2; k++) to.of[h][k].thread_elements() = as_type<half2>(*(SHARED const u32*)(at + 8 * k));
  }
}
fn load(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + tile_column(lane) * line + tile_row(lane);
  for (int k = 0; k < 2; k++) to.of[k].thread_elements() = as_type<half2>((u32)at[8 * k] | (u32)at[8 * k + line] << 16);
}
fn load_transposed(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + tile_row(lane) * line + tile_column(lane);
  for (int k = 0; k < 2; k++) to.of[k].thread_elements() = as_type<half2>(*(SHARED const u32*)(at + 8 * k * line));
}
fn multiply_halves(THREAD frag_a& a, THREAD frag_b& b, THREAD frag_acc& sum) -> void {
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 2; k++) simdgroup_multiply_accumulate(sum.of[h], a.of[h][k], b.of[k], sum.of[h]);
}
fn value_at(THREAD frag_acc& sum, int i) { return sum.of[i / 2].thread_elements()[i % 2]; }
fn put(THREAD frag_acc& sum, int i, float x) -> void { sum.of[i / 2].thread_elements()[i % 2] = x; }

// Sums have the layout of lines: two neighbours per lane.
fn halves_of(THREAD frag_acc& left, THREAD frag_acc& right, THREAD frag_a& rest, u32) {
  frag_a lines;
  for (int h = 0; h < 2; h++)
    for (int k = 0; k < 2; k++) {
      float x = k == 0 ? value_at(left, 2 * h) : value_at(right, 2 * h),
            y = k == 0 ? value_at(left, 2 * h + 1) : value_at(right, 2 * h + 1);
      half2 nearest = half2((half)x, (half)y);
      lines.of[h][k].thread_elements() = nearest;
      rest.of[h][k].thread_elements() = half2((half)(x - (float)nearest.x), (half)(y - (float)nearest.y));
    }
  return lines;
}
