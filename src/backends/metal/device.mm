#include "backends/metal/device.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "backends/metal/gpu.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::metal {

namespace {

using SharedGpu = std::shared_ptr<Gpu>;

constexpr uint64_t alignment = 256;
constexpr uint32_t warp_threads = 32;
constexpr size_t max_parameter_bytes = 4096, shared_unit = 16,
                 max_log = 4000;  // Metal's limits; of a log its first errors

/// Why this GPU cannot be used, "" if it can.
std::string missing(id<MTLDevice> device) {
  if (!device) return "Metal finds no GPU here";
  if (![device supportsFamily:MTLGPUFamilyMetal3])
    return text_of([device name]) + " does not know Metal 3, which takes an Apple M1 or later and macOS 13";
  return "";
}

/// The newest Apple GPU family that it belongs to: "apple8"; "metal3" if it belongs to none.
std::string family_of(id<MTLDevice> device) {
  constexpr int none = 1000, newest = 1010;
  for (int family = newest; family > none; family--)
    if ([device supportsFamily:static_cast<MTLGPUFamily>(family)]) return fmt::format("apple{}", family - none);
  return "metal3";
}

/// A part of a buffer, which it owns.
class MetalMemory : public gpu::Memory {
 public:
  MetalMemory(SharedGpu gpu, id<MTLBuffer> buffer, uint64_t at, uint64_t bytes, bool writable)
      : writable(writable), gpu_(std::move(gpu)), buffer_(buffer), at_(at), bytes_(bytes) {}
  ~MetalMemory() override { gpu_->release(buffer_); }
  gpu::Address address() const override { return [buffer_ gpuAddress] + at_; }
  uint64_t bytes() const override { return bytes_; }
  std::byte* contents() const { return static_cast<std::byte*>([buffer_ contents]) + at_; }
  const bool writable;

 private:
  SharedGpu gpu_;
  id<MTLBuffer> buffer_;
  uint64_t at_, bytes_;
};

struct MetalKernel : gpu::Kernel {
  MetalKernel(std::string name, Held<id<MTLComputePipelineState>> pipeline)
      : name(std::move(name)), pipeline(std::move(pipeline)) {}
  std::string name;
  Held<id<MTLComputePipelineState>> pipeline;
};

/// A launch that keeps its pipeline alive.
struct Recorded {
  Held<id<MTLComputePipelineState>> pipeline;
  uint32_t groups, threads, shared_bytes;
  std::vector<std::byte> parameters;
};

struct MetalSequence : gpu::Sequence {
  std::vector<Recorded> launches;
};

class MetalDevice : public gpu::Device {
 public:
  explicit MetalDevice(Held<id<MTLDevice>> device) : gpu_(std::make_shared<Gpu>(std::move(device))) {
    Pool pool;
    id<MTLDevice> d = gpu_->device();
    facts_.name = gpu_->name(), facts_.architecture = family_of(d);
    facts_.memory_bytes = [d recommendedMaxWorkingSetSize];
    facts_.free_bytes = facts_.memory_bytes - std::min<uint64_t>(facts_.memory_bytes, [d currentAllocatedSize]);
    facts_.emulated = facts_.name.find("emulated") != std::string::npos;
  }

  const gpu::Facts& facts() const override { return facts_; }
  const char* dialect() const override { return "metal"; }

  std::unique_ptr<gpu::Memory> allocate(uint64_t bytes, const std::string& what) override {
    Pool pool;
    uint64_t max_bytes = [gpu_->device() maxBufferLength];
    id<MTLBuffer> buffer = bytes <= max_bytes ? gpu_->allocate(std::max<uint64_t>(bytes, 1)) : nil;
    if (!buffer)
      throw Error("metal", "not enough memory for " + what, fmt::format("{} MiB", (bytes >> 20) + 1),
                  fmt::format("at most {} MiB in one piece on {}", max_bytes >> 20, facts_.name),
                  "use a smaller model or a shorter context (-c)");
    auto memory = std::make_unique<MetalMemory>(gpu_, buffer, 0, bytes, true);
    if (memory->address() % alignment)
      throw Error("metal", "device memory is misaligned", fmt::format("address {:#x}", memory->address()),
                  fmt::format("a multiple of {}", alignment));
    return memory;
  }

