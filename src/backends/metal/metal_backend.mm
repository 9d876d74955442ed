// Macs' GPUs as a backend: the shared GPU program over Metal.
#include "backends/metal/device.h"
#include "backends/gpu/gpu_backend.h"

namespace ingot::plan {

const Backend& metal_backend() {
  static const gpu::GpuBackend backend({"metal", "metal", true, metal::describe, [](const Options&) { return metal::open_device(); }});
  return backend;
}

}  // namespace ingot::plan
