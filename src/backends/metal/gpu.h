// One GPU as this process uses it: device, queue, the buffers that live on it and the work in flight. Everything that
// lives on the GPU holds a reference to this, so the order of destruction does not matter. After a fault every later
// call reports it.
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

  /// A buffer of `bytes` in shared memory; nil when there is no memory. Freed by `release`, after the work that may use
  /// it.
  id<MTLBuffer> allocate(uint64_t bytes);
  void release(id<MTLBuffer> buffer) noexcept;
  /// A buffer over existing pages that are only read; nil if Metal cannot wrap them. Freed like an allocated one.
  id<MTLBuffer> share(void* pages, uint64_t bytes);

  /// Starts what `encode(encoder)` encodes, after everything started before. Launches see all living buffers by their
  /// addresses; only the barriers between them order them. `encode` must not throw.
  template <class Encode> void start(Encode encode);
  /// Errors: the work that is waited for, or any before it, failed.
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
  std::string lost_;  // the first fault; "": none
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
