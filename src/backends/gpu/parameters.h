// Parameter structs of the GPU kernels, as the host fills them: the kernels' own headers, read as C++. Addresses of device memory stand
// in their pointers; the host never follows one.
#pragma once
#include "backends/gpu/device.h"

namespace ingot::gpu {

#include "dialect/cpp.h"
#include "batch/gpu/header.h"
#include "batch/gpu/gather_launch.h"
#include "gemv/gpu/launch.h"
#include "gemm/gpu/launch.h"
#include "embed/gpu/launch.h"
#include "norm/gpu/launch.h"
#include "rope/gpu/launch.h"
#include "attend/gpu/launch.h"
#include "sample/gpu/launch.h"
#include "probe/gpu/launch.h"

template <class T> T* at_device(Address address) { return reinterpret_cast<T*>(address); }

/// Of a pass of 16 or 64 tokens.
inline size_t gemm_room_bytes(int tokens) { return tokens == 16 ? sizeof(GemmRoom<16>) : sizeof(GemmRoom<64>); }

template <class Params> std::vector<std::byte> by_value(const Params& params) {
  auto bytes = std::as_bytes(std::span(&params, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace ingot::gpu
