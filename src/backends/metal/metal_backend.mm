// Macs' GPUs as a backend: the shared GPU program over Metal.
#include "backends/metal/device.h"
#include "backends/gpu/gpu_backend.h"

namespace ingot::plan {

const Backend& metal_backend() {
  static const gpu::GpuBackend backend({.name = "metal",
                                        .dialect = "metal",
                                        .copies_overlap = false,
                                        .max_gemm_tokens = 64,
                                        .shares_memory = true,
                                        .device = metal::describe,
                                        .open = [](const Options&) { return metal::open_device(); }});
  return backend;
}

}  // namespace ingot::plan
