// Limits on the counts and sizes that a file may state. They bound the memory needed to open any file, however crafted,
// by its size + 64 MiB, and are far above those of real models (about 100 keys, 1,000 tensors, 300,000 tokens).
#pragma once
#include <cstdint>

namespace ingot::container {

inline constexpr uint64_t max_metadata_bytes = uint64_t{256} << 20;  ///< header, metadata and tensor table together
inline constexpr uint64_t max_keys = 65'536;
inline constexpr uint64_t max_tensors = 65'536;    ///< over all parts of a split model
inline constexpr uint64_t max_key_bytes = 65'535;  ///< GGUF specification, "gguf_metadata_kv_t"
inline constexpr uint64_t max_name_bytes = 255;    ///< of a tensor; the specification asks for 64
inline constexpr uint64_t max_dimensions = 4;
inline constexpr uint64_t max_alignment = 4'096;  ///< a page
inline constexpr uint64_t default_alignment = 32;
inline constexpr uint64_t max_parts = 65'535;                ///< split.count is a u16
inline constexpr uint64_t max_elements = uint64_t{1} << 21;  ///< of an array that is read completely

}  // namespace ingot::container