  // A buffer covers whole pages: those around the bytes, which are mapped if one byte of them is.
  std::unique_ptr<gpu::Memory> share(std::span<const std::byte> bytes) override {
    Pool pool;
    const uintptr_t page = static_cast<uintptr_t>(getpagesize()), from = reinterpret_cast<uintptr_t>(bytes.data()),
                    begin = from / page * page;
    const uintptr_t end = (from + bytes.size() + page - 1) / page * page;
    id<MTLBuffer> buffer = bytes.empty() ? nil : gpu_->share(reinterpret_cast<void*>(begin), end - begin);
    return buffer ? std::make_unique<MetalMemory>(gpu_, buffer, from - begin, bytes.size(), false) : nullptr;
  }

  void upload(gpu::Memory& to, uint64_t at, std::span<const std::byte> from) override {
    inside(to, at, from.size());
    if (!static_cast<MetalMemory&>(to).writable)
      throw Error("metal", "memory that is shared with the processor is only read",
                  fmt::format("{} bytes to write", from.size()));
    gpu_->wait();
    if (!from.empty()) std::memcpy(static_cast<MetalMemory&>(to).contents() + at, from.data(), from.size());
  }

  void download(const gpu::Memory& from, uint64_t at, std::span<std::byte> to) override {
    inside(from, at, to.size());
    gpu_->wait();
    if (!to.empty()) std::memcpy(to.data(), static_cast<const MetalMemory&>(from).contents() + at, to.size());
  }

  void copy(gpu::Memory& to, uint64_t to_at, const gpu::Memory& from, uint64_t from_at, uint64_t bytes) override {
    inside(from, from_at, bytes);
    upload(to, to_at, {static_cast<const MetalMemory&>(from).contents() + from_at, bytes});
  }

  std::vector<std::unique_ptr<gpu::Kernel>> compile(const gpu::Source& source) override;
  std::unique_ptr<gpu::Sequence> record(std::span<const gpu::Launch> launches) override;
  void run(const gpu::Sequence& sequence) override;
  void wait() override { gpu_->wait(); }

 private:
  static void inside(const gpu::Memory& memory, uint64_t at, uint64_t bytes) {
    if (at > memory.bytes() || bytes > memory.bytes() - at)
      throw Error("metal", "a copy exceeds its memory", fmt::format("{} bytes at {}", bytes, at),
                  fmt::format("at most {} bytes", memory.bytes()));
  }
  std::unique_ptr<MetalKernel> pipeline(id<MTLLibrary> library, const std::string& entry) const;
  void check(const MetalKernel& kernel, const gpu::Launch& launch) const;

