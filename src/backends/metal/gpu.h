// One GPU as this process uses it: device, queue, the buffers that live on it and the work that is under way.
// Everything that lives on the GPU holds on to this, so the order in which such things go does not matter. After work
// went wrong every later call says so.
#pragma once
#import <Metal/Metal.h>

#include <vector>

#include "backends/metal/objects.h"

namespace ingot::metal {

class Gpu {
 public:
  explicit Gpu(Held<id<MTLDevice>> device);
  ~Gpu() { finish(); }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  id<MTLDevice> device() const { return device_.get(); }
  std::string name() const { return text_of([device() name]); }

  /// A buffer of `bytes` that both sides see; nil when there is no memory. Given back with `release`, after the work
  /// that may use it.
  id<MTLBuffer> allocate(uint64_t bytes);
  void release(id<MTLBuffer> buffer) noexcept;
  /// A buffer over pages that are there already and are only read; nil when the GPU cannot have them. Given back as one
  /// that was allocated.
  id<MTLBuffer> share(void* pages, uint64_t bytes);

  /// Starts what `encode(encoder)` encodes, behind everything started before. Launches see all living buffers by their
  /// addresses and are in no order but that of the barriers between them. `encode` must not throw.
  template <class Encode> void start(Encode encode);
  /// Errors: the work that is waited for, or any before it, went wrong.
  void wait();

 private:
  struct Living {
    id<MTLBuffer> buffer;
    MTLResourceUsage usage;
  };
  id<MTLBuffer> keep(id<MTLBuffer> buffer, MTLResourceUsage usage);
  void use() const;
  std::string finish() noexcept;
  Held<id<MTLComputeCommandEncoder>> encoder(id<MTLCommandBuffer> commands) const;
  Held<id<MTLCommandBuffer>> commands() const;

  Held<id<MTLDevice>> device_;
  Held<id<MTLCommandQueue>> queue_;
  std::vector<Living> living_;
  std::vector<Held<id<MTLCommandBuffer>>> under_way_;
  std::string lost_;  // by what; "": it is not
};

template <class Encode> void Gpu::start(Encode encode) {
  use();
  Pool pool;
  Held<id<MTLCommandBuffer>> work = commands();
  Held<id<MTLComputeCommandEncoder>> to = encoder(work.get());
  encode(to.get());
  [to.get() endEncoding];
  [work.get() commit];
  under_way_.push_back(std::move(work));
}

}  // namespace ingot::metal
