#include "gpu/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "ingot/error.h"

namespace ingot::gpu {

MemoryPlan plan_memory(const backend::Plan& plan) { return {weight_bytes(plan).all, cache_bytes(plan), Scratch::bytes(plan)}; }

GpuProgram::GpuProgram(std::unique_ptr<Device> device, backend::Plan plan, const backend::Options& options) : device_(std::move(device)), plan_(std::move(plan)) {
  MemoryPlan memory = plan_memory(plan_);
  if (uint64_t there = device_->facts().free_bytes; memory.total() > there) {
    auto mb = [](uint64_t bytes) { return fmt::format("{:.0f} MB", double(bytes) / 1e6); };
    throw Error("gpu", "the model does not fit", fmt::format("{} of weights + {} of keys and values + {} of scratch = {}", mb(memory.weights), mb(memory.cache), mb(memory.scratch), mb(memory.total())),
                fmt::format("at most {} free on {}", mb(there), device_->facts().name), "ask for a shorter context (-c), or use a smaller model");
  }
  std::vector<Call> one = calls(plan_, {}, 1, 1);
  std::ranges::move(best_calls(plan_, {}), std::back_inserter(one));
  prepare(one);
  weights_ = std::make_unique<Weights>(*device_, plan_, options);
  scratch_ = std::make_unique<Scratch>(*device_, plan_);
}

std::unique_ptr<backend::Cache> GpuProgram::make_cache() {
  std::lock_guard lock(mutex_);
  return std::make_unique<GpuCache>(*device_, plan_);
}

void GpuProgram::prepare(std::span<const Call> calls) {
  std::vector<Entry> missing;
  for (const Call& call : calls)
    if (std::ranges::find(entries_, call.entry) == entries_.end() && std::ranges::find(missing, call.entry) == missing.end()) missing.push_back(call.entry);
  if (missing.empty()) return;
  std::ranges::move(device_->compile(compose(device_->dialect(), missing)), std::back_inserter(kernels_));
  std::ranges::move(missing, std::back_inserter(entries_));
}

std::vector<Launch> GpuProgram::launches(std::span<const Call> calls) {
  prepare(calls);
  std::vector<Launch> launches;
  for (const Call& call : calls) {
    auto entry = std::ranges::find(entries_, call.entry);
    launches.push_back({kernels_[entry - entries_.begin()].get(), call.groups, call.threads, call.room_bytes, call.parameters});
  }
  return launches;
}

void GpuProgram::run(backend::Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, std::span<double> step_seconds) {
  std::lock_guard lock(mutex_);
  GpuCache& here = static_cast<GpuCache&>(cache);
  int n = static_cast<int>(tokens.size()), wanted = static_cast<int>(logits.size() / plan_.vocab);
  Places places{weights_.get(), scratch_.get(), here.address()};
  scratch_->set_turn(*device_, tokens, position);
  if (!step_seconds.empty()) {
    run_by_step(calls(plan_, places, n, wanted), step_seconds);
  } else if (n == 1 && wanted == 1) {
    if (!here.one_token) here.one_token = device_->record(launches(calls(plan_, places, 1, 1)));
    device_->run(*here.one_token);
  } else {
    std::unique_ptr<Sequence> sequence = device_->record(launches(calls(plan_, places, n, wanted)));
    device_->run(*sequence);
    device_->wait();
  }
  if (wanted > 0) scratch_->logits(*device_, logits);
}

std::optional<int32_t> GpuProgram::best(backend::Cache& cache, int32_t token, int position) {
  std::lock_guard lock(mutex_);
  GpuCache& here = static_cast<GpuCache&>(cache);
  scratch_->set_turn(*device_, std::span(&token, 1), position);
  if (!here.best_of_one) {
    Places places{weights_.get(), scratch_.get(), here.address()};
    std::vector<Call> all = calls(plan_, places, 1, 1);
    std::ranges::move(best_calls(plan_, places), std::back_inserter(all));
    here.best_of_one = device_->record(launches(all));
  }
  device_->run(*here.best_of_one);
  return scratch_->chosen(*device_);
}

// Step after step, each waited for.
void GpuProgram::run_by_step(std::span<const Call> calls, std::span<double> step_seconds) {
  for (size_t begin = 0, end; begin < calls.size(); begin = end) {
    for (end = begin; end < calls.size() && calls[end].step == calls[begin].step;) end++;
    std::unique_ptr<Sequence> sequence = device_->record(launches(calls.subspan(begin, end - begin)));
    auto start = std::chrono::steady_clock::now();
    device_->run(*sequence);
    device_->wait();
    step_seconds[calls[begin].step] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

}  // namespace ingot::gpu
