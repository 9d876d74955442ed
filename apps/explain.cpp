// ingot explain: the plan that a model would run by, step by step, with the time that memory alone would take. Lays out
// no weight.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"
#include "table.h"

namespace ingot::apps {
namespace {

struct Explain {
  std::string model;
  LoadOptions load;
  std::optional<double> bandwidth;  // GB/s; measured when not given
  bool json = false, fold = false;
};

/// A line of the table: one step, or several that differ in their layer only.
struct Line {
  StepInfo step;
  int times = 1;
};

std::string joined(const std::vector<std::string>& parts) {
  std::vector<std::string> runs;  // "a, a, b" reads as "a x2, b"
  for (size_t i = 0; i < parts.size();) {
    size_t n = 1;
    while (i + n < parts.size() && parts[i + n] == parts[i]) n++;
    runs.push_back(n > 1 ? fmt::format("{} x{}", parts[i], n) : parts[i]);
    i += n;
  }
  return fmt::format("{}", fmt::join(runs, ", "));
}

bool alike(const StepInfo& a, const StepInfo& b) {
  return a.role == b.role && a.kind == b.kind && a.shape == b.shape && a.formats == b.formats &&
         a.classes == b.classes && a.strategy == b.strategy && a.layout == b.layout && a.slow == b.slow;
}

/// Steps as they run; with `fold`, like ones together at the place of the first, their bytes and times added up.
std::vector<Line> lines_of(const PlanInfo& plan, bool fold) {
  std::vector<Line> lines;
  for (const StepInfo& step : plan.steps) {
    auto same = std::find_if(lines.begin(), lines.end(), [&](const Line& l) { return fold && alike(l.step, step); });
    if (same == lines.end()) {
      lines.push_back({step, 1});
      continue;
    }
    same->times++;
    same->step.name = step.role;
    same->step.bytes_per_token += step.bytes_per_token;
    same->step.share += step.share;
    same->step.seconds_bound += step.seconds_bound;
  }
  return lines;
}

int slow_steps(const PlanInfo& plan) {
  return static_cast<int>(
      std::count_if(plan.steps.begin(), plan.steps.end(), [](const StepInfo& s) { return s.slow; }));
}

/// Seconds that reading all weights once takes; none without a bandwidth.
std::optional<double> bound(const PlanInfo& plan, double bandwidth) {
  if (bandwidth <= 0) return std::nullopt;
  return double(plan.weight_bytes_per_token) / bandwidth;
}

Json to_json(const PlanInfo& plan, double bandwidth) {
  auto seconds = bound(plan, bandwidth);
  Json steps = Json::array();
  for (const StepInfo& s : plan.steps)
    steps.push_back({{"name", s.name},
                     {"role", s.role},
                     {"kind", s.kind},
                     {"shape", s.shape},
                     {"formats", s.formats},
                     {"classes", s.classes},
                     {"strategy", s.strategy},
                     {"layout", s.layout},
                     {"bytes_per_token", s.bytes_per_token},
                     {"share", s.share},
                     {"seconds_bound", seconds ? std::optional(s.seconds_bound) : std::nullopt},
                     {"slow", s.slow}});
  return {{"architecture", plan.architecture},
          {"device", plan.device},
          {"isa", plan.isa},
          {"threads", plan.threads},
          {"context", plan.context},
          {"weight_bytes_per_token", plan.weight_bytes_per_token},
          {"resident_bytes", plan.resident_bytes},
          {"kv_bytes_per_token", plan.kv_bytes_per_token},
          {"page_bytes", plan.page_bytes},
          {"state_bytes", plan.state_bytes},
          {"scratch_bytes", plan.scratch_bytes},
          {"slow_steps", slow_steps(plan)},
          {"read_bandwidth_gb_per_s", seconds ? std::optional(bandwidth / giga) : std::nullopt},
          {"seconds_bound", seconds},
          {"steps", steps}};
}

Styled as_text(const PlanInfo& plan, double bandwidth, bool fold) {
  auto seconds = bound(plan, bandwidth);
  Table table({{"step"},
               {"shape"},
               {"formats"},
               {"class"},
               {"strategy"},
               {"layout"},
               {"per token", true},
               {"share", true},
               {"bound", true}});
  for (const Line& line : lines_of(plan, fold)) {
    const StepInfo& s = line.step;
    bool reads = s.bytes_per_token > 0;
    table.add({(s.slow ? "* " : "  ") + s.name + (line.times > 1 ? fmt::format(" x{}", line.times) : ""), s.shape,
               joined(s.formats), joined(s.classes), s.strategy, s.layout, reads ? bytes_text(s.bytes_per_token) : "",
               reads ? fmt::format("{:.1f}%", 100 * s.share) : "",
               reads && seconds ? seconds_text(s.seconds_bound) : ""});
  }
  Styled text = fmt::format("{} on {}, {}, {} {}, context {}\n\n", plan.architecture, plan.device, plan.isa,
                            plan.threads, plan.threads == 1 ? "thread" : "threads", plan.context) +
                table.text();
  text += fmt::format("\n{} steps per token read {} of weights", plan.steps.size(),
                      bytes_text(plan.weight_bytes_per_token));
  if (seconds)
    text += fmt::format(": at {:.2f} GB/s {}, at most {:.1f} tokens/s", bandwidth / giga, seconds_text(*seconds),
                        *seconds > 0 ? 1 / *seconds : 0);
  text += fmt::format("\nmemory: weights {}, KV cache {} ({} per token), scratch {}\n", bytes_text(plan.resident_bytes),
                      bytes_text(plan.kv_bytes_per_token * plan.context), bytes_text(plan.kv_bytes_per_token),
                      bytes_text(plan.scratch_bytes));
  if (int n = slow_steps(plan))
    text += Styled(Color::yellow,
                   fmt::format("* {} of {} steps run without a fast kernel; --strict-kernels refuses such a plan", n,
                               plan.steps.size())) +
            "\n";
  return text;
}

int perform_explain(Explain flags) {
  limit_threads(flags.load);
  PlanInfo plan = explain(flags.model, flags.load);
  double bandwidth = flags.bandwidth ? *flags.bandwidth * giga : read_bandwidth(plan.threads, plan.device);
  plan = explain(flags.model, flags.load, bandwidth);
  if (flags.json)
    answer_json(to_json(plan, bandwidth));
  else
    answer(as_text(plan, bandwidth, flags.fold));
  return success;
}

}  // namespace

void add_explain(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<Explain>();
  Command* command = line.add_command("explain", "Show the execution plan of a model");
  add_model(*command, flags->model);
  Option* json = command->add_flag("--json", flags->json, "One JSON object");
  command->add_flag("--fold", flags->fold, "Show steps that differ only in their layer as one line")->excludes(json);
  add_context(*command, flags->load);
  add_threads(*command, flags->load);
  command
      ->add_option("--bandwidth", &flags->bandwidth,
                   "Memory bandwidth for the bounds, in 10^9 bytes per second; 0: no bounds (default: measured)")
      ->check(real_number(0, 1e6))
      ->type_name("GB/S");
  add_machine(*command, flags->load);
  add_strict(*command, flags->load);
  command->footer(
      R"(One line per step of a token: its shape, the format and class of each matrix, the strategy (order of
traversal), and the layout. "per token": bytes of weights that the step reads for one token; "share": of the total;
"bound": the time to read them at memory bandwidth. An asterisk marks a step without a fast kernel.

--json: {architecture, device, isa, threads, context, weight_bytes_per_token, resident_bytes, kv_bytes_per_token,
         page_bytes, state_bytes, scratch_bytes, slow_steps, read_bandwidth_gb_per_s, seconds_bound, steps: [{name,
         role, kind, shape, formats, classes, strategy, layout, bytes_per_token, share, seconds_bound, slow}]}

Examples:
  ingot explain model.gguf --fold
  ingot explain model.gguf -t 2 --json
  ingot explain model.gguf --bandwidth 50
  ingot explain model.gguf --strict-kernels > /dev/null && echo fast)");
  command->when_checked([flags, &chosen] { chosen = [flags] { return perform_explain(*flags); }; });
}

}  // namespace ingot::apps
