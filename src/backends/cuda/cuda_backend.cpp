// NVIDIA GPUs as a backend: the shared GPU program over the CUDA driver.
#include <fmt/core.h>

#include "backends/cuda/device.h"
#include "backends/cuda/gpu.h"
#include "backends/gpu/gpu_backend.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr int first_gpu = 0;

// What `ingot doctor` reports: what was found, and what is missing. The compiler is only looked for where there is a
// driver: it is a large library.
plan::Device describe() {
  const Driver& d = driver();
  plan::Device device{"cuda", d.missing, false, {}, {}, 0, 0};
  device.threads = false;
  if (!d.ready()) return device;
  Compiler compiler(compiler_names(""));
  try {
    int number = 0;
    size_t bytes = 0;
    d.check(d.device_at(&number, first_gpu), "cannot open the GPU");
    d.check(d.device_memory(&bytes, number), "cannot query the GPU's memory");
    device.cores = attribute_of(d, number, multiprocessors), device.memory_bytes = bytes;
    device.isas = {architecture_of(d, number)};
    device.description = fmt::format("{}{}, {}, driver for {}", name_of(d, number),
                                     d.devices > 1 ? fmt::format(" (the first of {} GPUs)", d.devices) : "",
                                     device.isas.front(), version_text(d.driver_version));
    device.available = compiler.ready();
  } catch (const Error& e) { device.description = e.what(); }
  device.description += "; " + (compiler.ready() ? compiler.version_text() : compiler.missing());
  return device;
}

}  // namespace

}  // namespace ingot::cuda

namespace ingot::plan {

const Backend& cuda_backend() {
  static const gpu::GpuBackend backend({.name = "cuda",
                                        .dialect = "cuda",
                                        .copies_overlap = true,
                                        .max_gemm_tokens = 256,
                                        .shares_memory = false,
                                        .device = cuda::describe,
                                        .open = [](const Options& options) {
                                          return cuda::open_device(cuda::driver(), cuda::first_gpu,
                                                                   {options.cache_folder, ""});
                                        }});
  return backend;
}

}  // namespace ingot::plan
