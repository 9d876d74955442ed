// The part of the CUDA driver API that ingot uses: types and prototypes are its binary interface (CUDA Driver API
// reference), bound at run time. Which GPUs there are, not what is done with them (device.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/library.h"

namespace ingot::cuda {

using Status = int;  // CUresult; 0: success
using Pointer = unsigned long long;
struct ContextTag;
struct ModuleTag;
struct FunctionTag;
struct StreamTag;
struct GraphTag;
struct GraphNodeTag;
struct GraphExecTag;
using Context = ContextTag*;
using Module = ModuleTag*;
using Function = FunctionTag*;
using Stream = StreamTag*;
using Graph = GraphTag*;
using GraphNode = GraphNodeTag*;
using GraphExec = GraphExecTag*;

/// CUDA_KERNEL_NODE_PARAMS, its first version, which every driver still accepts.
struct KernelNode {
  Function function;
  unsigned groups[3], threads[3], shared_bytes;
  void** parameters;
  void** extra;
};
static_assert(sizeof(KernelNode) == 56);

/// CUgraphEdgeData. An edge of a kernel node's programmatic port: the next node begins when every group of this one has
/// called griddepcontrol.launch_dependents, or has ended.
struct GraphEdge {
  unsigned char from_port, to_port, type, reserved[5];
};
constexpr GraphEdge programmatic_edge = {1, 0, 1, {}};

enum StatusValue {
  success = 0,
  out_of_memory = 2,
  invalid_image = 200,
  no_binary_for_gpu = 209,
  // a kernel or the machine faulted; the context is unusable
  memory_uncorrectable = 214,
  link_uncorrectable = 220,
  illegal_address = 700,
  launch_timeout = 702,
  assert_failed = 710,
  hardware_stack_error = 714,
  launch_failed = 719
};
enum DeviceAttribute { multiprocessors = 16, compute_major = 75, compute_minor = 76 };
enum FunctionAttribute { max_dynamic_shared_bytes = 8 };
enum StreamFlag { non_blocking_stream = 1 };

/// Functions are null where the driver is missing; `missing` says what was not found, and what to do.
struct Driver {
  Status (*init)(unsigned flags);
  Status (*version)(int* version);
  Status (*error_name)(Status status, const char** name);
  Status (*error_text)(Status status, const char** text);
  Status (*device_count)(int* count);
  Status (*device_at)(int* device, int ordinal);
  Status (*device_name)(char* name, int bytes, int device);
  Status (*device_memory)(size_t* bytes, int device);
  Status (*device_attribute)(int* value, int attribute, int device);
  Status (*context_retain)(Context* context, int device);
  Status (*context_release)(int device);
  Status (*context_set)(Context context);
  Status (*memory_info)(size_t* free, size_t* total);
  Status (*allocate)(Pointer* to, size_t bytes);
  Status (*release)(Pointer memory);
  Status (*allocate_host)(void** to, size_t bytes);
  Status (*release_host)(void* memory);
  Status (*upload)(Pointer to, const void* from, size_t bytes, Stream stream);
  Status (*download)(void* to, Pointer from, size_t bytes, Stream stream);
  Status (*copy)(Pointer to, Pointer from, size_t bytes, Stream stream);
  Status (*stream_create)(Stream* stream, unsigned flags);
  Status (*stream_destroy)(Stream stream);
  Status (*stream_wait)(Stream stream);
  Status (*module_load)(Module* module, const void* image);
  Status (*module_unload)(Module module);
  Status (*module_function)(Function* function, Module module, const char* name);
  Status (*function_set)(Function function, int attribute, int value);
  Status (*graph_create)(Graph* graph, unsigned flags);
  Status (*graph_add_kernel)(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                             const KernelNode* parameters);
  Status (*graph_add_edges)(Graph graph, const GraphNode* from, const GraphNode* to, const GraphEdge* edges,
                            size_t count);  ///< null before CUDA 12.3
  Status (*graph_instantiate)(GraphExec* exec, Graph graph, unsigned long long flags);
  Status (*graph_launch)(GraphExec exec, Stream stream);
  Status (*graph_exec_destroy)(GraphExec exec);
  Status (*graph_destroy)(Graph graph);

  std::string missing;
  int driver_version = 0;  ///< 13000: CUDA 13.0
  int devices = 0;
  bool ready() const { return missing.empty(); }
  /// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)"
  std::string text(Status status) const;
  /// Throws an error that describes `status`, unless it is success. `what`: what was tried.
  void check(Status status, const std::string& what, const std::string& advice = "") const;

  std::shared_ptr<const Library> library;
};

/// Opens the first of `names` and initializes it.
Driver find_driver(const std::vector<std::string>& names);
/// The driver of this machine, looked for once.
const Driver& driver();
/// "CUDA 13.0", of 13000.
std::string version_text(int version);

}  // namespace ingot::cuda
