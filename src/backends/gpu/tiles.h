// Formats in the layout of GPU kernels: tiles of 32 rows in the resident layout. One descriptor per format, generated
// from formats/.
#pragma once
#include <cstdint>
#include <span>

#include "quant/format.h"

namespace ingot::gpu {

struct FormatTiles {
  int class_bits;          ///< bits of a code as kernels read it
  const char* class_kind;  ///< "affine", "table", "vector" or "float"
  int tile_bytes;          ///< of 32 rows and one block; 0: no resident layout, kernels read file blocks
  int scale_bytes;         ///< of a row's scale in a tile, where the format has one per block and nothing besides codes
  bool halves;  ///< IEEE half precision, in which keys and values are kept unless another format is asked for
  /// Packs 32 rows, of which `rows` exist; null without a resident layout. `to`: cols / block tiles.
  void (*pack)(const unsigned char* from, long long row_bytes, int rows, long long cols, unsigned char* to);
};

/// In the order of quant::formats().
std::span<const FormatTiles* const> format_tiles();
inline const FormatTiles& tiles_of(const quant::Format& format) {
  return *format_tiles()[static_cast<size_t>(&format - quant::formats().data())];
}

}  // namespace ingot::gpu
