#import "emulator/metal_buffers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace ingot::emulator {

std::map<uint64_t, Extent>& buffers() {
  static std::map<uint64_t, Extent> all;
  return all;
}

}  // namespace ingot::emulator

namespace {

using ingot::emulator::buffers;

constexpr size_t memory_alignment = 4096;

uint64_t new_number() {
  static uint64_t last = 0;
  return ++last;
}

// The same bytes at another address, only to be read; null where they are not whole pages of one region that is mapped
// to be shared.
void* alias_of(void* pages, uint64_t bytes) {
  const uint64_t page = static_cast<uint64_t>(getpagesize()), begin = reinterpret_cast<uint64_t>(pages);
  if (bytes == 0 || begin % page || bytes % page) return nullptr;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0;
    char rights[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, rights) != 3 || begin < from || begin >= to) continue;
    if (rights[0] != 'r' || rights[3] != 's' || bytes > to - begin) return nullptr;
    void* alias = mremap(pages, 0, bytes, MREMAP_MAYMOVE);  // of no bytes: what is there stays
    if (alias == MAP_FAILED) return nullptr;
    mprotect(alias, bytes, PROT_READ);
    return alias;
  }
  return nullptr;
}

}  // namespace

@implementation EmulatedBuffer
- (id)initWithPages:(void*)pages length:(NSUInteger)length {
  if (!(self = [super init])) return nil;
  bytes = length, shared = pages, memory = alias_of(pages, length);
  if (!memory) {
    [self release];
    return nil;
  }
  buffers()[number = new_number()] = {[self gpuAddress], reinterpret_cast<uint64_t>(shared), length};
  return self;
}
- (id)initWithLength:(NSUInteger)length {
  if (!(self = [super init])) return nil;
  bytes = length;
  if (posix_memalign(&memory, memory_alignment, length)) {
    memory = nullptr;
    [self release];
    return nil;
  }
  std::memset(memory, 0xff, length);
  buffers()[number = new_number()] = {[self gpuAddress], [self gpuAddress], length};
  return self;
}
- (void)dealloc {
  buffers().erase(number);
  if (!shared)
    free(memory);
  else if (memory)
    munmap(memory, bytes);
  [super dealloc];
}
- (NSUInteger)length {
  return bytes;
}
- (void*)contents {
  return shared ? shared : memory;
}
- (uint64_t)gpuAddress {
  return reinterpret_cast<uint64_t>(memory);
}
@end
