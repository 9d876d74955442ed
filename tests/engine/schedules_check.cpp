// Random schedules of requests on a small model of a device: each request as if it were alone (schedules.h).
//   schedules_check DEVICE SCHEDULES
#include "engine/schedules.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "engine/tiny_model.h"

namespace ingot::tests {
namespace {

int check(const char* device, int schedules) {
  const TinyModel file("q8_0", 3, 256, 32);  // heads of 32 elements, as every device runs
  Seen seen;
  const bool gpu = std::string_view(device) != "cpu";
  const char* coded = gpu ? "" : "q8_0";      // GPUs keep floats alone
  const float tolerance = gpu ? 1e-4f : 0.f;  // their sums follow the number of rows (docs/decisions/0017)
  for (const auto& [rows, outputs, kv] : {std::tuple{48, 6, ""}, {9, 3, coded}}) {
    LoadOptions options;
    options.device = device, options.max_batch = rows, options.max_outputs = outputs, options.kv = kv,
    options.threads = outputs % 2 + 1;
    options.state_memory = 64 << 20;
    Schedules of_model(engine::load(file.write(), options), 7, tolerance);
    for (int i = 0; i < schedules && !testing::Test::HasFailure(); i++) of_model.run(8, seen);
  }
  const bool failed = testing::Test::HasFailure();
  std::printf("%s: %d requests, %d cancelled, %d shifts, %llu preemptions, %llu tokens from prefixes, %llu steps: %s\n",
              device, seen.requests, seen.cancelled, seen.shifts, static_cast<unsigned long long>(seen.preemptions),
              static_cast<unsigned long long>(seen.prefix_tokens), static_cast<unsigned long long>(seen.steps),
              failed ? "other answers than alone" : "each as if it were alone");
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace ingot::tests

int main(int argc, char** argv) {
  const int schedules = argc == 3 ? std::atoi(argv[2]) : 0;
  if (schedules < 1) return std::fprintf(stderr, "schedules_check DEVICE SCHEDULES\n"), 2;
  try {
    return ingot::tests::check(argv[1], schedules);
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
}
