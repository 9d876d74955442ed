#include "backends/gpu/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "ingot/error.h"

namespace ingot::gpu {

namespace {

// Reserve for the driver, for code and recordings, and for others who use the device.
uint64_t reserve_of(const Facts& facts) {
  constexpr uint64_t max_reserve = uint64_t{512} << 20, share = 16;
  return std::min(max_reserve, facts.free_bytes / share);
}

std::string megabytes(uint64_t bytes) { return fmt::format("{:.0f} MB", double(bytes) / 1e6); }

}  // namespace

MemoryPlan plan_memory(const plan::Plan& plan) {
  MemoryPlan memory{.weights = weight_bytes(plan).all,
                    .scratch = capped_sum(Scratch::bytes(plan), Inputs::bytes(plan)),
                    .page = page_bytes(plan)};
  memory.sequence = capped_product(plan::pages_for(plan.limits.context), memory.page);
  return memory;
}

int plan_pages(const plan::Plan& plan, const Facts& facts) {
  const MemoryPlan memory = plan_memory(plan);
  const uint64_t given = plan.limits.state_bytes, states = std::max(given, memory.sequence);
  if (capped_sum(memory.weights, memory.scratch, states) > facts.free_bytes)
    throw Error("gpu", "the model does not fit",
                fmt::format("{} of weights + {} of keys and values + {} of scratch = {}", megabytes(memory.weights),
                            megabytes(states), megabytes(memory.scratch),
                            megabytes(capped_sum(memory.weights, memory.scratch, states))),
                fmt::format("at most {} free on {}", megabytes(facts.free_bytes), facts.name),
                "ask for a shorter context (-c), or use a smaller model");
  if (given > 0 && given < memory.sequence)
    throw Error("gpu", "there is too little memory for keys and values", megabytes(given),
                fmt::format("{} for {} positions", megabytes(memory.sequence), plan.limits.context),
                "ask for a shorter context (-c)");
  const uint64_t left = facts.free_bytes - memory.weights - memory.scratch, reserve = reserve_of(facts);
  const uint64_t bytes = given > 0 ? given : std::max(memory.sequence, left - std::min(left, reserve));
  return static_cast<int>(std::min<uint64_t>(bytes / std::max<uint64_t>(1, memory.page), INT32_MAX));
}

GpuProgram::GpuProgram(std::unique_ptr<Device> device, plan::Plan plan, const plan::Options& options)
    : device_(std::move(device)),
      plan_(std::move(plan)),
      store_(device_, plan_, plan_pages(plan_, device_.use()->facts())) {
  SharedDevice::Use use = device_.use();
  std::vector<Call> one = one_token_calls(plan_, target(*use), true);
  prepare(*use, one);
  weights_ = std::make_unique<Weights>(*use, plan_, options);
  scratch_ = std::make_unique<Scratch>(*use, plan_);
  inputs_ = std::make_unique<Inputs>(*use, plan_);
}

Target GpuProgram::target(const Device& device) const {
  return {.weights = weights_.get(),
          .scratch = scratch_.get(),
          .inputs = inputs_.get(),
          .cores = device.facts().cores,
          .copies_overlap = device.facts().copies_overlap,
          .max_gemm_tokens = device.facts().max_gemm_tokens};
}

void GpuProgram::prepare(Device& device, std::span<const Call> calls) {
  std::vector<Entry> missing;
  for (const Call& call : calls)
    if (std::ranges::find(entries_, call.entry) == entries_.end() &&
        std::ranges::find(missing, call.entry) == missing.end())
      missing.push_back(call.entry);
  if (missing.empty()) return;
  std::ranges::move(device.compile(compose(device.dialect(), missing)), std::back_inserter(kernels_));
  std::ranges::move(missing, std::back_inserter(entries_));
}

std::vector<Launch> GpuProgram::launches(Device& device, std::span<const Call> calls) {
  prepare(device, calls);
  std::vector<Launch> launches;
  for (const Call& call : calls) {
    auto entry = std::ranges::find(entries_, call.entry);
    launches.push_back({kernels_[static_cast<size_t>(entry - entries_.begin())].get(), call.groups, call.threads,
                        call.shared_bytes, call.parameters});
  }
  return launches;
}

std::vector<Call> GpuProgram::calls(const Which& which, const Target& target) const {
  switch (which.part) {
    case Which::body: return body_calls(plan_, target, which.rows);
    case Which::head: return head_calls(plan_, target, which.outputs);
    case Which::one_token: break;
  }
  return one_token_calls(plan_, target, which.outputs.choose);
}

GpuProgram::Parts GpuProgram::parts_of(const BatchShape& shape, bool choose) const {
  if (shape.rows == 1 && shape.outputs == 1) return {{{Which::one_token, {}, {.choose = choose}}}, 1, 1};
  const int rows = bucket_of(shape.rows, plan_.limits.max_rows);
  Parts parts{{{Which::body, {rows, shape.singles > 0, shape.several > 0}, {}}}, 1, 0};
  if (shape.outputs == 0) return parts;
  parts.outputs = bucket_of(shape.outputs, plan_.limits.max_outputs);
  parts.which[parts.count++] = {Which::head, {}, {parts.outputs, !shape.in_order, choose}};
  return parts;
}

const Sequence& GpuProgram::recorded(Device& device, const Which& which) {
  auto found = recorded_.find(which);
  if (found == recorded_.end())
    found = recorded_.emplace(which, device.record(launches(device, calls(which, target(device))))).first;
  return *found->second;
}

bool GpuProgram::run(const plan::Batch& batch, std::span<float> logits, const plan::Watch& watch) {
  plan::check(plan_, batch, store_.pages());
  if (!std::cmp_equal(logits.size(), capped_product(batch.outputs(), plan_.vocab())))
    throw Error("gpu", "logits do not fit the batch", fmt::format("{} numbers", logits.size()),
                fmt::format("{} rows of {}", batch.outputs(), plan_.vocab()));
  if (watch.inputs)
    throw Error("gpu", "the inputs of matrices stay on the device", "", "a device that hands them out",
                "load the model for the processor (--device cpu)");
  if (watch.stop && watch.stop()) return false;
  SharedDevice::Use use = device_.use();
  const Parts parts = parts_of(inputs_->set(*use, batch, store_), false);
  if (!watch.step_seconds.empty())
    run_by_step(*use, parts, watch.step_seconds);
  else
    for (int i = 0; i < parts.count; i++) use->run(recorded(*use, parts.which[i]));
  if (logits.empty())
    use->wait();
  else
    scratch_->logits(*use, logits);
  return true;
}

bool GpuProgram::choose(const plan::Batch& batch, std::span<plan::Choice> choices) {
  plan::check(plan_, batch, store_.pages());
  if (!std::cmp_equal(choices.size(), batch.outputs()))
    throw Error("gpu", "choices do not fit the batch", std::to_string(choices.size()), std::to_string(batch.outputs()));
  SharedDevice::Use use = device_.use();
  const Parts parts = parts_of(inputs_->set(*use, batch, store_), true);
  for (int i = 0; i < parts.count; i++) use->run(recorded(*use, parts.which[i]));
  if (choices.empty()) return use->wait(), true;
  scratch_->chosen(*use, parts.outputs, choices);
  inputs_->chosen(choices);
  return true;
}

// Step after step, waiting for each.
void GpuProgram::run_by_step(Device& device, const Parts& parts, std::span<double> step_seconds) {
  std::vector<Call> all;
  for (int i = 0; i < parts.count; i++)
    std::ranges::move(calls(parts.which[i], target(device)), std::back_inserter(all));
  const std::span<const Call> calls = all;
  for (size_t begin = 0, end; begin < calls.size(); begin = end) {
    for (end = begin; end < calls.size() && calls[end].step == calls[begin].step;) end++;
    std::unique_ptr<Sequence> sequence = device.record(launches(device, calls.subspan(begin, end - begin)));
    auto start = std::chrono::steady_clock::now();
    device.run(*sequence);
    device.wait();
    step_seconds[static_cast<size_t>(calls[begin].step)] +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

}  // namespace ingot::gpu
