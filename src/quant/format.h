// Formats as the host sees them: one descriptor per file in formats/, derived from its facts and accessors. The list is
// generated at build time from the folder's contents. Nothing here knows a format by name.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/checked.h"

namespace ingot::quant {

enum class ValueKind { affine, table, vector, floating };

/// A number as files store it.
struct StoredNumber {
  int bits = 0;                            ///< 0: there is none
  float largest = 0;                       ///< finite
  uint32_t (*nearest)(float x) = nullptr;  ///< bits of the stored number nearest to x
  float (*value)(uint32_t bits) = nullptr;
  std::span<const float> few;  ///< all values, ascending, where a byte holds them; otherwise empty
};

/// A format's accessors (kernels/dialect/contract.h) as functions of a block's bytes; null: the format has none.
struct Accessors {
  uint32_t (*code)(const std::byte* block, int i) = nullptr;  ///< of weight or run i; floating: the bits of number i
  int (*value)(uint32_t code) = nullptr;                      ///< kinds affine and table
  uint64_t (*expand)(uint32_t code) = nullptr;                ///< kind vector
  uint32_t (*scale)(const std::byte* block, int g) = nullptr;
  uint32_t (*min)(const std::byte* block, int g) = nullptr;
  int (*sub)(const std::byte* block, int g) = nullptr;
  int (*sub_min)(const std::byte* block, int g) = nullptr;
  StoredNumber number, scale_number, min_number;  ///< number: of a floating format's values
  bool scale_per_group = false, min_per_group = false;
  float unit = 1;
};

/// What one format's file says, with what follows from it.
struct Format {
  const char* name;   ///< as its file is called, without the ending
  const char* space;  ///< who gave the number: "ggml", …
  uint32_t id;        ///< the number in files of that space
  int block, group, code_bits, block_bytes;
  ValueKind kind;
  bool has_sub, has_min, has_sub_min, has_tensor_scale;
  const char* scale_type;  ///< storage type of the float scale: "f16", …, "none"
  const char* min_type;    ///< likewise
  /// Decodes `n` weights (a multiple of `block`) starting at block-aligned `from` (n / block · block_bytes bytes) into
  /// `to`.
  void (*decode)(const std::byte* from, float* to, int64_t n);
  /// Encodes `n` weights (a multiple of `block`) into n / block blocks; null where that cannot be derived yet.
  void (*encode)(const float* from, std::byte* to, int64_t n);
  /// Int8 view of one block: `values[block]`; null for floating formats.
  void (*integers)(const std::byte* from, int16_t* values);
  Accessors accessors;

  double bits_per_weight() const { return 8.0 * block_bytes / block; }
  /// Bytes of a row of `n` weights; `n` is a multiple of `block`.
  uint64_t row_bytes(uint64_t n) const { return capped_product(n / static_cast<uint64_t>(block), block_bytes); }
};

/// All formats, by name.
std::span<const Format> formats();
/// The format with this number in `space`; null when unknown.
const Format* find_format(std::string_view space, uint32_t id);
/// The format called `name` (any case); null when unknown.
const Format* find_format(std::string_view name);

}  // namespace ingot::quant
