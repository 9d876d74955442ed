// A device that answers to Metal's names (metal/Metal/Metal.h) and runs kernels by the executor of this folder.
// Stricter than a GPU where it can be: work runs no earlier than somebody waits for it; launches that no barrier keeps
// apart run in an order of their own; a launch sees no buffer that was not declared; new memory is full of NaNs; memory
// that is shared without a copy lies at another address than the processor's and is only read; what Metal would only
// assert is an error of the command buffer.
#import <Metal/Metal.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "emulator/executor.h"
#include "emulator/metal_buffers.h"
#include "emulator/toolchain.h"

namespace {

using ingot::emulator::buffers;
using ingot::emulator::Grid;
using ingot::emulator::Library;

constexpr NSUInteger memory_bytes = NSUInteger(4) << 30, max_parameter_bytes = 4096, max_shared_bytes = 32768,
                     shared_unit = 16, max_threads = 1024, warp_threads = 32;

struct Dispatch {
  decltype(Grid::entry) entry;
  std::vector<unsigned char> parameters;
  uint32_t groups, threads, shared_bytes;
  bool behind_barrier;  // of everything before it
};

struct Work {
  std::vector<Dispatch> dispatches;
  std::set<uint64_t> declared;  // buffers, by number
  std::string fault;            // the first; "": none
  void blame(const std::string& what) {
    if (fault.empty()) fault = what;
  }
};

NSError* error_of(const std::string& text) {
  return [NSError errorWithDomain:@"emulated Metal"
                             code:1
                         userInfo:[NSDictionary dictionaryWithObject:[NSString stringWithUTF8String:text.c_str()]
                                                              forKey:NSLocalizedDescriptionKey]];
}

// Every word of the parameters that is an address in a buffer: was the buffer declared? And are the declared ones still
// there?
void check_residency(const Dispatch& d, Work& work) {
  for (uint64_t number : work.declared)
    if (!buffers().contains(number)) work.blame("a buffer was given back before the work that it was declared for");
  for (size_t at = 0; at + 8 <= d.parameters.size(); at += 8) {
    uint64_t address;
    std::memcpy(&address, d.parameters.data() + at, sizeof address);
    bool there = false, declared = false;
    for (const auto& [number, extent] : buffers()) {
      if (extent.has_only_processor(address)) work.blame("a launch is given an address of the processor's");
      if (extent.has_gpu(address)) there = true, declared = declared || work.declared.contains(number);
    }
    if (there && !declared) work.blame("a launch is given an address in a buffer that was not declared to its encoder");
  }
}

void run(Work& work) {
  static std::mt19937 random(1);
  for (auto begin = work.dispatches.begin(); begin != work.dispatches.end() && work.fault.empty();) {
    auto end = std::find_if(begin + 1, work.dispatches.end(), [](const Dispatch& d) { return d.behind_barrier; });
    std::shuffle(begin, end, random);
    for (; begin != end && work.fault.empty(); begin++) {
      check_residency(*begin, work);
      if (work.fault.empty()) try {
          ingot::emulator::execute(
              {begin->entry, begin->parameters.data(), begin->groups, begin->threads, begin->shared_bytes, random()});
        } catch (const std::exception& e) { work.blame(e.what()); }
    }
  }
}

}  // namespace

@implementation MTLCompileOptions
- (id)init {
  if ((self = [super init])) fastMathEnabled = YES, languageVersion = MTLLanguageVersion3_0;
  return self;
}
- (BOOL)fastMathEnabled {
  return fastMathEnabled;
}
- (void)setFastMathEnabled:(BOOL)enabled {
  fastMathEnabled = enabled;
}
- (MTLLanguageVersion)languageVersion {
  return languageVersion;
}
- (void)setLanguageVersion:(MTLLanguageVersion)version {
  languageVersion = version;
}
@end

