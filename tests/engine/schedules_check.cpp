// Random schedules of requests on a small model of a device: each request has the bits that it has alone (schedules.h).
//   schedules_check DEVICE SCHEDULES           matrices of Q8_0, then of F16
//   schedules_check DEVICE SCHEDULES FORMAT    wider ones of a format, whose sums have many runs (kernels/gemv/runs.h)
//   schedules_check DEVICE short               one schedule of a smaller context
#include "engine/schedules.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/tiny_model.h"

namespace ingot::tests {
namespace {

struct Load {
  int rows, outputs;
  const char* kv;
};

void run(const TinyModel& file, const char* device, const Load& load, int schedules, Seen& seen, uint32_t seed = 7) {
  LoadOptions options;
  options.device = device, options.max_batch = load.rows, options.max_outputs = load.outputs, options.kv = load.kv,
  options.threads = load.outputs % 2 + 1;
  options.state_memory = 64 << 20;
  Schedules of_model(engine::load(file.write(), options), seed);
  for (int i = 0; i < schedules && !testing::Test::HasFailure(); i++) of_model.run(8, seen);
}

// Heads of 32 elements, as every device runs.
int check(const char* device, int schedules, const char* format) {
  Seen seen;
  const bool short_form = schedules == 0;
  const Load wide = {48, 6, ""}, narrow = {9, 3, "q8_0"};
  if (short_form) {
    // A seed with cancelled requests, shifts and prefixes; the long form has preemption as well.
    run(TinyModel("q8_0", 3, 192, 32), device, {20, 4, ""}, 1, seen, 4);
  } else if (format) {
    const TinyModel file(format, 3, 256, 32, 512, 1536);
    for (const Load& load : {wide, narrow}) run(file, device, load, schedules, seen);
  } else {
    const TinyModel coded("q8_0", 3, 256, 32), floats("f16", 3, 256, 32);
    for (const Load& load : {wide, narrow}) run(coded, device, load, schedules, seen);
    run(floats, device, wide, (schedules + 1) / 2, seen);
  }
  const bool failed = testing::Test::HasFailure();
  std::printf("%s: %d requests, %d cancelled, %d shifts, %llu preemptions, %llu tokens from prefixes, %llu steps: %s\n",
              device, seen.requests, seen.cancelled, seen.shifts, static_cast<unsigned long long>(seen.preemptions),
              static_cast<unsigned long long>(seen.prefix_tokens), static_cast<unsigned long long>(seen.steps),
              failed ? "other bits than alone" : "each with the bits that it has alone");
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace ingot::tests

int main(int argc, char** argv) {
  const bool short_form = argc == 3 && std::string_view(argv[2]) == "short";
  const int schedules = argc == 3 || argc == 4 ? std::atoi(argv[2]) : 0;
  if (schedules < 1 && !short_form)
    return std::fprintf(stderr, "schedules_check DEVICE (SCHEDULES [FORMAT] | short)\n"), 2;
  try {
    return ingot::tests::check(argv[1], schedules, argc == 4 ? argv[3] : nullptr);
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
}
