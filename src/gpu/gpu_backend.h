// A backend made of a device interface: everything that GPU backends share. A backend's folder says how its device is opened and what is
// known of it; this says how plans run there.
#pragma once
#include <functional>
#include <memory>

#include "backend/backend.h"
#include "gpu/device.h"

namespace ingot::gpu {

struct Interface {
  const char* name;                                ///< of the backend
  const char* dialect;                             ///< file of kernels/dialect, without its ending
  bool shares_memory;                              ///< whether it is the processor's: matrices in file blocks are not copied then
  std::function<backend::Device()> device;         ///< what is there, and what is missing; never throws
  std::function<std::unique_ptr<Device>(const backend::Options&)> open;  ///< Errors: no device
};

class GpuBackend : public backend::Backend {
 public:
  explicit GpuBackend(Interface interface) : interface_(std::move(interface)) {}
  const char* name() const override { return interface_.name; }
  backend::Device device() const override { return interface_.device(); }
  backend::FormatChoice choose(const quant::Format& format) const override;
  backend::Choices choose(const backend::Plan& plan, const backend::Options& options) const override;
  std::unique_ptr<backend::Program> cast(backend::Plan plan, const backend::Options& options) const override;
  backend::KernelSource source(const backend::Plan& plan) const override;
  std::vector<backend::FormatSpeed> format_speeds(const backend::Options& options) const override;
  double read_bandwidth(int threads) const override;

 private:
  Interface interface_;
};

}  // namespace ingot::gpu
