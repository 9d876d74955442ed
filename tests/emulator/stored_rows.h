// A position's key or value of one kv_head in a page, as halves or as codes of a format: how the host reads and writes
// it, by what kernels/quant/resident.h says, number by number.
#pragma once
#include <cmath>
#include <cstring>
#include <vector>

#include "backends/gpu/parameters.h"
#include "backends/gpu/tiles.h"

namespace ingot::emulator {

inline float float_of_half(gpu::u16 bits) { return gpu::half_to_float(bits); }
// The nearest one, ties to even: halves of one sign are in the order of their bits.
inline gpu::u16 half_of(float x) {
  float size = std::fabs(x);
  gpu::u16 below = 0, above = 0x7c00;
  while (above - below > 1) {
    gpu::u16 middle = static_cast<gpu::u16>((below + above) / 2);
    (float_of_half(middle) <= size ? below : above) = middle;
  }
  float down = size - float_of_half(below), up = float_of_half(above) - size;
  return static_cast<gpu::u16>((up < down || (up == down && below % 2) ? above : below) | (x < 0 ? 0x8000 : 0));
}

struct StoredRow {
  const quant::Format* format;  // null: halves
  int size;
  gpu::u16* part;  // of the kv_head in the page
  int position;    // in the page

  /// Halves of what a page has of one kv_head.
  static size_t part_halves(const quant::Format* format, int size) {
    return format ? static_cast<size_t>(size / format->block * gpu::tiles_of(*format).tile_bytes)
                  : size_t{64} * static_cast<size_t>(size);
  }
  /// Element `e` as kernels multiply it.
  float number(int e) const {
    if (!format) return float_of_half(half(e));
    const float scale = format->accessors.scale_number.value(scale_bits(e / format->block)) * format->accessors.unit,
                x = scale * static_cast<float>(format->accessors.value(code(e)));
    return std::isfinite(x) ? float_of_half(half_of(x)) : x;
  }
  std::vector<float> numbers() const {
    std::vector<float> all;
    for (int e = 0; e < size; e++) all.push_back(number(e));
    return all;
  }
  /// Whether element `e` is as near to `expected` as what keeps it allows.
  bool near(int e, double expected) const {
    if (!format) return std::fabs(number(e) - expected) <= 1e-3 * (std::fabs(expected) + 1);
    const double step = format->accessors.scale_number.value(scale_bits(e / format->block)) * format->accessors.unit;
    return std::fabs(number(e) - expected) <= 0.5 * step + 1e-3 * (std::fabs(expected) + 1);
  }
  void encode(const float* from) const {
    if (!format) {
      for (int e = 0; e < size; e++) half(e) = half_of(from[e]);
      return;
    }
    const std::vector<std::byte> blocks = encoded(from);
    for (int e = 0; e < size; e++) put_code(e, format->accessors.code(block_of(blocks, e), e % format->block));
    for (int b = 0; b < size / format->block; b++) {
      const uint32_t bits = format->accessors.scale(block_of(blocks, b * format->block), 0);
      std::memcpy(scale_at(b), &bits, static_cast<size_t>(gpu::tiles_of(*format).scale_bytes));
    }
  }
  /// Bit for bit.
  bool is_encoded(const float* from) const {
    bool same = true;
    if (!format) {
      for (int e = 0; e < size; e++) same = same && half(e) == half_of(from[e]);
      return same;
    }
    const std::vector<std::byte> blocks = encoded(from);
    for (int e = 0; e < size; e++)
      same = same && code(e) == format->accessors.code(block_of(blocks, e), e % format->block) &&
             scale_bits(e / format->block) == format->accessors.scale(block_of(blocks, e), 0);
    return same;
  }
  bool same_bits(const StoredRow& other) const {
    bool same = true;
    for (int e = 0; e < size; e++)
      same = same &&
             (format ? code(e) == other.code(e) && scale_bits(e / format->block) == other.scale_bits(e / format->block)
                     : half(e) == other.half(e));
    return same;
  }
  void copy(const StoredRow& from) const {
    for (int e = 0; e < size; e++) {
      if (!format) half(e) = from.half(e);
      if (!format) continue;
      put_code(e, from.code(e));
      std::memcpy(scale_at(e / format->block), from.scale_at(e / format->block),
                  static_cast<size_t>(gpu::tiles_of(*format).scale_bytes));
    }
  }
  /// A half that is not finite, or a block's scale.
  void plant(gpu::u16 bits) const {
    std::memcpy(format ? scale_at(0) : reinterpret_cast<std::byte*>(&half(3)), &bits, 2);
  }
  /// Nothing was written since memory was full of NaNs.
  bool is_new() const {
    bool all = true;
    for (int e = 0; e < size; e++) all = all && (format ? scale_bits(e / format->block) : half(e)) == 0x7e00;
    return all;
  }

 private:
  gpu::u16& half(int e) const { return part[position * size + e]; }
  std::byte* tile(int b) const {
    return reinterpret_cast<std::byte*>(part) +
           (position / 32 * (size / format->block) + b) * gpu::tiles_of(*format).tile_bytes;
  }
  std::byte* scale_at(int b) const { return tile(b) + position % 32 * gpu::tiles_of(*format).scale_bytes; }
  uint32_t scale_bits(int b) const {
    uint32_t bits = 0;
    std::memcpy(&bits, scale_at(b), static_cast<size_t>(gpu::tiles_of(*format).scale_bytes));
    return bits;
  }
  // Calls use(byte, shift in it, first bit of the code, bits) for every plane of element e's code.
  template <class Use> void each_plane(int e, Use use) const {
    const int k = e % 32, bits = format->code_bits;
    std::byte* at =
        tile(e / format->block) + 32 * gpu::tiles_of(*format).scale_bytes + e % format->block / 32 * 4 * 32 * bits;
    for (int left = bits; left > 0;) {
      const int p = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1, quads = 8 / p;
      left -= p;
      use(at[(k / 4 / quads * 32 + position % 32) * 4 + k % 4], k / 4 % quads * p, left, p);
      at += 4 * 32 * p;
    }
  }
  // Codes of eight bits are kept as signed bytes.
  uint32_t flip() const { return format->kind == quant::ValueKind::affine && format->code_bits == 8 ? 0x80 : 0; }
  uint32_t code(int e) const {
    uint32_t code = 0;
    each_plane(e, [&](std::byte& byte, int shift, int low, int p) {
      code |= (std::to_integer<uint32_t>(byte) >> shift & ((1u << p) - 1)) << low;
    });
    return code ^ flip();
  }
  void put_code(int e, uint32_t code) const {
    each_plane(e, [&](std::byte& byte, int shift, int low, int p) {
      const uint32_t mask = ((1u << p) - 1) << shift, put = (code ^ flip()) >> low << shift & mask;
      byte = static_cast<std::byte>((std::to_integer<uint32_t>(byte) & ~mask) | put);
    });
  }
  std::vector<std::byte> encoded(const float* from) const {
    std::vector<std::byte> blocks(format->row_bytes(static_cast<uint64_t>(size)));
    format->encode(from, blocks.data(), size);
    return blocks;
  }
  const std::byte* block_of(const std::vector<std::byte>& blocks, int e) const {
    return blocks.data() + e / format->block * format->block_bytes;
  }
};

}  // namespace ingot::emulator
