#include "backends/cuda/gpu.h"

#include <fmt/core.h>

#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr const char* with_wide_products = "sm_90a";  // wgmma, which code for plain sm_90 cannot use

// After these the context refuses every call.
bool loses_the_gpu(Status status) {
  return status == illegal_address || status == launch_timeout || status == assert_failed ||
         (status >= hardware_stack_error && status <= launch_failed) || status == memory_uncorrectable ||
         status == link_uncorrectable;
}

}  // namespace

Gpu::Gpu(const Driver& driver, int ordinal) : driver_(driver) {
  driver_.check(driver_.device_at(&device_, ordinal), "cannot open the GPU");
  driver_.check(driver_.context_retain(&context_, device_), "the GPU cannot be used",
                "close programs that use it; nvidia-smi lists them");
  try {
    use();
    check(driver_.stream_create(&stream_, non_blocking_stream), "cannot create a CUDA stream");
    check(driver_.allocate_host(&staging_, staging_bytes), "cannot allocate pinned host memory");
  } catch (const Error&) {
    if (stream_) driver_.stream_destroy(stream_);
    driver_.context_release(device_);
    throw;
  }
}

Gpu::~Gpu() {
  use_to_release();
  driver_.release_host(staging_);
  driver_.stream_destroy(stream_);
  driver_.context_release(device_);
}

void Gpu::use() const {
  if (!lost_.empty()) throw Error("cuda", "the GPU is unusable after an earlier fault", lost_, "", "start ingot again");
  driver_.check(driver_.context_set(context_), "the GPU cannot be used");
}

void Gpu::check(Status status, const std::string& what, const std::string& advice) const {
  if (!loses_the_gpu(status)) return driver_.check(status, what, advice);
  lost_ = driver_.text(status);
  throw Error("cuda", "a kernel faulted; the CUDA context is unusable", lost_, "",
              "please report this with the output of ingot doctor");
}

void Gpu::wait() const { check(driver_.stream_wait(stream_), "waiting for the GPU failed"); }

std::string name_of(const Driver& driver, int device) {
  char name[256] = {};
  driver.check(driver.device_name(name, sizeof name - 1, device), "cannot query the GPU's name");
  return name;
}

int attribute_of(const Driver& driver, int device, DeviceAttribute attribute) {
  int value = 0;
  driver.check(driver.device_attribute(&value, attribute, device), "cannot query the GPU's attributes");
  return value;
}

std::string architecture_of(const Driver& driver, int device) {
  const int major = attribute_of(driver, device, compute_major), minor = attribute_of(driver, device, compute_minor);
  const std::string name = fmt::format("sm_{}{}", major, minor);
  return name == "sm_90" ? with_wide_products : name;
}

int max_gemm_tokens_of(const std::string& architecture) { return architecture == with_wide_products ? 256 : 64; }

}  // namespace ingot::cuda
