// That the double of Metal is as strict as it says: each of its checks on a use of Metal that is wrong.
#import <Metal/Metal.h>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "backends/metal/objects.h"

namespace ingot::metal {
namespace {

constexpr const char* source = R"(
#include <metal_stdlib>
using namespace metal;
struct Thread { uint group, groups, index; };
struct add { struct Params { device int* of; int factor, plus; }; struct Shared { int none; };
  static void run(const constant Params& p, threadgroup Shared&, Thread me) { p.of[me.index] = p.of[me.index] * p.factor + p.plus; } };
ENTRY(add_kernel, add)
)";

struct Params {
  uint64_t of;
  int factor, plus;
};

class MetalDouble : public testing::Test {
 protected:
  MetalDouble()
      : device(MTLCreateSystemDefaultDevice()),
        queue([device.get() newCommandQueue]),
        buffer([device.get() newBufferWithLength:128 options:MTLResourceStorageModeShared]) {
    Pool pool;
    MTLCompileOptions* options = [[[MTLCompileOptions alloc] init] autorelease];
    [options setFastMathEnabled:NO];
    NSError* error = nil;
    Held<id<MTLLibrary>> library([device.get() newLibraryWithSource:[NSString stringWithUTF8String:source]
                                                            options:options
                                                              error:&error]);
    EXPECT_TRUE(library) << text_of(error);
    Held<id<MTLFunction>> function([library.get() newFunctionWithName:@"add_kernel"]);
    pipeline = Held<id<MTLComputePipelineState>>([device.get() newComputePipelineStateWithFunction:function.get()
                                                                                             error:&error]);
  }
  // What the command buffer says that `encode` filled.
  template <class Encode> std::string fault_of(Encode encode) {
    Held<id<MTLCommandBuffer>> commands = hold([queue.get() commandBuffer]);
    id<MTLComputeCommandEncoder> to = [commands.get() computeCommandEncoderWithDispatchType:MTLDispatchTypeConcurrent];
    [to setComputePipelineState:pipeline.get()];
    [to useResource:buffer.get() usage:MTLResourceUsageRead | MTLResourceUsageWrite];
    encode(to);
    [commands.get() commit];
    EXPECT_EQ([commands.get() status], MTLCommandBufferStatusCommitted);
    [commands.get() waitUntilCompleted];
    std::string fault = [commands.get() error] ? text_of([commands.get() error]) : "";
    EXPECT_EQ([commands.get() status], fault.empty() ? MTLCommandBufferStatusCompleted : MTLCommandBufferStatusError);
    return fault;
  }
  void dispatch(id<MTLComputeCommandEncoder> to, int factor, int plus) {
    Params params{[buffer.get() gpuAddress], factor, plus};
    [to setBytes:&params length:sizeof params atIndex:0];
    [to setThreadgroupMemoryLength:16 atIndex:0];
    [to dispatchThreadgroups:MTLSizeMake(1, 1, 1) threadsPerThreadgroup:MTLSizeMake(32, 1, 1)];
  }
  int* words() { return static_cast<int*>([buffer.get() contents]); }

  Pool pool;
  Held<id<MTLDevice>> device;
  Held<id<MTLCommandQueue>> queue;
  Held<id<MTLBuffer>> buffer;
  Held<id<MTLComputePipelineState>> pipeline;
};

TEST_F(MetalDouble, NewMemoryIsNoNumber) { EXPECT_TRUE(std::isnan(static_cast<float*>([buffer.get() contents])[3])); }

TEST_F(MetalDouble, WorkRunsWhenItIsWaitedFor) {
  words()[3] = 5;
  Held<id<MTLCommandBuffer>> commands = hold([queue.get() commandBuffer]);
  id<MTLComputeCommandEncoder> to = [commands.get() computeCommandEncoderWithDispatchType:MTLDispatchTypeSerial];
  [to setComputePipelineState:pipeline.get()];
  [to useResource:buffer.get() usage:MTLResourceUsageWrite];
  dispatch(to, 2, 1);
  [to endEncoding];
  [commands.get() commit];
  EXPECT_EQ(words()[3], 5);
  [commands.get() waitUntilCompleted];
  EXPECT_EQ(words()[3], 11);
}

// x → 3 x + 1 and x → x + 1 do not commute: in one of enough tries the other order is seen.
TEST_F(MetalDouble, BarriersAreWhatKeepsLaunchesInOrder) {
  auto turned = [&](bool barrier) {
    int others = 0;
    for (int i = 0; i < 32; i++) {
      words()[0] = 1;
      EXPECT_EQ(fault_of([&](id<MTLComputeCommandEncoder> to) {
                  dispatch(to, 3, 1);
                  if (barrier) [to memoryBarrierWithScope:MTLBarrierScopeBuffers];
                  dispatch(to, 1, 1);
                  [to endEncoding];
                }),
                "");
      others += words()[0] != 5;
    }
    return others;
  };
  EXPECT_EQ(turned(true), 0);
  EXPECT_GT(turned(false), 0);
}

TEST_F(MetalDouble, BuffersHaveToBeDeclared) {
  Held<id<MTLBuffer>> other([device.get() newBufferWithLength:128 options:MTLResourceStorageModeShared]);
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) {
              std::swap(buffer, other);
              dispatch(to, 1, 1);
              std::swap(buffer, other);
              [to endEncoding];
            }).find("not declared"),
            std::string::npos);
}

