#include "backends/gpu/bandwidth.h"

#include <algorithm>
#include <chrono>

#include "backends/gpu/compose.h"
#include "backends/gpu/parameters.h"

namespace ingot::gpu {

double read_bandwidth(Device& device) {
  constexpr uint64_t max_bytes = uint64_t(1) << 30, piece = 16;
  constexpr uint32_t threads = 256, groups_per_core = 8, many_cores = 64;
  constexpr int passes = 10, tries = 3;
  if (device.facts().emulated) return 0;
  uint64_t bytes = std::min(max_bytes, device.facts().free_bytes / 4) / piece * piece;
  std::unique_ptr<Memory> memory = device.allocate(bytes + piece, "measuring");
  std::vector<Entry> entries = {{"probe_read", {}, {}}};
  std::vector<std::unique_ptr<Kernel>> kernels = device.compile(compose(device.dialect(), entries));
  ProbeLaunch params = {at_device<const u32>(memory->address()), at_device<u32>(memory->address() + bytes),
                        static_cast<i64>(bytes / piece)};
  uint32_t groups =
      groups_per_core * (device.facts().cores > 0 ? static_cast<uint32_t>(device.facts().cores) : many_cores);
  std::vector<Launch> launches(passes, {kernels[0].get(), groups, threads, sizeof(ProbeShared), by_value(params)});
  std::unique_ptr<Sequence> sequence = device.record(launches);
  double best = 0;
  for (int i = 0; i <= tries; i++) {  // the first warms up
    auto start = std::chrono::steady_clock::now();
    device.run(*sequence);
    device.wait();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i > 0) best = std::max(best, passes * double(bytes) / seconds);
  }
  return best;
}

}  // namespace ingot::gpu
