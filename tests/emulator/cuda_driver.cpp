// A double of the CUDA driver: one device whose kernels run by the executor. Device memory is memory of this machine,
// full of NaNs when it is new; work is done in the order of its calls, when somebody waits for it. What a driver would
// refuse is refused: unknown handles, addresses out of every allocation, groups or parameters too large, graphs of
// anything but a chain.
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emulator/toolchain.h"
#include "ingot/error.h"

namespace {

using ingot::emulator::Grid;
using ingot::emulator::Library;

enum Status {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  invalid_image = 200,
  invalid_context = 201,
  not_found = 500,
  launch_failed = 719
};

constexpr uint64_t memory_bytes = uint64_t(8) << 30, alignment = 256;
constexpr unsigned max_shared_bytes = 227 << 10, shared_bytes_without_asking = 48 << 10, max_threads = 1024;

struct Function {
  decltype(Grid::entry) entry;
  size_t parameter_bytes;
  unsigned max_shared = shared_bytes_without_asking;
};
struct Module {
  std::shared_ptr<const Library> library;
  std::map<std::string, std::unique_ptr<Function>> functions;
};
struct Node {
  const Function* function;
  unsigned groups, threads, shared_bytes;
  std::vector<unsigned char> parameters;
  bool follows = false;  // the node in front
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct Exec {
  std::vector<Node> nodes;
};

int context_token, stream_token;
void* current_context = nullptr;
uint64_t in_use = 0, seed = 1;
// Never destroyed: a process gives its memory back when it ends, after these would have gone.
auto& allocations = *new std::map<uint64_t, uint64_t>;  // bytes by address
auto& stream = *new std::deque<std::function<void()>>;
auto& fault = *new std::string;  // the first of any kernel; the context is lost

struct KernelNode {  // CUDA_KERNEL_NODE_PARAMS
  Function* function;
  unsigned groups[3], threads[3], shared_bytes;
  void** parameters;
  void** extra;
};

bool inside(uint64_t at, uint64_t bytes) {
  auto behind = allocations.upper_bound(at);
  if (behind == allocations.begin()) return false;
  auto [begin, size] = *std::prev(behind);
  return at - begin <= size && bytes <= size - (at - begin);
}

void launch(const Node& node) {
  if (!fault.empty()) return;
  try {
    ingot::emulator::execute(
        {node.function->entry, node.parameters.data(), node.groups, node.threads, node.shared_bytes, seed++, {}, true});
  } catch (const std::exception& e) { fault = e.what(); }
}

int finish() {
  for (; !stream.empty(); stream.pop_front()) stream.front()();
  return fault.empty() ? success : launch_failed;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return ingot::emulator::missing_compiler().empty() ? success : not_found; }
int cuDriverGetVersion(int* version) { return *version = 13000, success; }
int cuGetErrorName(int status, const char** name) {
  static const std::map<int, const char*> names = {{success, "CUDA_SUCCESS"},
                                                   {invalid_value, "CUDA_ERROR_INVALID_VALUE"},
                                                   {out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                   {invalid_image, "CUDA_ERROR_INVALID_IMAGE"},
                                                   {invalid_context, "CUDA_ERROR_INVALID_CONTEXT"},
                                                   {not_found, "CUDA_ERROR_NOT_FOUND"},
                                                   {launch_failed, "CUDA_ERROR_LAUNCH_FAILED"}};
  auto found = names.find(status);
  return found == names.end() ? invalid_value : (*name = found->second, success);
}
int cuGetErrorString(int status, const char** text) {
  static std::string words;
  words = status == launch_failed ? fault : "emulated";
  return *text = words.c_str(), success;
}
int cuDeviceGetCount(int* count) { return *count = 1, success; }
int cuDeviceGet(int* device, int ordinal) { return ordinal == 0 ? (*device = 0, success) : invalid_value; }
int cuDeviceGetName(char* name, int bytes, int) {
  return std::strncpy(name, "emulated GPU", static_cast<size_t>(bytes)), success;
}
int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = memory_bytes, success; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 16: return *value = 2, success;  // multiprocessors
    case 75: return *value = 9, success;  // compute capability
    case 76: return *value = 0, success;
    default: return invalid_value;
  }
}
int cuDevicePrimaryCtxRetain(void** context, int) { return *context = &context_token, success; }
int cuDevicePrimaryCtxRelease_v2(int) { return success; }
int cuCtxSetCurrent(void* context) {
  return context == &context_token ? (current_context = context, success) : invalid_context;
}
int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return *total = memory_bytes, *free = memory_bytes - in_use, success;
}

int cuMemAlloc_v2(uint64_t* to, size_t bytes) {
  if (!current_context) return invalid_context;
  if (!bytes) return invalid_value;
  if (bytes > memory_bytes - in_use) return out_of_memory;
  size_t whole = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, whole);
  if (!memory) return out_of_memory;
  std::memset(memory, 0xff, whole);
  *to = reinterpret_cast<uint64_t>(memory);
  allocations[*to] = bytes, in_use += bytes;
  return success;
}
int cuMemFree_v2(uint64_t memory) {
  auto found = allocations.find(memory);
  if (found == allocations.end()) return invalid_value;
  int status = finish();
  in_use -= found->second;
  allocations.erase(found);
  std::free(reinterpret_cast<void*>(memory));
  return status;
}
int cuMemAllocHost_v2(void** to, size_t bytes) { return (*to = std::malloc(bytes)) ? success : out_of_memory; }
int cuMemFreeHost(void* memory) { return std::free(memory), success; }

