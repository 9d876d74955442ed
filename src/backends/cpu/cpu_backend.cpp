// The CPU as a backend: what it offers, and how it would run a plan.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "plan/backend.h"
#include "backends/cpu/bandwidth.h"
#include "backends/cpu/layout.h"
#include "backends/cpu/limits.h"
#include "backends/cpu/machine.h"
#include "backends/cpu/program.h"
#include "backends/cpu/speed.h"
#include "ingot/error.h"

namespace ingot::cpu {

namespace {

// Strategy and layout of a step in words.
void describe_projection(const plan::Step& step, const Isa& isa, const plan::Options& options, plan::StepChoice& choice) {
  std::set<std::string> strategies, layouts;
  for (const plan::Segment& s : step.segments) {
    Placement p = place(s.matrix, isa, options.repack);
    choice.classes.push_back(class_name(*p.kernels));
    choice.weight_bytes += p.resident ? p.resident_bytes(s.matrix) : s.matrix.bytes();
    strategies.insert(p.resident ? fmt::format("rows_interleaved x{}", p.kernels->lane_rows) : "rows_from_file");
    layouts.insert(p.resident ? "resident" : "file");
    choice.slow |= p.slow();
  }
  auto join = [](const std::set<std::string>& set) {
    std::string s;
    for (const std::string& e : set) s += (s.empty() ? "" : " + ") + e;
    return s;
  };
  choice.strategy = join(strategies);
  choice.layout = join(layouts);
}

// What the kernels need of a plan, and what strict kernels refuse.
void check(const plan::Plan& plan, const Isa& isa, const plan::Options& options) {
  if (options.threads < 0) throw Error("cpu", "the number of threads is negative", std::to_string(options.threads), "0 or more");
  if (plan.head_size > attend_max_head_size)
    throw Error("cpu", "attention cannot run this head size", std::to_string(plan.head_size), fmt::format("at most {}", int(attend_max_head_size)));
  for (const plan::Step& step : plan.steps)
    for (const plan::Segment& s : step.segments)
      if (options.strict_kernels && step.kind != plan::StepKind::embed && place(s.matrix, isa, options.repack).slow())
        throw Error("cpu", s.matrix.name + " would run without a fast kernel", s.matrix.format->name, "a format with a resident layout", "leave out strict kernels or requantize the tensor");
}

}  // namespace

// Pages are granted when they are first touched, and a process that touches more than there is gets killed without a word.
void check_memory(const plan::Plan& plan, const plan::Choices& choices, const Limits& limits) {
  const uint64_t first_positions = static_cast<uint64_t>(std::min(plan.context, plan.max_batch));  // of the cache, which grows as it is used
  const uint64_t cache = capped_product(choices.kv_bytes_per_token, first_positions);
  const uint64_t all = capped_sum(choices.resident_bytes, choices.scratch_bytes, cache);
  if (all <= limits.memory()) return;
  auto mb = [](uint64_t bytes) { return fmt::format("{:.0f} MB", double(bytes) / 1e6); };
  throw Error("memory", "the model does not fit into the memory that is free",
              fmt::format("{} of weights + {} of scratch + {} of keys and values = {}", mb(choices.resident_bytes), mb(choices.scratch_bytes), mb(cache), mb(all)),
              fmt::format("at most {}, {}", mb(limits.memory()), limits.group_memory < limits.free_memory ? "what the control group leaves" : "what the machine has free"),
              choices.resident_bytes > 0 ? "run it from the file (--no-repack), ask for a shorter context (-c), or free memory" : "ask for a shorter context (-c), or free memory");
}

namespace {

class CpuBackend : public plan::Backend {
 public:
  const char* name() const override { return "cpu"; }

  plan::Device device() const override {
    plan::Device d;
    d.name = name(), d.description = processor_name(), d.available = true;
    d.cores = usable_cores(), d.memory_bytes = total_memory();
    if (uint64_t left = read_limits().memory(); left != Limits::unlimited) d.free_bytes = left;
    IsaList list = isas();
    for (int i = 0; i < list.count; i++) (list.begin[i]->supported() ? d.isas : d.missing_isas).push_back(list.begin[i]->name);
    if (d.isas.empty()) {
      d.available = false;
      d.description += fmt::format(", and this build has kernels for {} only; build with INGOT_ISAS=all, or on this machine with INGOT_ISAS=native", fmt::join(d.missing_isas, ", "));
    }
    return d;
  }

  plan::FormatChoice choose(const quant::Format& format) const override {
    const FormatKernels& k = *find_isa("").formats[&format - quant::formats().data()];
    plan::FormatChoice choice{class_name(k), 0, !k.direct && !k.lane_rows};
    if (k.lane_rows) choice.resident_bits = 8.0 * k.tile_bytes / k.lane_rows / format.block;
    return choice;
  }

  plan::Choices choose(const plan::Plan& plan, const plan::Options& options) const override {
    const Isa& isa = find_isa(options.isa);
    check(plan, isa, options);
    plan::Choices choices{isa.name, options.threads > 0 ? options.threads : usable_cores(), 0, 0, 0, {}};
    std::set<const void*> counted;
    for (const plan::Step& step : plan.steps) {
      plan::StepChoice choice{{}, "", "none", 0, false};
      if (step.kind == plan::StepKind::embed) {
        const plan::Matrix& table = step.segments.front().matrix;
        choice = {{class_name(*place(table, isa, false).kernels)}, "decode_row", "file", table.format->row_bytes(table.cols), false};
      } else if (!step.segments.empty()) {
        describe_projection(step, isa, options, choice);
        for (const plan::Segment& s : step.segments)
          if (counted.insert(s.matrix.data).second) choices.resident_bytes = capped_sum(choices.resident_bytes, place(s.matrix, isa, options.repack).resident_bytes(s.matrix));
      } else {
        choice.strategy = step.kind == plan::StepKind::attend ? "streaming" : "rows";
      }
      choices.steps.push_back(std::move(choice));
    }
    choices.scratch_bytes = scratch_bytes(plan, choices.threads);
    choices.kv_bytes_per_token = CacheLayout(plan, isa).bytes_per_token();
    return choices;
  }

  std::unique_ptr<plan::Program> cast(plan::Plan plan, const plan::Options& options) const override {
    check_memory(plan, choose(plan, options), read_limits());
    return std::make_unique<CpuProgram>(std::move(plan), options);
  }

  plan::KernelSource source(const plan::Plan&) const override {
    throw Error("cpu", "kernels were compiled with ingot itself", name(), "a device that compiles kernels when a model is loaded", "name one with --device");
  }

  std::vector<plan::FormatSpeed> format_speeds(const plan::Options& options) const override { return cpu::format_speeds(options); }

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
