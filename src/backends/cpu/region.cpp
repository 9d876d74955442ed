#include "backends/cpu/region.h"

#include <fmt/core.h>
#include <sys/mman.h>

#include "ingot/error.h"

namespace ingot::cpu {

namespace {
constexpr uint64_t huge_page = 2 << 20;
}

Region::Region(uint64_t bytes, const char* purpose, const char* advice, Pages pages) : bytes_(bytes + 2 * huge_page) {
  void* mapped = bytes_ < bytes ? MAP_FAILED
                                : mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    throw Error("cpu", fmt::format("no memory for {}", purpose), "", fmt::format("{} MiB", bytes >> 20), advice);
  mapped_ = mapped;
  data_ = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(mapped_) + huge_page - 1) & ~(huge_page - 1));
#if defined(MADV_HUGEPAGE)
  madvise(data_, bytes, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);  // only a hint: failure costs speed
#else
  static_cast<void>(pages);
#endif
}

Region::~Region() {
  if (mapped_) munmap(mapped_, bytes_);
}

}  // namespace ingot::cpu
