// An NVIDIA GPU as gpu::Device: memory, kernels of NVRTC, sequences as graphs.
#pragma once
#include <memory>

#include "backends/cuda/compiler.h"
#include "backends/cuda/driver.h"
#include "backends/gpu/device.h"

namespace ingot::cuda {

struct OpenOptions {
  std::string cache_folder;    ///< where machine code is kept between runs; "": nowhere
  std::string library_folder;  ///< where NVRTC is also looked for; "": only where the loader looks
};

/// Opens the GPU number `ordinal` of `driver`, which outlives the device. Errors: no such GPU, or it cannot be used.
std::unique_ptr<gpu::Device> open_device(const Driver& driver, int ordinal, const OpenOptions& options);

}  // namespace ingot::cuda
