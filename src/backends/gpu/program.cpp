#include "backends/gpu/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "plan/finite.h"
#include "ingot/error.h"

namespace ingot::gpu {

MemoryPlan plan_memory(const plan::Plan& plan) { return {weight_bytes(plan).all, cache_bytes(plan), Scratch::bytes(plan)}; }

GpuProgram::GpuProgram(std::unique_ptr<Device> device, plan::Plan plan, const plan::Options& options) : device_(std::make_shared<SharedDevice>(std::move(device))), plan_(std::move(plan)) {
  SharedDevice::Use use = device_->use();
  MemoryPlan memory = plan_memory(plan_);
  if (uint64_t there = use->facts().free_bytes; memory.total() > there) {
    auto mb = [](uint64_t bytes) { return fmt::format("{:.0f} MB", double(bytes) / 1e6); };
    throw Error("gpu", "the model does not fit", fmt::format("{} of weights + {} of keys and values + {} of scratch = {}", mb(memory.weights), mb(memory.cache), mb(memory.scratch), mb(memory.total())),
                fmt::format("at most {} free on {}", mb(there), use->facts().name), "ask for a shorter context (-c), or use a smaller model");
  }
  Places nowhere;
  nowhere.cores = use->facts().cores, nowhere.copies_overlap = use->facts().copies_overlap;
  std::vector<Call> one = calls(plan_, nowhere, 1, 1);
  std::ranges::move(best_calls(plan_, {}), std::back_inserter(one));
  prepare(*use, one);
  weights_ = std::make_unique<Weights>(*use, plan_, options);
  scratch_ = std::make_unique<Scratch>(*use, plan_);
}

std::unique_ptr<plan::Cache> GpuProgram::make_cache() { return std::make_unique<GpuCache>(device_, plan_); }

void GpuProgram::prepare(Device& device, std::span<const Call> calls) {
  std::vector<Entry> missing;
  for (const Call& call : calls)
    if (std::ranges::find(entries_, call.entry) == entries_.end() && std::ranges::find(missing, call.entry) == missing.end()) missing.push_back(call.entry);
  if (missing.empty()) return;
  std::ranges::move(device.compile(compose(device.dialect(), missing)), std::back_inserter(kernels_));
  std::ranges::move(missing, std::back_inserter(entries_));
}

std::vector<Launch> GpuProgram::launches(Device& device, std::span<const Call> calls) {
  prepare(device, calls);
  std::vector<Launch> launches;
  for (const Call& call : calls) {
    auto entry = std::ranges::find(entries_, call.entry);
    launches.push_back({kernels_[entry - entries_.begin()].get(), call.groups, call.threads, call.room_bytes, call.parameters});
  }
  return launches;
}

bool GpuProgram::run(plan::Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, const plan::Watch& watch) {
  GpuCache& here = static_cast<GpuCache&>(cache);
  int n = static_cast<int>(tokens.size()), wanted = static_cast<int>(logits.size() / plan_.vocab);
  {
    SharedDevice::Use use = device_->use();
    Places places{weights_.get(), scratch_.get(), here.address(), use->facts().cores, use->facts().copies_overlap};
    scratch_->set_turn(*use, tokens, position);
    if (!watch.step_seconds.empty()) {
      run_by_step(*use, calls(plan_, places, n, wanted), watch.step_seconds);
    } else if (n == 1 && wanted == 1) {
      if (!here.one_token) here.one_token.take(use, use->record(launches(*use, calls(plan_, places, 1, 1))));
      use->run(*here.one_token);
    } else {
      std::unique_ptr<Sequence> sequence = use->record(launches(*use, calls(plan_, places, n, wanted)));
      use->run(*sequence);
      use->wait();
    }
    if (wanted > 0) scratch_->logits(*use, logits);
  }
  plan::check_finite(logits, cache, position + n);
  return true;
}

std::optional<int32_t> GpuProgram::best(plan::Cache& cache, int32_t token, int position) {
  GpuCache& here = static_cast<GpuCache&>(cache);
  std::optional<int32_t> chosen;
  {
    SharedDevice::Use use = device_->use();
    scratch_->set_turn(*use, std::span(&token, 1), position);
    if (!here.best_of_one) {
      Places places{weights_.get(), scratch_.get(), here.address(), use->facts().cores, use->facts().copies_overlap};
      std::vector<Call> all = calls(plan_, places, 1, 1);
      std::ranges::move(best_calls(plan_, places), std::back_inserter(all));
      here.best_of_one.take(use, use->record(launches(*use, all)));
    }
    use->run(*here.best_of_one);
    chosen = scratch_->chosen(*use);
  }
  if (!chosen) plan::refuse_output(cache, position + 1);
  return chosen;
}

// Step after step, each waited for.
void GpuProgram::run_by_step(Device& device, std::span<const Call> calls, std::span<double> step_seconds) {
  for (size_t begin = 0, end; begin < calls.size(); begin = end) {
    for (end = begin; end < calls.size() && calls[end].step == calls[begin].step;) end++;
    std::unique_ptr<Sequence> sequence = device.record(launches(device, calls.subspan(begin, end - begin)));
    auto start = std::chrono::steady_clock::now();
    device.run(*sequence);
    device.wait();
    step_seconds[calls[begin].step] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

}  // namespace ingot::gpu
