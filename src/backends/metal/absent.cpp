// The Metal backend of a build without Metal: what it would compile and run can be inspected, nothing can be opened.
// Linked instead of metal_backend.mm on systems other than Apple's.
#include "backends/gpu/gpu_backend.h"
#include "ingot/error.h"

namespace ingot::metal {

namespace {

constexpr const char* missing = "this build has no Metal, which only Macs have";

plan::Device describe() {
  plan::Device device{"metal", missing, false, {}, {}, 0, 0};
  device.threads = false;
  return device;
}

std::unique_ptr<gpu::Device> refuse(const plan::Options&) {
  throw Error("metal", "no GPU can be used", missing, "", "choose another --device");
}

}  // namespace

}  // namespace ingot::metal

namespace ingot::plan {

const Backend& metal_backend() {
  static const gpu::GpuBackend backend({.name = "metal",
                                        .dialect = "metal",
                                        .copies_overlap = false,
                                        .max_gemm_tokens = 64,
                                        .shares_memory = true,
                                        .device = metal::describe,
                                        .open = metal::refuse});
  return backend;
}

}  // namespace ingot::plan