// A function and, as nothing differs here, the pipeline made of it.
@interface EmulatedFunction : NSObject <MTLFunction, MTLComputePipelineState> {
 @public
  std::shared_ptr<const Library> library;
  decltype(Grid::entry) entry;
}
@end
@implementation EmulatedFunction
- (NSUInteger)maxTotalThreadsPerThreadgroup {
  return max_threads;
}
- (NSUInteger)threadExecutionWidth {
  return warp_threads;
}
@end

@interface EmulatedLibrary : NSObject <MTLLibrary> {
 @public
  std::shared_ptr<const Library> library;
}
@end
@implementation EmulatedLibrary
- (id<MTLFunction>)newFunctionWithName:(NSString*)name {
  EmulatedFunction* function = [[EmulatedFunction alloc] init];
  function->library = library;
  function->entry = library->entry([name UTF8String]);
  if (function->entry) return function;
  [function release];
  return nil;
}
@end

@interface EmulatedEncoder : NSObject <MTLComputeCommandEncoder> {
 @public
  std::shared_ptr<Work> work;
  BOOL concurrent, ended, barrier;
  EmulatedFunction* pipeline;
  std::vector<unsigned char> parameters;
  uint32_t shared;
}
@end
@implementation EmulatedEncoder
- (void)dealloc {
  [pipeline release];
  [super dealloc];
}
- (void)setComputePipelineState:(id<MTLComputePipelineState>)state {
  [pipeline release];
  pipeline = [(EmulatedFunction*)state retain];
}
- (void)setBytes:(const void*)bytes length:(NSUInteger)length atIndex:(NSUInteger)index {
  if (length == 0 || length > max_parameter_bytes || index != 0)
    work->blame("bytes are set that no launch takes");
  else
    parameters.assign(static_cast<const unsigned char*>(bytes), static_cast<const unsigned char*>(bytes) + length);
}
- (void)setThreadgroupMemoryLength:(NSUInteger)length atIndex:(NSUInteger)index {
  if (length % shared_unit || length > max_shared_bytes || index != 0)
    work->blame("a threadgroup's memory is of a size that Metal does not take");
  else
    shared = static_cast<uint32_t>(length);
}
- (void)useResource:(id<MTLResource>)resource usage:(MTLResourceUsage)usage {
  if (usage == 0) work->blame("a resource is declared for no use");
  EmulatedBuffer* buffer = (EmulatedBuffer*)resource;
  if (buffer->shared && (usage & MTLResourceUsageWrite))
    work->blame("memory that is shared to be read is declared to be written");
  work->declared.insert(buffer->number);
}
- (void)dispatchThreadgroups:(MTLSize)groups threadsPerThreadgroup:(MTLSize)threads {
  if (!pipeline || ended) return work->blame("a launch has no pipeline, or its encoder has ended");
  if (groups.height * groups.depth * threads.height * threads.depth != 1 || groups.width == 0 || threads.width == 0 ||
      threads.width > max_threads)
    return work->blame("a launch is of a shape that is not run here");
  work->dispatches.push_back({pipeline->entry, parameters, static_cast<uint32_t>(groups.width),
                              static_cast<uint32_t>(threads.width), shared, barrier || !concurrent});
  barrier = NO;
}
- (void)memoryBarrierWithScope:(MTLBarrierScope)scope {
  barrier = barrier || (scope & MTLBarrierScopeBuffers);
}
- (void)endEncoding {
  ended = YES;
}
@end

@class EmulatedQueue;
@interface EmulatedCommands : NSObject <MTLCommandBuffer> {
 @public
  EmulatedQueue* queue;
  std::shared_ptr<Work> work;
  EmulatedEncoder* encoder;
  MTLCommandBufferStatus status;
}
- (void)runNow;
@end
@interface EmulatedQueue : NSObject <MTLCommandQueue> {
 @public
  std::vector<EmulatedCommands*> committed;  // and not yet run, in order
}
@end