// From pageable memory: taken at once, copied in its turn.
int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* on) {
  if (on != &stream_token || !inside(to, bytes)) return invalid_value;
  auto bytes_of = std::make_shared<std::vector<unsigned char>>(static_cast<const unsigned char*>(from),
                                                               static_cast<const unsigned char*>(from) + bytes);
  stream.push_back([=] { std::memcpy(reinterpret_cast<void*>(to), bytes_of->data(), bytes_of->size()); });
  return success;
}
int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* on) {
  if (on != &stream_token || !inside(from, bytes)) return invalid_value;
  stream.push_back([=] { std::memcpy(to, reinterpret_cast<const void*>(from), bytes); });
  return success;
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* on) {
  if (on != &stream_token || !inside(to, bytes) || !inside(from, bytes)) return invalid_value;
  stream.push_back([=] { std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes); });
  return success;
}

int cuStreamCreate(void** created, unsigned) { return *created = &stream_token, success; }
int cuStreamDestroy_v2(void*) { return finish(), success; }
int cuStreamSynchronize(void* on) { return on == &stream_token ? finish() : invalid_value; }

// The image's length is not said: it is an ELF file whose section table ends it.
int cuModuleLoadData(Module** module, const void* image) {
  const auto* header = static_cast<const Elf64_Ehdr*>(image);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return invalid_image;
  size_t bytes = header->e_shoff + size_t(header->e_shnum) * header->e_shentsize;
  const auto* from = static_cast<const std::byte*>(image);
  try {
    *module = new Module{std::make_shared<const Library>(std::vector<std::byte>(from, from + bytes)), {}};
  } catch (const ingot::Error&) { return invalid_image; }
  return success;
}
int cuModuleUnload(Module* module) {
  int status = finish();
  delete module;
  return status;
}
int cuModuleGetFunction(Function** function, Module* module, const char* name) {
  auto entry = module->library->entry(name);
  if (!entry) return not_found;
  std::unique_ptr<Function>& kept = module->functions[name];
  if (!kept) kept.reset(new Function{entry, module->library->parameter_bytes(name)});
  return *function = kept.get(), success;
}
int cuFuncSetAttribute(Function* function, int attribute, int value) {
  if (attribute != 8 || value < 0 || unsigned(value) > max_shared_bytes) return invalid_value;
  return function->max_shared = unsigned(value), success;
}

int cuGraphCreate(Graph** graph, unsigned) { return *graph = new Graph, success; }
int cuGraphDestroy(Graph* graph) { return delete graph, success; }
int cuGraphAddKernelNode(Node** node, Graph* graph, Node* const* after, size_t count, const KernelNode* p) {
  bool chain = count == 0 || (count == 1 && !graph->nodes.empty() && after[0] == graph->nodes.back().get());
  for (int i = 1; i < 3; i++) chain = chain && p->groups[i] == 1 && p->threads[i] == 1;
  if (!chain || !p->groups[0] || !p->threads[0] || p->threads[0] > max_threads ||
      p->shared_bytes > p->function->max_shared || p->extra)
    return invalid_value;
  const auto* parameters = static_cast<const unsigned char*>(p->parameters[0]);
  graph->nodes.push_back(std::make_unique<Node>(Node{p->function,
                                                     p->groups[0],
                                                     p->threads[0],
                                                     p->shared_bytes,
                                                     {parameters, parameters + p->function->parameter_bytes},
                                                     count == 1}));
  return *node = graph->nodes.back().get(), success;
}
int cuGraphAddDependencies_v2(Graph* graph, Node* const* from, Node* const* to, const unsigned char (*edge)[8],
                              size_t count) {
  size_t n = graph->nodes.size();
  bool programmatic = (*edge)[0] == 1 && (*edge)[1] == 0 && (*edge)[2] == 1;
  if (count != 1 || n < 2 || !programmatic || *to != graph->nodes[n - 1].get() || *from != graph->nodes[n - 2].get() ||
      (*to)->follows)
    return invalid_value;
  return (*to)->follows = true, success;
}
int cuGraphInstantiateWithFlags(Exec** exec, Graph* graph, unsigned long long) {
  for (size_t i = 0; i < graph->nodes.size(); i++)
    if (graph->nodes[i]->follows != (i > 0)) return invalid_value;
  *exec = new Exec;
  for (const auto& node : graph->nodes) (*exec)->nodes.push_back(*node);
  return success;
}
int cuGraphExecDestroy(Exec* exec) {
  int status = finish();
  delete exec;
  return status;
}
int cuGraphLaunch(Exec* exec, void* on) {
  if (on != &stream_token) return invalid_value;
  stream.push_back([exec] {
    for (const Node& node : exec->nodes) launch(node);
  });
  return fault.empty() ? success : launch_failed;
}
}
