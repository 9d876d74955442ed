#include "backends/gpu/gpu_backend.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <set>

#include "backends/gpu/bandwidth.h"
#include "backends/gpu/parameters.h"
#include "backends/gpu/program.h"
#include "backends/gpu/tiles.h"
#include "ingot/error.h"

namespace ingot::gpu {

namespace {

const FormatTiles& tiles_of(const quant::Format& format) { return *format_tiles()[&format - quant::formats().data()]; }

std::string class_name(const FormatTiles& t) {
  std::string kind = t.class_kind;
  if (kind == "float") return fmt::format("f{}", t.class_bits);
  return kind == "vector" ? fmt::format("vector {}-bit", t.class_bits) : fmt::format("u{} {}", t.class_bits, kind);
}

// Numbers as they are, read weight by weight without loss of pace; anything else without tiles is decoded slowly.
bool slow(const quant::Format& format) { return !tiles_of(format).tile_bytes && format.kind != quant::ValueKind::floating; }

std::string joined(const std::set<std::string>& set) { return fmt::format("{}", fmt::join(set, " + ")); }

}  // namespace

void check(const plan::Plan& plan, const plan::Options& options, const char* room) {
  if (plan.head_size % 32 || plan.head_size > attend_most_head)
    throw Error(room, "attention cannot run this head size", std::to_string(plan.head_size), fmt::format("a multiple of 32, at most {}", int(attend_most_head)), "the processor runs it: --device cpu");
  if (plan.kv_format && (plan.kv_format->kind != quant::ValueKind::floating || plan.kv_format->block_bytes != 2 || std::string(plan.kv_format->name) != "f16"))
    throw Error(room, "keys and values cannot be kept in this format", plan.kv_format->name, "16-bit floats", "leave out --kv");
  if (!options.isa.empty()) throw Error(room, "this device has no instruction sets to choose from", options.isa, "", "leave out --isa");
  if (options.strict_kernels)
    for (const plan::Step& step : plan.steps)
      for (const plan::Segment& s : step.segments)
        if (step.kind != plan::StepKind::embed && slow(*s.matrix.format))
          throw Error(room, s.matrix.name + " would run without a fast kernel", s.matrix.format->name, "a format with a resident layout", "leave out strict kernels or requantize the tensor");
}

plan::FormatChoice GpuBackend::choose(const quant::Format& format) const {
  const FormatTiles& t = tiles_of(format);
  return {class_name(t), t.tile_bytes ? 8.0 * t.tile_bytes / 32 / format.block : 0, slow(format)};
}

plan::Choices GpuBackend::choose(const plan::Plan& plan, const plan::Options& options) const {
  check(plan, options, name());
  MemoryPlan memory = plan_memory(plan);
  uint64_t in_file = interface_.shares_memory ? weight_bytes(plan).blocks : 0;
  plan::Choices choices{interface_.dialect, 0, memory.weights - in_file, memory.scratch, cache_bytes(plan) / cache_room(plan), {}};
  std::vector<Call> one = calls(plan, {}, 1, 1);
  for (size_t i = 0; i < plan.steps.size(); i++) {
    const plan::Step& step = plan.steps[i];
    plan::StepChoice choice{{}, "", "none", 0, false};
    std::string strategy;
    for (const Call& call : one)
      if (call.step == static_cast<int>(i)) strategy += (strategy.empty() ? "" : " + ") + std::string(call.entry.kernel);
    std::set<std::string> layouts;
    for (const plan::Segment& s : step.segments) {
      bool embed = step.kind == plan::StepKind::embed, tiles = !embed && has_tiles(s.matrix);
      choice.classes.push_back(class_name(tiles_of(*s.matrix.format)));
      choice.weight_bytes += embed ? s.matrix.format->row_bytes(s.matrix.cols) : device_bytes(s.matrix, tiles);
      choice.slow |= !embed && slow(*s.matrix.format);
      layouts.insert(tiles ? "resident" : "file");
    }
    choice.strategy = strategy;
    if (!layouts.empty()) choice.layout = joined(layouts);
    choices.steps.push_back(std::move(choice));
  }
  return choices;
}

std::unique_ptr<plan::Program> GpuBackend::cast(plan::Plan plan, const plan::Options& options) const {
  check(plan, options, name());
  return std::make_unique<GpuProgram>(interface_.open(options), std::move(plan), options);
}

plan::KernelSource GpuBackend::source(const plan::Plan& plan) const {
  check(plan, {}, name());
  Source source = compose(interface_.dialect, entries(plan));
  return {std::move(source.text), std::move(source.entries)};
}

std::vector<plan::FormatSpeed> GpuBackend::format_speeds(const plan::Options&) const {
  throw Error(name(), "speeds of single formats are measured on the processor only", "", "", "use --device with another name");
}

double GpuBackend::read_bandwidth(int) const {
  std::unique_ptr<Device> device = interface_.open({});
  return gpu::read_bandwidth(*device);
}

}  // namespace ingot::gpu
