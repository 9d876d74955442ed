// The CPU as a backend: what it offers, and how it would run a plan.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "backends/cpu/attention.h"
#include "backends/cpu/bandwidth.h"
#include "backends/cpu/layout.h"
#include "backends/cpu/limits.h"
#include "backends/cpu/machine.h"
#include "backends/cpu/memory.h"
#include "backends/cpu/program.h"
#include "backends/cpu/speed.h"
#include "ingot/error.h"
#include "plan/backend.h"

namespace ingot::cpu {

namespace {

// Classes, strategy and layout of a projection in words, and the bytes that one token reads of it.
void describe_projection(const plan::Plan& plan, const plan::Op& op, const Isa& isa, bool repack,
                         plan::StepChoice& choice) {
  std::set<std::string> strategies, layouts;
  for (const plan::Slice& slice : plan::slices_of(op)) {
    const MatrixView view = view_of(plan, slice);
    const Placement p = place(*view.format, isa, repack);
    choice.classes.push_back(class_name(*p.kernels));
    const uint64_t bytes = p.resident ? p.resident_bytes(view) : plan::file_bytes(plan, slice);
    choice.weight_bytes = capped_sum(choice.weight_bytes, bytes);
    strategies.insert(p.resident ? fmt::format("rows_interleaved x{}", p.kernels->lane_rows) : "rows_from_file");
    layouts.insert(p.resident ? "resident" : "file");
    choice.slow |= p.slow();
  }
  choice.strategy = fmt::format("{}", fmt::join(strategies, " + "));
  choice.layout = fmt::format("{}", fmt::join(layouts, " + "));
}

plan::StepChoice describe(const plan::Plan& plan, const plan::Op& op, const Isa& isa, bool repack) {
  plan::StepChoice choice{.classes = {}, .strategy = "rows", .layout = "none"};
  if (auto* embed = std::get_if<plan::Embed>(&op)) {
    choice.classes = {class_name(kernels_of(*plan[embed->table].format, isa))};
    choice.strategy = "decode_row", choice.layout = "file";
    choice.weight_bytes = plan::file_bytes(plan, embed->table) / narrow<uint64_t>(embed->table.rows);
  } else if (std::holds_alternative<plan::Attend>(op)) {
    choice.strategy = "streaming";
  } else if (!plan::slices_of(op).empty()) {
    describe_projection(plan, op, isa, repack, choice);
  }
  return choice;
}

// What the kernels require of a plan, and what strict kernels refuse.
void check(const plan::Plan& plan, const Isa& isa, const plan::Options& options) {
  plan::check(plan);
  if (options.threads < 0)
    throw Error("cpu", "the number of threads is negative", std::to_string(options.threads), "0 or more");
  if (plan.steps.empty() || !std::holds_alternative<plan::Embed>(plan.steps.front().op))
    throw Error("cpu", "a plan does not begin with the embedding of its tokens",
                plan.steps.empty() ? "no step" : plan.steps.front().name);
  for (const plan::State& state : plan.states)
    if (const int size = std::max(state.heads.key_size, state.heads.value_size); size > max_head_size)
      throw Error("cpu", "attention cannot run this head size", std::to_string(size),
                  fmt::format("at most {}", max_head_size));
  for (const plan::Step& step : plan.steps) {
    if (!options.strict_kernels || std::holds_alternative<plan::Embed>(step.op)) continue;
    for (const plan::Slice& slice : plan::slices_of(step.op))
      if (const quant::Format& format = *plan[slice].format; place(format, isa, options.repack).slow())
        throw Error("cpu", plan[slice].name + " would run without a fast kernel", format.name,
                    "a format with a resident layout", "leave out strict kernels or requantize the tensor");
  }
}

class CpuBackend : public plan::Backend {
 public:
  const char* name() const override { return "cpu"; }

  plan::Device device() const override {
    plan::Device d;
    d.name = name(), d.description = processor_name(), d.available = true;
    d.cores = usable_cores(), d.memory_bytes = total_memory();
    if (uint64_t left = read_limits().memory(); left != Limits::unlimited) d.free_bytes = left;
    IsaList list = isas();
    for (int i = 0; i < list.count; i++)
      (list.begin[i]->supported() ? d.isas : d.missing_isas).push_back(list.begin[i]->name);
    if (d.isas.empty()) {
      d.available = false;
      d.description += fmt::format(
          ", and this build has kernels for {} only; build with INGOT_ISAS=all, or on this machine with "
          "INGOT_ISAS=native",
          fmt::join(d.missing_isas, ", "));
    }
    return d;
  }

  plan::FormatChoice choose(const quant::Format& format) const override {
    const FormatKernels& k = kernels_of(format, find_isa(""));
    plan::FormatChoice choice{.resident_class = class_name(k), .resident_bits = 0, .slow = !k.direct && !k.lane_rows};
    if (k.lane_rows) choice.resident_bits = 8.0 * k.tile_bytes / k.lane_rows / format.block;
    return choice;
  }

  plan::Choices choose(const plan::Plan& plan, const plan::Options& options) const override {
    const Isa& isa = find_isa(options.isa);
    check(plan, isa, options);
    const StatesLayout states(plan, isa);
    const int threads = options.threads > 0 ? options.threads : usable_cores();
    plan::Choices choices{.isa = isa.name,
                          .threads = threads,
                          .resident_bytes = resident_bytes(plan, isa, options),
                          .scratch_bytes = scratch_bytes(plan, states, threads),
                          .page_bytes = states.page_bytes(),
                          .steps = {}};
    for (const plan::Step& step : plan.steps) choices.steps.push_back(describe(plan, step.op, isa, options.repack));
    return choices;
  }

  std::unique_ptr<plan::Program> compile(plan::Plan plan, const plan::Options& options) const override {
    const PageRange pages = pages_within(plan, choose(plan, options), read_limits());
    return std::make_unique<CpuProgram>(std::move(plan), options, pages);
  }

  plan::KernelSource source(const plan::Plan&) const override {
    throw Error("cpu", "kernels were compiled with ingot itself", name(),
                "a device that compiles kernels when a model is loaded", "name one with --device");
  }

  std::vector<plan::FormatSpeed> format_speeds(const plan::Options& options) const override {
    return cpu::format_speeds(options);
  }

  double read_bandwidth(int threads) const override { return cpu::read_bandwidth(threads); }
};

}  // namespace

}  // namespace ingot::cpu

namespace ingot::plan {

const Backend& cpu_backend() {
  static const cpu::CpuBackend backend;
  return backend;
}

}  // namespace ingot::plan
