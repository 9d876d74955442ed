// Buffers of the double of Metal: memory of their own, full of NaNs, or pages of the processor's that are shared. These
// kernels see at another address than the processor, and can only read.
#pragma once
#import <Metal/Metal.h>

#include <map>

namespace ingot::emulator {

// Where a buffer lies for kernels, and where for the processor.
struct Extent {
  uint64_t gpu, processor, bytes;
  bool has_gpu(uint64_t address) const { return address - gpu < bytes; }
  bool has_only_processor(uint64_t address) const { return address - processor < bytes && !has_gpu(address); }
};

/// Living buffers, by number; those over shared memory may overlap.
std::map<uint64_t, Extent>& buffers();

}  // namespace ingot::emulator

@interface EmulatedBuffer : NSObject <MTLBuffer> {
 @public
  void* memory;  // as kernels see it
  void* shared;  // whose it is, or null
  NSUInteger bytes;
  uint64_t number;
}
- (id)initWithLength:(NSUInteger)length;
- (id)initWithPages:(void*)pages length:(NSUInteger)length;
@end
