// The CUDA driver API as far as ingot uses it: types and prototypes are its binary interface (CUDA Driver API reference), bound at run time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "backend/cuda/library.h"

namespace ingot::cuda {

using Status = int;  // CUresult; 0: success
using Pointer = unsigned long long;
struct ContextTag;
struct ModuleTag;
struct FunctionTag;
struct StreamTag;
struct GraphTag;
struct GraphExecTag;
using Context = ContextTag*;
using Module = ModuleTag*;
using Function = FunctionTag*;
using Stream = StreamTag*;
using Graph = GraphTag*;
using GraphExec = GraphExecTag*;

constexpr int out_of_memory = 2;
enum DeviceAttribute { multiprocessors = 16, compute_major = 75, compute_minor = 76 };
enum FunctionAttribute { most_dynamic_shared_bytes = 8 };
constexpr int non_blocking_stream = 1, capture_relaxed = 2;

/// Everything is null where the driver is missing; `missing` says what was looked for in vain.
struct Driver {
  Status (*init)(unsigned flags);
  Status (*version)(int* version);
  Status (*device_count)(int* count);
  Status (*device_at)(int* device, int ordinal);
  Status (*device_name)(char* name, int bytes, int device);
  Status (*device_attribute)(int* value, int attribute, int device);
  Status (*context_retain)(Context* context, int device);
  Status (*context_release)(int device);
  Status (*context_set)(Context context);
  Status (*memory_info)(size_t* free, size_t* total);
  Status (*allocate)(Pointer* to, size_t bytes);
  Status (*release)(Pointer memory);
  Status (*upload)(Pointer to, const void* from, size_t bytes);
  Status (*download)(void* to, Pointer from, size_t bytes);
  Status (*module_load)(Module* module, const void* image);
  Status (*module_unload)(Module module);
  Status (*module_function)(Function* function, Module module, const char* name);
  Status (*function_set)(Function function, int attribute, int value);
  Status (*stream_create)(Stream* stream, unsigned flags);
  Status (*stream_destroy)(Stream stream);
  Status (*stream_wait)(Stream stream);
  Status (*capture_begin)(Stream stream, int mode);
  Status (*capture_end)(Stream stream, Graph* graph);
  Status (*launch)(Function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared_bytes, Stream stream, void** parameters, void** extra);
  Status (*graph_instantiate)(GraphExec* exec, Graph graph, unsigned long long flags);
  Status (*graph_launch)(GraphExec exec, Stream stream);
  Status (*graph_exec_destroy)(GraphExec exec);
  Status (*graph_destroy)(Graph graph);
  Status (*error_name)(Status status, const char** name);
  Status (*error_text)(Status status, const char** text);

  std::string library, missing;
  int driver_version = 0;  ///< 13000: CUDA 13.0
  int devices = 0;
  bool ready() const { return missing.empty(); }
  /// Throws what `status` means, when it is no success. `what`: what was tried.
  void check(Status status, const std::string& what) const;
};

/// The driver of this machine, looked for once.
const Driver& driver();

}  // namespace ingot::cuda
