#include "backends/cpu/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "backends/cpu/machine.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/region.h"

namespace ingot::cpu {

namespace {

// Well beyond the last-level cache, or the cache would be measured.
uint64_t probe_bytes() { return std::max<int64_t>(256 << 20, 4 * cache_bytes(3)); }
constexpr int passes = 5;

typedef uint64_t Line __attribute__((vector_size(64), aligned(64)));

// Reads [p, p + bytes) as `streams` concurrent streams; the xor keeps the loads alive.
uint64_t read(const unsigned char* p, uint64_t bytes, int streams) {
  Line a[4] = {};
  uint64_t each = bytes / streams / 64 * 64;
  for (uint64_t i = 0; i < each; i += 64)
    for (int s = 0; s < streams; s++) a[s] ^= *reinterpret_cast<const Line*>(p + s * each + i);
  Line x = a[0] ^ a[1] ^ a[2] ^ a[3];
  return x[0] ^ x[1] ^ x[2] ^ x[3] ^ x[4] ^ x[5] ^ x[6] ^ x[7];
}

template <int streams> uint64_t read_streams(const unsigned char* p, uint64_t bytes) { return read(p, bytes, streams); }

}  // namespace

double read_bandwidth(int threads) {
  Pool pool(threads > 0 ? threads : usable_cores());
  uint64_t bytes = probe_bytes();
  Region region(bytes, "measuring the memory", "close other programs");
  uint64_t part = bytes / pool.threads() / 4096 * 4096;
  pool.run([&](Worker& w) { std::memset(region.data() + w.index * part, 1, part); });
  double best = 0;
  std::atomic<uint64_t> sink{0};
  uint64_t (*const variants[])(const unsigned char*, uint64_t) = {read_streams<1>, read_streams<2>, read_streams<4>};
  for (auto variant : variants)
    for (int pass = 0; pass < passes; pass++) {
      auto start = std::chrono::steady_clock::now();
      pool.run([&](Worker& w) { sink ^= variant(region.data() + w.index * part, part); });
      double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      best = std::max(best, double(part) * pool.threads() / seconds);
    }
  return best;
}

}  // namespace ingot::cpu
