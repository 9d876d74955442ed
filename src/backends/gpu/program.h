// A plan cast for a GPU: weights packed and uploaded, kernels compiled, calls recorded. One token is one recorded sequence that is
// replayed; what changes between tokens lies in the scratch's turn. Kernels for one token are compiled at once, those for several when a
// prompt first needs them.
#pragma once
#include "backends/gpu/cache.h"
#include "backends/gpu/calls.h"

namespace ingot::gpu {

/// What a plan takes on a device, in bytes: also what is shared with the processor has to be there while a token is computed.
struct MemoryPlan {
  uint64_t weights = 0, cache = 0, scratch = 0;
  uint64_t total() const { return capped_sum(weights, cache, scratch); }
};
MemoryPlan plan_memory(const plan::Plan& plan);

class GpuProgram : public plan::Program {
 public:
  /// Errors: a plan that does not fit, what the kernels cannot run, the compiler's.
  GpuProgram(std::unique_ptr<Device> device, plan::Plan plan, const plan::Options& options);
  std::unique_ptr<plan::Cache> make_cache() override;
  std::optional<int32_t> best(plan::Cache& cache, int32_t token, int position) override;
  bool run(plan::Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, const plan::Watch& watch) override;

 private:
  void prepare(Device& device, std::span<const Call> calls);  // compiles the kernels that are not there yet
  std::vector<Launch> launches(Device& device, std::span<const Call> calls);
  void run_by_step(Device& device, std::span<const Call> calls, std::span<double> step_seconds);

  std::shared_ptr<SharedDevice> device_;  // what follows is used by its holder only
  plan::Plan plan_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Scratch> scratch_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  // by entry
};

/// Refuses what no kernel here can run. Errors: shapes, a cache format, a slow step under strict_kernels.
void check(const plan::Plan& plan, const plan::Options& options, const char* room);

}  // namespace ingot::gpu
