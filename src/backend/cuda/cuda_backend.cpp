// NVIDIA GPUs as a backend: the shared GPU program over the CUDA driver.
#include "backend/cuda/device.h"
#include "gpu/gpu_backend.h"

namespace ingot::backend {

const Backend& cuda_backend() {
  static const gpu::GpuBackend backend({"cuda", "cuda", cuda::describe_device, cuda::open_device});
  return backend;
}

}  // namespace ingot::backend
