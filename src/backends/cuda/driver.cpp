#include "backends/cuda/driver.h"

#include <fmt/core.h>

#include "ingot/error.h"

namespace ingot::cuda {

namespace {

// Sets every function; returns the first one that the library lacks, "" if it has all.
std::string bind_all(const Library& library, Driver& d) {
  std::string lacking;
  auto bind = [&](const char* symbol, auto*& function) {
    if (!library.find(symbol, function) && lacking.empty()) lacking = symbol;
  };
  bind("cuInit", d.init);
  bind("cuDriverGetVersion", d.version);
  bind("cuGetErrorName", d.error_name);
  bind("cuGetErrorString", d.error_text);
  bind("cuDeviceGetCount", d.device_count);
  bind("cuDeviceGet", d.device_at);
  bind("cuDeviceGetName", d.device_name);
  bind("cuDeviceTotalMem_v2", d.device_memory);
  bind("cuDeviceGetAttribute", d.device_attribute);
  bind("cuDevicePrimaryCtxRetain", d.context_retain);
  bind("cuDevicePrimaryCtxRelease_v2", d.context_release);
  bind("cuCtxSetCurrent", d.context_set);
  bind("cuMemGetInfo_v2", d.memory_info);
  bind("cuMemAlloc_v2", d.allocate);
  bind("cuMemFree_v2", d.release);
  bind("cuMemAllocHost_v2", d.allocate_host);
  bind("cuMemFreeHost", d.release_host);
  bind("cuMemcpyHtoDAsync_v2", d.upload);
  bind("cuMemcpyDtoHAsync_v2", d.download);
  bind("cuMemcpyDtoDAsync_v2", d.copy);
  bind("cuStreamCreate", d.stream_create);
  bind("cuStreamDestroy_v2", d.stream_destroy);
  bind("cuStreamSynchronize", d.stream_wait);
  bind("cuModuleLoadData", d.module_load);
  bind("cuModuleUnload", d.module_unload);
  bind("cuModuleGetFunction", d.module_function);
  bind("cuFuncSetAttribute", d.function_set);
  bind("cuGraphCreate", d.graph_create);
  bind("cuGraphAddKernelNode", d.graph_add_kernel);
  library.find("cuGraphAddDependencies_v2", d.graph_add_edges);
  bind("cuGraphInstantiateWithFlags", d.graph_instantiate);
  bind("cuGraphLaunch", d.graph_launch);
  bind("cuGraphExecDestroy", d.graph_exec_destroy);
  bind("cuGraphDestroy", d.graph_destroy);
  return lacking;
}

// Why the driver cannot be used, "" if it can.
std::string start(Driver& d) {
  if (!d.library->is_open())
    return fmt::format("the NVIDIA driver is not installed ({}); install it to use a GPU", d.library->refusal());
  std::string lacking = bind_all(*d.library, d);
  if (d.version) d.version(&d.driver_version);
  if (!lacking.empty())
    return fmt::format("the NVIDIA driver is too old: {} for {} has no {}; install one for CUDA 12 or later",
                       d.library->name(), version_text(d.driver_version), lacking);
  if (Status status = d.init(0))
    return fmt::format("the NVIDIA driver cannot be initialized: {}; nvidia-smi may say more", d.text(status));
  if (Status status = d.device_count(&d.devices)) return "cannot list the GPUs of the NVIDIA driver: " + d.text(status);
  return d.devices ? "" : "the NVIDIA driver reports no GPU";
}

}  // namespace

std::string version_text(int version) { return fmt::format("CUDA {}.{}", version / 1000, version % 1000 / 10); }

std::string Driver::text(Status status) const {
  const char *name = nullptr, *text = nullptr;
  error_name(status, &name), error_text(status, &text);
  return fmt::format("{} ({})", name ? name : fmt::format("status {}", status), text ? text : "unknown CUDA error");
}

void Driver::check(Status status, const std::string& what, const std::string& advice) const {
  if (status) throw Error("cuda", what, text(status), "", advice);
}

Driver find_driver(const std::vector<std::string>& names) {
  Driver d = {};
  d.library = std::make_shared<const Library>(names);
  d.missing = start(d);
  return d;
}

const Driver& driver() {
  static const Driver d = find_driver({"libcuda.so.1"});
  return d;
}

}  // namespace ingot::cuda