TEST_F(MetalDouble, EncodersHaveToEnd) {
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) { dispatch(to, 1, 1); }).find("before their encoder"),
            std::string::npos);
}

TEST_F(MetalDouble, SizesHaveToFit) {
  std::vector<char> many(5000);
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) {
              [to setBytes:many.data() length:many.size() atIndex:0];
              [to endEncoding];
            }),
            "");
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) {
              [to setThreadgroupMemoryLength:40 atIndex:0];
              [to endEncoding];
            }),
            "");
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) {
              [to setThreadgroupMemoryLength:65536 atIndex:0];
              [to endEncoding];
            }),
            "");
  EXPECT_NE(fault_of([&](id<MTLComputeCommandEncoder> to) {
              [to dispatchThreadgroups:MTLSizeMake(1, 1, 1) threadsPerThreadgroup:MTLSizeMake(2048, 1, 1)];
              [to endEncoding];
            }),
            "");
  EXPECT_EQ([device.get() newBufferWithLength:0 options:MTLResourceStorageModeShared], nil);
}

// Pages that other mappings can share.
struct Pages {
  explicit Pages(size_t count)
      : bytes(count * static_cast<size_t>(getpagesize())),
        at(static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Pages() { munmap(at, bytes); }
  size_t bytes;
  char* at;
};

TEST_F(MetalDouble, OnlyWholePagesOfOneMappingAreShared) {
  Pages pages(4);
  size_t page = pages.bytes / 4;
  auto shared = [&](void* at, size_t bytes) {
    return Held<id<MTLBuffer>>([device.get() newBufferWithBytesNoCopy:at
                                                               length:bytes
                                                              options:MTLResourceStorageModeShared
                                                          deallocator:nil]);
  };
  EXPECT_TRUE(shared(pages.at, pages.bytes));
  EXPECT_TRUE(shared(pages.at + page, page));
  EXPECT_FALSE(shared(pages.at + 16, page));
  EXPECT_FALSE(shared(pages.at, page - 16));
  EXPECT_FALSE(shared(pages.at, 0));
  munmap(pages.at + 2 * page, page);
  EXPECT_TRUE(shared(pages.at, 2 * page));
  EXPECT_FALSE(shared(pages.at, 3 * page));
  void* own = std::aligned_alloc(page, page);
  EXPECT_FALSE(shared(own, page));
  std::free(own);
}

TEST_F(MetalDouble, SharedMemoryIsReadAtAnAddressOfItsOwn) {
  Pages pages(1);
  int* there = reinterpret_cast<int*>(pages.at);
  Held<id<MTLBuffer>> shared([device.get() newBufferWithBytesNoCopy:pages.at
                                                             length:pages.bytes
                                                            options:MTLResourceStorageModeShared
                                                        deallocator:nil]);
  there[5] = 7;
  EXPECT_EQ([shared.get() contents], pages.at);
  ASSERT_NE([shared.get() gpuAddress], reinterpret_cast<uint64_t>(pages.at));
  EXPECT_EQ(reinterpret_cast<int*>([shared.get() gpuAddress])[5], 7);
  auto fault = [&](MTLResourceUsage usage, uint64_t address) {
    return fault_of([&](id<MTLComputeCommandEncoder> to) {
      [to useResource:shared.get() usage:usage];
      Params params{address, 1, 0};
      [to setBytes:&params length:sizeof params atIndex:0];
      [to setThreadgroupMemoryLength:16 atIndex:0];
      [to dispatchThreadgroups:MTLSizeMake(1, 1, 1) threadsPerThreadgroup:MTLSizeMake(32, 1, 1)];
      [to endEncoding];
    });
  };
  EXPECT_NE(fault(MTLResourceUsageRead, reinterpret_cast<uint64_t>(pages.at)).find("the processor's"),
            std::string::npos);
  EXPECT_NE(
      fault(MTLResourceUsageRead | MTLResourceUsageWrite, [buffer.get() gpuAddress]).find("declared to be written"),
      std::string::npos);
  EXPECT_EQ(fault(MTLResourceUsageRead, [buffer.get() gpuAddress]), "");
}

TEST_F(MetalDouble, FastMathIsRefused) {
  NSError* error = nil;
  EXPECT_EQ([device.get() newLibraryWithSource:@"" options:[[[MTLCompileOptions alloc] init] autorelease] error:&error],
            nil);
  EXPECT_NE(text_of(error).find("fast math"), std::string::npos);
}

}  // namespace
}  // namespace ingot::metal