@implementation EmulatedCommands
- (void)dealloc {
  [encoder release];
  [queue release];
  [super dealloc];
}
- (id<MTLComputeCommandEncoder>)computeCommandEncoderWithDispatchType:(MTLDispatchType)type {
  if (encoder) return nil;
  encoder = [[EmulatedEncoder alloc] init];
  encoder->work = work;
  encoder->concurrent = type == MTLDispatchTypeConcurrent;
  return encoder;
}
- (void)commit {
  if (encoder && !encoder->ended) work->blame("commands are committed before their encoder has ended");
  status = MTLCommandBufferStatusCommitted;
  queue->committed.push_back([self retain]);
}
- (void)runNow {
  if (work->fault.empty()) run(*work);
  status = work->fault.empty() ? MTLCommandBufferStatusCompleted : MTLCommandBufferStatusError;
}
- (void)waitUntilCompleted {
  std::vector<EmulatedCommands*>& all = queue->committed;
  while (status == MTLCommandBufferStatusCommitted) {
    EmulatedCommands* first = all.front();
    all.erase(all.begin());
    [first runNow];
    [first release];
  }
}
- (MTLCommandBufferStatus)status {
  return status;
}
- (NSError*)error {
  return work->fault.empty() ? nil : error_of(work->fault);
}
@end

@implementation EmulatedQueue
- (id<MTLCommandBuffer>)commandBuffer {
  EmulatedCommands* commands = [[[EmulatedCommands alloc] init] autorelease];
  commands->queue = [self retain];
  commands->work = std::make_shared<Work>();
  return commands;
}
@end

@interface EmulatedDevice : NSObject <MTLDevice>
@end
@implementation EmulatedDevice
- (NSString*)name {
  return @"emulated Metal device";
}
- (BOOL)supportsFamily:(MTLGPUFamily)family {
  return family == MTLGPUFamilyApple7 || family == MTLGPUFamilyMetal3;
}
- (BOOL)hasUnifiedMemory {
  return YES;
}
- (uint64_t)recommendedMaxWorkingSetSize {
  return memory_bytes;
}
- (NSUInteger)currentAllocatedSize {
  NSUInteger all = 0;
  for (const auto& [number, extent] : buffers()) all += extent.bytes;
  return all;
}
- (NSUInteger)maxBufferLength {
  return memory_bytes / 2;
}
- (NSUInteger)maxThreadgroupMemoryLength {
  return max_shared_bytes;
}
- (id<MTLCommandQueue>)newCommandQueue {
  return [[EmulatedQueue alloc] init];
}
- (id<MTLBuffer>)newBufferWithLength:(NSUInteger)length options:(MTLResourceOptions)options {
  if (length == 0 || length > [self maxBufferLength] || options != MTLResourceStorageModeShared) return nil;
  return [[EmulatedBuffer alloc] initWithLength:length];
}
- (id<MTLBuffer>)newBufferWithBytesNoCopy:(void*)pointer
                                   length:(NSUInteger)length
                                  options:(MTLResourceOptions)options
                              deallocator:(id)deallocator {
  if (length > [self maxBufferLength] || options != MTLResourceStorageModeShared || deallocator) return nil;
  return [[EmulatedBuffer alloc] initWithPages:pointer length:length];
}
- (id<MTLLibrary>)newLibraryWithSource:(NSString*)source options:(MTLCompileOptions*)options error:(NSError**)error {
  if (!options || [options fastMathEnabled]) {
    *error = error_of("fast math is not emulated");
    return nil;
  }
  try {
    EmulatedLibrary* library = [[EmulatedLibrary alloc] init];
    library->library = ingot::emulator::compile(ingot::emulator::Dialect::metal, [source UTF8String]);
    return library;
  } catch (const std::exception& e) {
    *error = error_of(e.what());
    return nil;
  }
}
- (id<MTLComputePipelineState>)newComputePipelineStateWithFunction:(id<MTLFunction>)function error:(NSError**)error {
  if (!function) {
    *error = error_of("there is no function");
    return nil;
  }
  return [(EmulatedFunction*)function retain];
}
@end

id<MTLDevice> MTLCreateSystemDefaultDevice(void) { return [[EmulatedDevice alloc] init]; }
