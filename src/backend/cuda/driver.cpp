#include "backend/cuda/driver.h"

#include <fmt/format.h>

#include "ingot/error.h"

namespace ingot::cuda {

namespace {

Driver find_driver() {
  static const Library library({"libcuda.so.1"});
  Driver d = {};
  if (!library.is_open()) {
    d.missing = "the NVIDIA driver (libcuda.so.1) is not installed";
    return d;
  }
  d.library = library.name();
  auto bind = [&](const char* symbol, auto*& function) {
    if (!library.find(symbol, function) && d.missing.empty()) d.missing = fmt::format("the NVIDIA driver is too old: it has no {}", symbol);
  };
  bind("cuInit", d.init), bind("cuDriverGetVersion", d.version);
  bind("cuDeviceGetCount", d.device_count), bind("cuDeviceGet", d.device_at), bind("cuDeviceGetName", d.device_name), bind("cuDeviceGetAttribute", d.device_attribute);
  bind("cuDevicePrimaryCtxRetain", d.context_retain), bind("cuDevicePrimaryCtxRelease_v2", d.context_release), bind("cuCtxSetCurrent", d.context_set);
  bind("cuMemGetInfo_v2", d.memory_info), bind("cuMemAlloc_v2", d.allocate), bind("cuMemFree_v2", d.release), bind("cuMemcpyHtoD_v2", d.upload), bind("cuMemcpyDtoH_v2", d.download);
  bind("cuModuleLoadData", d.module_load), bind("cuModuleUnload", d.module_unload), bind("cuModuleGetFunction", d.module_function), bind("cuFuncSetAttribute", d.function_set);
  bind("cuStreamCreate", d.stream_create), bind("cuStreamDestroy_v2", d.stream_destroy), bind("cuStreamSynchronize", d.stream_wait);
  bind("cuStreamBeginCapture_v2", d.capture_begin), bind("cuStreamEndCapture", d.capture_end), bind("cuLaunchKernel", d.launch);
  bind("cuGraphInstantiateWithFlags", d.graph_instantiate), bind("cuGraphLaunch", d.graph_launch), bind("cuGraphExecDestroy", d.graph_exec_destroy), bind("cuGraphDestroy", d.graph_destroy);
  bind("cuGetErrorName", d.error_name), bind("cuGetErrorString", d.error_text);
  if (!d.missing.empty()) return d;
  if (Status status = d.init(0)) {
    const char* text = nullptr;
    d.error_text(status, &text);
    d.missing = fmt::format("the NVIDIA driver does not start: {}", text ? text : "unknown error");
    return d;
  }
  d.version(&d.driver_version);
  d.device_count(&d.devices);
  if (d.devices == 0) d.missing = "there is no NVIDIA GPU";
  return d;
}

}  // namespace

void Driver::check(Status status, const std::string& what) const {
  if (!status) return;
  const char *name = nullptr, *text = nullptr;
  error_name(status, &name), error_text(status, &text);
  throw Error("cuda", what, fmt::format("{} ({})", name ? name : "unknown status", text ? text : std::to_string(status)));
}

const Driver& driver() {
  static const Driver d = find_driver();
  return d;
}

}  // namespace ingot::cuda
