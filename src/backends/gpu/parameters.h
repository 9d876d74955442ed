// Parameter structs of the GPU kernels, as the host fills them: the kernels' own headers, read as C++. Their pointers
// hold device addresses; the host never dereferences one.
#pragma once
#include "backends/gpu/device.h"

namespace ingot::gpu {

#include "dialect/cpp.h"
#include "gpu/launches.h"

template <class T> T* at_device(Address address) { return reinterpret_cast<T*>(address); }

/// Tokens that a thread group of gemm may compute at once.
constexpr int gemm_passes[] = {16, 32, 64, 128};
/// What the host asks about such a group.
struct GemmGroup {
  int at_once = 0;  ///< groups that a core runs side by side
  int threads = 0;
  size_t shared_bytes = 0;  ///< without the tiles of weights that come ahead
  int step = 0, slots = 0;
  /// `tile_chunks`, `tile_bytes`: of a format's tiles. Where copies are synchronous there are no tiles in shared
  /// memory.
  size_t shared_bytes_with(int tile_chunks, int tile_bytes, bool copies_overlap) const {
    return shared_bytes +
           (copies_overlap ? static_cast<size_t>(gemm_tiles_bytes(step, slots, tile_chunks, tile_bytes)) : 0);
  }
};
template <int N, bool overlap, bool halves> constexpr GemmGroup gemm_group_of() {
  using Shape = gemm_shape<N, overlap, halves>;
  return {.at_once = Shape::groups_per_core,
          .threads = Shape::tokens / Shape::unit_tokens * unit_warps * 32,
          .shared_bytes = sizeof(GemmShared<Shape>),
          .step = Shape::step,
          .slots = Shape::slots};
}
template <bool overlap, bool halves> GemmGroup gemm_group_of(int tokens) {
  switch (tokens) {
    case 16: return gemm_group_of<16, overlap, halves>();
    case 32: return gemm_group_of<32, overlap, halves>();
    case 64: return gemm_group_of<64, overlap, halves>();
    default: return gemm_group_of<128, overlap, halves>();
  }
}
/// `halves`: a format of the launch has groups of less than 32 weights.
inline GemmGroup gemm_group(int tokens, bool copies_overlap, bool halves) {
  if (copies_overlap) return halves ? gemm_group_of<true, true>(tokens) : gemm_group_of<true, false>(tokens);
  return halves ? gemm_group_of<false, true>(tokens) : gemm_group_of<false, false>(tokens);
}

/// A group of the kernel for few tokens (kernels/gemm/gpu/few.h).
struct FewGroup {
  int tokens;  ///< its template parameter
  bool kept;   ///< the input, in the group's memory
  size_t shared_bytes;
};
/// Whether the kernel can take so many tokens: their scales and sums of two chunks have to be whole pieces of 16 bytes.
/// 64 are two passes, which are faster than tensor cores with expanded weights; more passes are not.
inline bool fits_few(int tokens, int cols) {
  if (tokens > few_max_tokens) return tokens == 2 * few_max_tokens;
  return tokens > 1 && tokens % 2 == 0 && (tokens % 4 == 0 || cols / 32 % 2 == 0);
}
inline FewGroup few_group(int cols, int tokens) {
  constexpr size_t max_bytes = 232448;  // of a group, where the kernel is used
  const int n = tokens <= 8 ? 8 : tokens <= 16 ? 16 : 32;
  const size_t kept =
      sizeof(GemvFewShared) + static_cast<size_t>(few_kept_bytes(cols, n)) + size_t{few_warps} * few_kept_ring_bytes;
  if (kept <= max_bytes) return {n, true, kept};
  return {n, false, sizeof(GemvFewShared) + size_t{few_warps} * few_ring_bytes};
}

template <class Params> std::vector<std::byte> by_value(const Params& params) {
  auto bytes = std::as_bytes(std::span(&params, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace ingot::gpu
