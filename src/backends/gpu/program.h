// A plan compiled for a GPU: weights packed and uploaded, kernels compiled, launches recorded. What changes from run to
// run is in device memory (inputs.h), so a recording is for a maximum number of rows and is replayed: one per power of
// two, and one for a single token. Kernels for a single token are compiled at once, others when a batch first needs
// them.
#pragma once
#include <map>

#include "backends/gpu/calls.h"
#include "backends/gpu/pages.h"

namespace ingot::gpu {

/// What a plan needs on a device, in bytes, including what is shared with the processor: that must be in memory too
/// while a token is computed.
struct MemoryPlan {
  uint64_t weights = 0, scratch = 0;
  uint64_t page = 0, sequence = 0;  ///< of one page; of the pages of a sequence of full length
  uint64_t total() const { return capped_sum(weights, sequence, scratch); }
};
MemoryPlan plan_memory(const plan::Plan& plan);
/// Pages that a program may have: as many as `Limits::state_bytes` says, or as fit besides the rest and a reserve.
/// Errors: no space for a sequence of full length.
int plan_pages(const plan::Plan& plan, const Facts& facts);

class GpuProgram : public plan::Program {
 public:
  /// Errors: a plan that does not fit, what the kernels cannot run, the compiler's.
  GpuProgram(std::unique_ptr<Device> device, plan::Plan plan, const plan::Options& options);
  plan::StateStore& states() override { return store_; }
  bool run(const plan::Batch& batch, std::span<float> logits, const plan::Watch& watch) override;
  bool choose(const plan::Batch& batch, std::span<plan::Choice> choices) override;

 private:
  /// Which recording: the steps with a row per token, those with a row per output, or all of a single token.
  struct Which {
    enum Part { body, head, one_token } part;
    BodyShape rows;
    HeadShape outputs;
    auto operator<=>(const Which&) const = default;
  };
  std::vector<Call> calls(const Which& which, const Target& target) const;
  /// What has to run for a batch, in order.
  struct Parts {
    Which which[2];
    int count = 0;
    int outputs = 0;  ///< that the last one was recorded for
  };
  Parts parts_of(const BatchShape& shape, bool choose) const;
  const Sequence& recorded(Device& device, const Which& which);

  Target target(const Device& device) const;
  void prepare(Device& device, std::span<const Call> calls);  // compiles the kernels that are not there yet
  std::vector<Launch> launches(Device& device, std::span<const Call> calls);
  void run_by_step(Device& device, const Parts& parts, std::span<double> step_seconds);

  SharedDevice device_;  // below: used by its holder only, except the plan
  plan::Plan plan_;
  PageStore store_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<Inputs> inputs_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  // by entry
  std::map<Which, std::unique_ptr<Sequence>> recorded_;
};

/// Refuses what no kernel here can run. Errors: shapes, a state format, a slow step under strict_kernels.
void check(const plan::Plan& plan, const plan::Options& options, const char* room);

}  // namespace ingot::gpu
