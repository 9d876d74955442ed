#include "backends/metal/gpu.h"

#include <fmt/core.h>

#include <algorithm>

#include "ingot/error.h"

namespace ingot::metal {

namespace {

// The error of a command buffer that did not complete; "" if it did.
std::string fault_of(id<MTLCommandBuffer> commands) {
  if ([commands status] == MTLCommandBufferStatusCompleted) return "";
  NSError* error = [commands error];
  return fmt::format("{} (status {}, code {})", text_of(error), static_cast<int>([commands status]),
                     error ? static_cast<int>([error code]) : 0);
}

}  // namespace

Gpu::Gpu(Held<id<MTLDevice>> device) : device_(std::move(device)), queue_([device_.get() newCommandQueue]) {
  if (!queue_) throw Error("metal", "cannot create a command queue", name());
}

void Gpu::use() const {
  if (!lost_.empty())
    throw Error("metal", "the GPU is unusable after an earlier fault", lost_, "", "start ingot again");
}

id<MTLBuffer> Gpu::allocate(uint64_t bytes) {
  use();
  return keep([device() newBufferWithLength:bytes options:MTLResourceStorageModeShared],
              MTLResourceUsageRead | MTLResourceUsageWrite);
}

id<MTLBuffer> Gpu::share(void* pages, uint64_t bytes) {
  use();
  if (![device() hasUnifiedMemory] || bytes > [device() maxBufferLength]) return nil;
  return keep([device() newBufferWithBytesNoCopy:pages
                                          length:bytes
                                         options:MTLResourceStorageModeShared
                                     deallocator:nil],
              MTLResourceUsageRead);
}

id<MTLBuffer> Gpu::keep(id<MTLBuffer> buffer, MTLResourceUsage usage) {
  if (buffer) living_.push_back({buffer, usage});
  return buffer;
}

void Gpu::release(id<MTLBuffer> buffer) noexcept {
  Pool pool;
  if (std::string fault = finish(); lost_.empty()) lost_ = fault;
  std::erase_if(living_, [buffer](const Living& l) { return l.buffer == buffer; });
  [buffer release];
}

Held<id<MTLCommandBuffer>> Gpu::commands() const {
  id<MTLCommandBuffer> commands = [queue_.get() commandBuffer];
  if (!commands) throw Error("metal", "cannot create a command buffer", name());
  return hold(commands);
}

// Concurrent: only barriers order the launches.
Held<id<MTLComputeCommandEncoder>> Gpu::encoder(id<MTLCommandBuffer> commands) const {
  id<MTLComputeCommandEncoder> encoder = [commands computeCommandEncoderWithDispatchType:MTLDispatchTypeConcurrent];
  if (!encoder) throw Error("metal", "cannot create a compute encoder", name());
  for (const Living& l : living_) [encoder useResource:l.buffer usage:l.usage];
  return hold(encoder);
}

// Waits for everything; returns the first fault, "" if there is none.
std::string Gpu::finish() noexcept {
  std::string fault;
  for (const Held<id<MTLCommandBuffer>>& work : under_way_) {
    [work.get() waitUntilCompleted];
    if (fault.empty()) fault = fault_of(work.get());
  }
  under_way_.clear();
  return fault;
}

void Gpu::wait() {
  use();
  Pool pool;
  lost_ = finish();
  if (!lost_.empty())
    throw Error("metal", "a kernel faulted", lost_, "", "please report this with the output of ingot doctor");
}

}  // namespace ingot::metal
