// The tile on tensor cores (sm_80 and later): integer products by wgmma m64nNk32, which the four warps of a group issue
// together, or, before sm_90a, by mma.sync m16n8k32. The words are described in cpp_tile.h.
#pragma once

enum { tile_rows = 16, tile_columns = 8 };

enum { tile_mate_0 = 1, tile_mate_1 = 2 };

fn tile_row(u32 lane) { return (int)lane / 4; }
fn tile_column(u32 lane) { return (int)lane % 4 * 2; }

#ifndef EMULATED
struct tile_a {
  u32 of[4];
};
template <int columns> struct tile_sums {
  i32 of[columns / 8][4];
};

fn load(THREAD tile_a& to, SHARED const u32* panel, int lines, int first, u32 lane) -> void {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to.of[0]), "=r"(to.of[1]), "=r"(to.of[2]), "=r"(to.of[3])
               : "r"(shared_address(panel) + ((lane / 16) * (u32)lines + (u32)first + lane % 16) * 16)
               : "memory");
}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define OUT_4(n) "=r"(sums.of[n][0]), "=r"(sums.of[n][1]), "=r"(sums.of[n][2]), "=r"(sums.of[n][3])
#define OUT_8(n) OUT_4(n), OUT_4(n + 1)
#define OUT_16(n) OUT_8(n), OUT_8(n + 2)
#define OUT_32(n) OUT_16(n), OUT_16(n + 4)
#define OUT_64(n) OUT_32(n), OUT_32(n + 8)
#define INOUT_4(n) "+r"(sums.of[n][0]), "+r"(sums.of[n][1]), "+r"(sums.of[n][2]), "+r"(sums.of[n][3])
#define INOUT_8(n) INOUT_4(n), INOUT_4(n + 1)
#define INOUT_16(n) INOUT_8(n), INOUT_8(n + 2)
#define INOUT_32(n) INOUT_16(n), INOUT_16(n + 4)
#define INOUT_64(n) INOUT_32(n), INOUT_32(n + 8)
#define WORDS_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define WORDS_16 WORDS_8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define WORDS_32 WORDS_16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define WORDS_64                                                                                                \
  WORDS_32                                                                                                      \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, "                                                                                                  \
  "%55, %56, %57, %58, %59, %60, %61, %62, %63"
#define PRODUCTS(columns, words, a0, a1, a2, a3, from)                                                            \
  asm volatile("{ .reg .pred none; setp.ne.b32 none, 0, 0; wgmma.mma_async.sync.aligned.m64n" #columns            \
               "k32.s32.s8.s8 {" WORDS_##words "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #from ", none; }" \
               : OUT_##words(0)                                                                                   \
               : "r"(low[0]), "r"(low[1]), "r"(high[0]), "r"(high[1]), "l"(descriptor)                            \
               : "memory")

