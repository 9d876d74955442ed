// One GPU as this process uses it: its context, one stream and a little pinned host memory. Everything that lives on
// the GPU holds a reference to this, so the order of destruction does not matter. After a kernel has faulted the
// context is unusable: the first error says so, and every later call repeats it.
#pragma once
#include <cstdint>
#include <string>

#include "backends/cuda/driver.h"

namespace ingot::cuda {

class Gpu {
 public:
  Gpu(const Driver& driver, int ordinal);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Driver& driver() const { return driver_; }
  int device() const { return device_; }
  Stream stream() const { return stream_; }
  /// Before calls of the driver: a context is current in one thread at a time, and callers come from several. Errors:
  /// the context is unusable.
  void use() const;
  /// The same where nothing may be thrown: before something is freed.
  void use_to_release() const noexcept { driver_.context_set(context_); }
  /// As Driver::check, and remembers errors that make the context unusable.
  void check(Status status, const std::string& what, const std::string& advice = "") const;
  void wait() const;
  /// Pinned host memory, `staging_bytes` of it.
  std::byte* staging() const { return static_cast<std::byte*>(staging_); }
  static constexpr size_t staging_bytes = size_t(4) << 20;

 private:
  const Driver& driver_;
  int device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  void* staging_ = nullptr;
  mutable std::string lost_;  // the first such error; "": none
};

/// Facts that need no context.
std::string name_of(const Driver& driver, int device);
std::string architecture_of(const Driver& driver, int device);
/// Facts::max_gemm_tokens of an architecture.
int max_gemm_tokens_of(const std::string& architecture);
int attribute_of(const Driver& driver, int device, DeviceAttribute attribute);

}  // namespace ingot::cuda
