// Parameter structs of the GPU kernels, as the host fills them: the kernels' own headers, read as C++. Addresses of device memory stand
// in their pointers; the host never follows one.
#pragma once
#include "backends/gpu/device.h"

namespace ingot::gpu {

#include "dialect/cpp.h"
#include "gemv/launch.h"
#include "gemm/launch.h"
#include "embed/launch.h"
#include "norm/launch.h"
#include "rope/launch.h"
#include "attend/launch.h"
#include "sample/launch.h"
#include "probe/launch.h"

template <class T> T* at_device(Address address) { return reinterpret_cast<T*>(address); }

/// Of a pass of 16, 64, 128 or 256 tokens. `tile_chunks`, `tile_bytes`: of the format's tiles. Where copies do not overlap there are no
/// tiles in the group's memory.
inline size_t gemm_room_bytes(int tokens, int tile_chunks, int tile_bytes, bool copies_overlap) {
  auto bytes = [&]<int N>() {
    using Shape = gemm_shape<N>;
    return sizeof(GemmRoom<Shape>) + (copies_overlap ? gemm_tiles_bytes(Shape::step, Shape::slots, tile_chunks, tile_bytes) : 0);
  };
  return tokens == 16 ? bytes.operator()<16>() : tokens == 64 ? bytes.operator()<64>() : tokens == 128 ? bytes.operator()<128>() : bytes.operator()<256>();
}

template <class Params> std::vector<std::byte> by_value(const Params& params) {
  auto bytes = std::as_bytes(std::span(&params, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace ingot::gpu
