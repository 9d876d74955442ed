#include "backends/gpu/gpu_backend.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <set>

#include "backends/gpu/bandwidth.h"
#include "backends/gpu/pages.h"
#include "backends/gpu/parameters.h"
#include "backends/gpu/program.h"
#include "backends/gpu/tiles.h"
#include "ingot/error.h"

namespace ingot::gpu {

namespace {

std::string class_name(const FormatTiles& t) {
  std::string kind = t.class_kind;
  if (kind == "float") return fmt::format("f{}", t.class_bits);
  return kind == "vector" ? fmt::format("vector {}-bit", t.class_bits) : fmt::format("u{} {}", t.class_bits, kind);
}

// Plain numbers, read weight by weight at full speed; anything else without tiles is decoded slowly.
bool slow(const quant::Format& format) {
  return !tiles_of(format).tile_bytes && format.kind != quant::ValueKind::floating;
}

bool is_embed(const plan::Step& step) { return std::holds_alternative<plan::Embed>(step.op); }

std::string joined(const std::set<std::string>& set) { return fmt::format("{}", fmt::join(set, " + ")); }

}  // namespace

void check(const plan::Plan& plan, const plan::Options& options, const char* room) {
  for (const plan::State& state : plan.states) {
    const plan::HeadShape& h = state.heads;
    if (h.key_size % 32 || h.key_size > attend_max_head_size || h.value_size != h.key_size)
      throw Error(room, "attention cannot run this head size",
                  h.value_size == h.key_size ? std::to_string(h.key_size)
                                             : fmt::format("keys of {}, values of {}", h.key_size, h.value_size),
                  fmt::format("a multiple of 32, at most {}", int(attend_max_head_size)),
                  "the processor runs it: --device cpu");
  }
  if (const quant::Format* format = coded_states(plan); format && !keeps(*format, plan))
    throw Error(room, "keys and values cannot be kept in this format", format->name,
                "16-bit floats, or codes with one scale per block, in blocks that divide the head size");
  if (!options.isa.empty())
    throw Error(room, "this device has no instruction sets to choose from", options.isa, "", "leave out --isa");
  for (size_t i = first_head_step(plan); i < plan.steps.size(); i++)
    if (plan[plan::written_by(plan.steps[i].op)].rows != plan::Value::Rows::outputs)
      throw Error(room, "a step with a row per token follows one with a row per output", plan.steps[i].name);
  if (!options.strict_kernels) return;
  for (const plan::Step& step : plan.steps)
    for (const plan::Slice& slice : plan::slices_of(step.op))
      if (const plan::Weight& w = plan[slice]; !is_embed(step) && slow(*w.format))
        throw Error(room, w.name + " would run without a fast kernel", w.format->name,
                    "a format with a resident layout", "leave out strict kernels or requantize the tensor");
}

plan::FormatChoice GpuBackend::choose(const quant::Format& format) const {
  const FormatTiles& t = tiles_of(format);
  return {class_name(t), t.tile_bytes ? 8.0 * t.tile_bytes / 32 / format.block : 0, slow(format)};
}

plan::Choices GpuBackend::choose(const plan::Plan& plan, const plan::Options& options) const {
  check(plan, options, name());
  const MemoryPlan memory = plan_memory(plan);
  const uint64_t in_file = interface_.shares_memory ? weight_bytes(plan).blocks : 0;
  plan::Choices choices{.isa = interface_.dialect,
                        .threads = 0,
                        .resident_bytes = memory.weights - in_file,
                        .scratch_bytes = memory.scratch,
                        .page_bytes = memory.page,
                        .steps = {}};
  const std::vector<Call> one = one_token_calls(plan, {}, false);
  for (size_t i = 0; i < plan.steps.size(); i++) {
    const plan::Step& step = plan.steps[i];
    plan::StepChoice choice{.classes = {}, .strategy = "", .layout = "none", .weight_bytes = 0, .slow = false};
    for (const Call& call : one)
      if (call.step == static_cast<int>(i))
        choice.strategy += (choice.strategy.empty() ? "" : " + ") + std::string(call.entry.kernel);
    std::set<std::string> layouts;
    for (const plan::Slice& slice : plan::slices_of(step.op)) {
      const quant::Format& format = *plan[slice].format;
      const bool embed = is_embed(step), tiles = !embed && has_tiles(format);
      choice.classes.push_back(class_name(tiles_of(format)));
      choice.weight_bytes += embed ? format.row_bytes(narrow<uint64_t>(slice.cols)) : device_bytes(plan, slice, tiles);
      choice.slow |= !embed && slow(format);
      layouts.insert(tiles ? "resident" : "file");
    }
    if (!layouts.empty()) choice.layout = joined(layouts);
    choices.steps.push_back(std::move(choice));
  }
  return choices;
}

std::unique_ptr<plan::Program> GpuBackend::compile(plan::Plan plan, const plan::Options& options) const {
  check(plan, options, name());
  return std::make_unique<GpuProgram>(interface_.open(options), std::move(plan), options);
}

plan::KernelSource GpuBackend::source(const plan::Plan& plan) const {
  check(plan, {}, name());
  Source source = compose(interface_.dialect, entries(plan, {.copies_overlap = interface_.copies_overlap,
                                                             .max_gemm_tokens = interface_.max_gemm_tokens}));
  return {std::move(source.text), std::move(source.entries)};
}

std::vector<plan::FormatSpeed> GpuBackend::format_speeds(const plan::Options&) const {
  throw Error(name(), "speeds of single formats are measured on the processor only", "", "",
              "use --device with another name");
}

double GpuBackend::read_bandwidth(int) const {
  std::unique_ptr<Device> device = interface_.open({});
  return gpu::read_bandwidth(*device);
}

}  // namespace ingot::gpu
