// A backend made of a device interface: everything that GPU backends share. A backend's folder says how its device is
// opened and what is known about it; this file says how plans run there.
#pragma once
#include <functional>
#include <memory>

#include "plan/backend.h"
#include "backends/gpu/device.h"

namespace ingot::gpu {

struct Interface {
  const char* name;     ///< of the backend
  const char* dialect;  ///< file of kernels/dialect, without its ending
  bool copies_overlap;  ///< Facts of a device, and of the one that keeps the most sums
  int max_gemm_tokens;
  bool shares_memory;  ///< whether memory is shared with the processor: matrices in file blocks are not copied then
  std::function<plan::Device()> device;  ///< what was found, and what is missing; never throws
  std::function<std::unique_ptr<Device>(const plan::Options&)> open;  ///< Errors: no device
};

class GpuBackend : public plan::Backend {
 public:
  explicit GpuBackend(Interface interface) : interface_(std::move(interface)) {}
  const char* name() const override { return interface_.name; }
  plan::Device device() const override { return interface_.device(); }
  plan::FormatChoice choose(const quant::Format& format) const override;
  plan::Choices choose(const plan::Plan& plan, const plan::Options& options) const override;
  std::unique_ptr<plan::Program> compile(plan::Plan plan, const plan::Options& options) const override;
  plan::KernelSource source(const plan::Plan& plan) const override;
  std::vector<plan::FormatSpeed> format_speeds(const plan::Options& options) const override;
  double read_bandwidth(int threads) const override;

 private:
  Interface interface_;
};

}  // namespace ingot::gpu
