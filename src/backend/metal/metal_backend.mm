// Macs' GPUs as a backend: the shared GPU program over Metal.
#include "backend/metal/device.h"
#include "gpu/gpu_backend.h"

namespace ingot::backend {

const Backend& metal_backend() {
  static const gpu::GpuBackend backend({"metal", "metal", true, metal::describe, [](const Options&) { return metal::open_device(); }});
  return backend;
}

}  // namespace ingot::backend