  SharedGpu gpu_;
  gpu::Facts facts_;
};

// Metal itself caches what it compiled between runs. Without fast math sums round in the order of the kernels.
std::vector<std::unique_ptr<gpu::Kernel>> MetalDevice::compile(const gpu::Source& source) {
  Pool pool;
  MTLCompileOptions* options = [[[MTLCompileOptions alloc] init] autorelease];
  [options setFastMathEnabled:NO];
  [options setLanguageVersion:MTLLanguageVersion3_0];
  NSError* error = nil;
  Held<id<MTLLibrary>> library([gpu_->device() newLibraryWithSource:[NSString stringWithUTF8String:source.text.c_str()]
                                                            options:options
                                                              error:&error]);
  if (!library)
    throw Error("metal", "kernels do not compile for " + facts_.name + ": " + text_of(error).substr(0, max_log), "", "",
                "please report this with the output of ingot doctor");
  std::vector<std::unique_ptr<gpu::Kernel>> kernels;
  for (const std::string& entry : source.entries) kernels.push_back(pipeline(library.get(), entry));
  return kernels;
}

std::unique_ptr<MetalKernel> MetalDevice::pipeline(id<MTLLibrary> library, const std::string& entry) const {
  Held<id<MTLFunction>> function([library newFunctionWithName:[NSString stringWithUTF8String:entry.c_str()]]);
  if (!function) throw Error("metal", "the compiled kernels have no " + entry);
  NSError* error = nil;
  Held<id<MTLComputePipelineState>> pipeline([gpu_->device() newComputePipelineStateWithFunction:function.get()
                                                                                           error:&error]);
  if (!pipeline) throw Error("metal", entry + " cannot be loaded on " + facts_.name, text_of(error).substr(0, max_log));
  if (NSUInteger width = [pipeline.get() threadExecutionWidth]; width != warp_threads)
    throw Error("metal", facts_.name + " has a SIMD-group width that the kernels cannot use",
                fmt::format("{} at once", width), fmt::format("{}", warp_threads), "choose another --device");
  return std::make_unique<MetalKernel>(entry, std::move(pipeline));
}

void MetalDevice::check(const MetalKernel& kernel, const gpu::Launch& l) const {
  NSUInteger threads = [kernel.pipeline.get() maxTotalThreadsPerThreadgroup],
             max_shared_bytes = [gpu_->device() maxThreadgroupMemoryLength];
  if (l.threads > threads)
    throw Error("metal", kernel.name + " uses too many registers", fmt::format("{} threads per group", l.threads),
                fmt::format("at most {} on {}", threads, facts_.name));
  if (l.shared_bytes > max_shared_bytes)
    throw Error("metal", kernel.name + " uses too much memory per group", fmt::format("{} bytes", l.shared_bytes),
                fmt::format("at most {} on {}", max_shared_bytes, facts_.name));
  if (l.parameters.size() > max_parameter_bytes)
    throw Error("metal", kernel.name + " takes too many parameters", fmt::format("{} bytes", l.parameters.size()),
                fmt::format("at most {}", max_parameter_bytes));
}

std::unique_ptr<gpu::Sequence> MetalDevice::record(std::span<const gpu::Launch> launches) {
  auto sequence = std::make_unique<MetalSequence>();
  for (const gpu::Launch& l : launches) {
    const MetalKernel& kernel = static_cast<const MetalKernel&>(*l.kernel);
    check(kernel, l);
    uint32_t shared_bytes = narrow<uint32_t>((l.shared_bytes + shared_unit - 1) / shared_unit * shared_unit);
    sequence->launches.push_back({hold(kernel.pipeline.get()), l.groups, l.threads, shared_bytes, l.parameters});
  }
  return sequence;
}

void MetalDevice::run(const gpu::Sequence& sequence) {
  gpu_->start([&](id<MTLComputeCommandEncoder> to) {
    for (const Recorded& l : static_cast<const MetalSequence&>(sequence).launches) {
      [to setComputePipelineState:l.pipeline.get()];
      [to setBytes:l.parameters.data() length:l.parameters.size() atIndex:0];
      [to setThreadgroupMemoryLength:l.shared_bytes atIndex:0];
      [to dispatchThreadgroups:MTLSizeMake(l.groups, 1, 1) threadsPerThreadgroup:MTLSizeMake(l.threads, 1, 1)];
      [to memoryBarrierWithScope:MTLBarrierScopeBuffers];
    }
  });
}

}  // namespace

plan::Device describe() {
  Pool pool;
  Held<id<MTLDevice>> device(MTLCreateSystemDefaultDevice());
  plan::Device found{"metal", missing(device.get()), false, {}, {}, 0, 0};
  found.threads = false;
  if (!found.description.empty()) return found;
  found.available = true;
  found.isas = {family_of(device.get())};
  found.memory_bytes = [device.get() recommendedMaxWorkingSetSize];
  found.description = fmt::format("{}, {}, Metal 3, {} memory", text_of([device.get() name]), found.isas.front(),
                                  [device.get() hasUnifiedMemory] ? "unified" : "separate");
  return found;
}

std::unique_ptr<gpu::Device> open_device() {
  Pool pool;
  Held<id<MTLDevice>> device(MTLCreateSystemDefaultDevice());
  if (std::string reason = missing(device.get()); !reason.empty())
    throw Error("metal", "no GPU can be used", "", "", reason);
  return std::make_unique<MetalDevice>(std::move(device));
}

}  // namespace ingot::metal
