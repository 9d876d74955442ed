// How keys and values lie in a page, by what keeps them: 16-bit floats, or blocks of a format. What a page has of one
// kv_head, keys or values, begins states<Kept>::halves_of(head_size) halves behind that of the one before.
#pragma once
#include "batch/gpu/header.h"
#include "quant/gpu/rows.h"

// head_size is a multiple of `unit`, and of the block of a format.
//   unit          elements that a thread moves at once;  Unit: those, as they lie in the page
//   position_of, unit_of   of the i-th of `positions` times `units`, in an order in which neighbours lie side by side
//   read, zeros   unit u of a position, and nothing
//   leave         a unit as halves, the nearest ones
struct half_numbers {};
template <class Kept> struct states;

// (page_positions, head_size)
template <> struct states<half_numbers> {
  enum { coded = 0, unit = 8 };
  typedef uint4 Unit;
  fn halves_of(int head_size) -> i64 { return (i64)page_positions * head_size; }
  fn position_of(int i, int, int units) -> int { return i / units; }
  fn unit_of(int i, int, int units) -> int { return i % units; }
  fn read(DEVICE const u16* part, int head_size, int position, int u) -> Unit {
    return *(DEVICE const uint4*)(part + position * head_size + u * unit);
  }
  fn zeros() -> Unit {
    uint4 none;
    none.x = none.y = none.z = none.w = 0;
    return none;
  }
  fn leave(THREAD const Unit& x, SHARED u16* to) -> void { *(SHARED uint4*)to = x; }
};

// A matrix in the format's resident layout, positions as rows: (page_positions / 32, head_size / block) tiles.
template <class F> struct states {
  typedef coded_rows<F> Rows;
  typedef typename Rows::Chunk Unit;
  enum { coded = 1, unit = 32, chunks = (int)F::block / unit, tile_halves = (int)Rows::L::tile_bytes / 2 };
  fn halves_of(int head_size) -> i64 {
    return (i64)(page_positions / lane_rows) * (head_size / (int)F::block) * tile_halves;
  }
  fn position_of(int i, int positions, int) -> int { return i % positions; }
  fn unit_of(int i, int positions, int) -> int { return i / positions; }
  // Of block b of the position, in halves.
  fn tile_of(int head_size, int position, int b) -> int {
    return (position / lane_rows * (head_size / (int)F::block) + b) * tile_halves;
  }
  fn read(DEVICE const u16* part, int head_size, int position, int u) -> Unit {
    return Rows::read((DEVICE const u8*)(part + tile_of(head_size, position, u / chunks)), position % lane_rows,
                      u % chunks);
  }
  fn zeros() -> Unit { return Rows::zeros(); }
  fn leave(THREAD const Unit& x, SHARED u16* to) -> void { Rows::leave(x, to); }
  // A warp writes a position. `x`: pointer to its elements.
  template <class From> fn write(From x, DEVICE u16* part, int head_size, int position, u32 lane) -> void {
    UNROLL(1)
    for (int b = 0; b < head_size / (int)F::block; b++)
      Rows::write(x + b * (int)F::block, (DEVICE u8*)(part + tile_of(head_size, position, b)), position % lane_rows,
                  lane);
  }
};