// Half the lines of K are excluded from a sum by zeros in their place.
template <int part, int parts, int columns> fn start_products(THREAD tile_sums<columns>& sums, THREAD const tile_a& a,
                                                              SHARED const u32* panel, int lines, int first) -> void {
  const u32 low[2] = {part == 0 ? a.of[0] : 0, part == 0 ? a.of[1] : 0};
  const u32 high[2] = {part == parts - 1 ? a.of[2] : 0, part == parts - 1 ? a.of[3] : 0};
  // Matrix descriptor without swizzle, in units of 16 bytes: begin, from one half of a line to the other, from eight
  // lines to the next eight. Addresses of a group's memory have no more bits than the descriptor has for them.
  const u64 descriptor = (u64)((shared_address(panel) >> 4) + (u32)first + ((u32)lines << 16)) | (u64)8 << 32;
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
  if constexpr (columns == 16)
    PRODUCTS(16, 8, 8, 9, 10, 11, 12);
  else if constexpr (columns == 32)
    PRODUCTS(32, 16, 16, 17, 18, 19, 20);
  else if constexpr (columns == 64)
    PRODUCTS(64, 32, 32, 33, 34, 35, 36);
  else
    PRODUCTS(128, 64, 64, 65, 66, 67, 68);
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// The sums are operands of the wait, so that nothing reads them before it.
template <int n, int columns> fn await_products(THREAD tile_sums<columns>& sums) -> void {
  if constexpr (columns == 16)
    asm volatile("wgmma.wait_group.sync.aligned %8;" : INOUT_8(0) : "n"(n) : "memory");
  else if constexpr (columns == 32)
    asm volatile("wgmma.wait_group.sync.aligned %16;" : INOUT_16(0) : "n"(n) : "memory");
  else if constexpr (columns == 64)
    asm volatile("wgmma.wait_group.sync.aligned %32;" : INOUT_32(0) : "n"(n) : "memory");
  else
    asm volatile("wgmma.wait_group.sync.aligned %64;" : INOUT_64(0) : "n"(n) : "memory");
}
#else
// Two tiles of columns, 16 lines: both halves of each.
fn load_columns(u32 (&to)[4], SHARED const u32* panel, int lines, int first, u32 lane) -> void {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(panel) + ((lane / 8 % 2) * (u32)lines + (u32)first + lane / 16 * 8 + lane % 8) * 16)
               : "memory");
}
template <int part, int parts> fn multiply(i32 (&sum)[4], THREAD const tile_a& a, const u32 (&b)[2]) -> void {
  if constexpr (parts == 1)
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %10, %10, "
        "%10};"
        : "=r"(sum[0]), "=r"(sum[1]), "=r"(sum[2]), "=r"(sum[3])
        : "r"(a.of[0]), "r"(a.of[1]), "r"(a.of[2]), "r"(a.of[3]), "r"(b[0]), "r"(b[1]), "r"(0));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
        : "=r"(sum[0]), "=r"(sum[1]), "=r"(sum[2]), "=r"(sum[3])
        : "r"(a.of[2 * part]), "r"(a.of[2 * part + 1]), "r"(b[part]), "r"(0));
}
template <int part, int parts, int columns> fn start_products(THREAD tile_sums<columns>& sums, THREAD const tile_a& a,
                                                              SHARED const u32* panel, int lines, int first) -> void {
  UNROLL(16)
  for (int n = 0; n < columns / 8; n += 2) {
    u32 b[4];
    load_columns(b, panel, lines, first + 8 * n, threadIdx.x % 32);
    const u32 left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
    multiply<part, parts>(sums.of[n], a, left);
    multiply<part, parts>(sums.of[n + 1], a, right);
  }
}
template <int n, int columns> fn await_products(THREAD tile_sums<columns>&) -> void {}
#endif
#endif
template <int columns> fn value_of(THREAD const tile_sums<columns>& sums, int n, int i) { return sums.of[n][i]; }
#ifndef EMULATED
fn add_products(THREAD i32 (&sum)[4], THREAD const u32 (&a)[4], THREAD const u32 (&b)[2]) -> void {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

struct frag_a {
  u32 of[4];
};
struct frag_b {
  u32 of[2];
};
struct frag_acc {
  float of[4];
};

fn load(THREAD frag_a& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane / 4 * line + (int)lane % 4 * 2;
  to.of[0] = *(SHARED const u32*)at;
  to.of[1] = *(SHARED const u32*)(at + 8 * line);
  to.of[2] = *(SHARED const u32*)(at + 8);
  to.of[3] = *(SHARED const u32*)(at + 8 * line + 8);
}
fn load(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane / 4 * line + (int)lane % 4 * 2;
  to.of[0] = *(SHARED const u32*)at;
  to.of[1] = *(SHARED const u32*)(at + 8);
}
fn load_transposed(THREAD frag_b& to, SHARED const u16* from, int line, u32 lane) -> void {
  SHARED const u16* at = from + (int)lane % 4 * 2 * line + (int)lane / 4;
  to.of[0] = (u32)at[0] | (u32)at[line] << 16;
  to.of[1] = (u32)at[8 * line] | (u32)at[9 * line] << 16;
}
#ifndef EMULATED
fn multiply_halves(THREAD frag_a& a, THREAD frag_b& b, THREAD frag_acc& sum) -> void {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sum.of[0]), "+f"(sum.of[1]), "+f"(sum.of[2]), "+f"(sum.of[3])
      : "r"(a.of[0]), "r"(a.of[1]), "r"(a.of[2]), "r"(a.of[3]), "r"(b.of[0]), "r"(b.of[1]));
}
#endif
fn value_at(THREAD frag_acc& sum, int i) { return sum.of[i]; }
fn put(THREAD frag_acc& sum, int i, float x) -> void { sum.of[i] = x; }

// Sums have the layout of lines: two neighbours per lane.
fn halves_of(THREAD frag_acc& left, THREAD frag_acc& right, THREAD frag_a& rest, u32) {
  frag_a lines;
  UNROLL(4)
  for (int r = 0; r < 4; r++) {
    float x = r < 2 ? left.of[2 * r] : right.of[2 * r - 4], y = r < 2 ? left.of[2 * r + 1] : right.of[2 * r - 3];
    u32 a = nearest_half(x), b = nearest_half(y);
    lines.of[r] = a | b << 16;
    rest.of[r] = nearest_half(x - half_to_float(a)) | nearest_half(y - half_to_float(b)) << 16;
  }
  return lines;
}
