// ingot bench: how fast a model reads a prompt and writes, next to what the machine's memory can deliver. Tokens are
// pseudo-random and the same every time; the probe of the memory runs beside each measurement, with the same threads.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "base/checked.h"
#include "bench_streams.h"
#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "speed.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int max_repetitions = 1000, max_streams = 4096;

struct Bench {
  std::string model;
  std::string prompt_sizes = "512", answer_sizes = "64", threads = "1", streams;
  int repetitions = 3, depth = 0;
  LoadOptions load;
  bool json = false, csv = false, profile = false, formats = false;
};

/// What the steps of one role took, of one token.
struct StepTime {
  std::string role;
  int steps = 0;
  double microseconds = 0, share = 0;
  uint64_t weight_bytes = 0;
};

struct Row {
  std::string test;
  int threads = 0;
  double median = 0, min = 0, max = 0;  // tokens/s
  uint64_t weight_bytes_per_token = 0;
  double read_bandwidth = 0;          // bytes/s
  std::optional<double> weight_rate;  // bytes/s of weights; only where each token reads all of them
  std::vector<StepTime> profile;
  std::optional<double> share() const {
    return weight_rate && read_bandwidth > 0 ? std::optional(*weight_rate / read_bandwidth) : std::nullopt;
  }
};

Row make_row(const std::string& test, const PlanInfo& plan, const Rates& rates) {
  return {test, plan.threads, rates.median, rates.min, rates.max, plan.weight_bytes_per_token, 0, std::nullopt, {}};
}

/// One more run of `work`, with what each sort of step took of it; `outside`: what no step took.
template <typename Work>
std::vector<StepTime> profile(Session& session, int held, int n_tokens, const PlanInfo& plan, Work&& work) {
  std::vector<double> seconds(plan.steps.size());
  session.truncate(held);
  session.time_steps(seconds);
  auto start = std::chrono::steady_clock::now();
  work();
  double all = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), outside = all;
  session.time_steps({});
  std::vector<StepTime> times;
  auto of = [&](const std::string& role) -> StepTime& {
    auto known = std::ranges::find(times, role, &StepTime::role);
    return known != times.end() ? *known : times.emplace_back(StepTime{role});
  };
  auto add = [&](StepTime& t, double s) { t.microseconds += 1e6 * s / n_tokens, t.share += s / all, t.steps++; };
  for (size_t i = 0; i < plan.steps.size(); i++) {
    StepTime& t = of(plan.steps[i].role);
    add(t, seconds[i]);
    t.weight_bytes += plan.steps[i].bytes_per_token;
    outside -= seconds[i];
  }
  add(of("outside"), outside);
  return times;
}

void measure(const Bench& bench, int threads, std::vector<Row>& rows) {
  std::vector<int> prompts = split_whole_numbers(bench.prompt_sizes), answers = split_whole_numbers(bench.answer_sizes);
  LoadOptions load = bench.load;
  load.threads = threads;
  // one more than an answer: its first token stands on another one
  load.context = bench.depth + std::max(std::ranges::max(prompts), std::ranges::max(answers) + 1);
  Model model = load_model(bench.model, load);
  PlanInfo plan = model.explain();
  double bandwidth = read_bandwidth(plan.threads, plan.device);
  const size_t first_row = rows.size();
  Session session(model);
  std::vector<int32_t> ids = random_tokens(load.context, model.info().vocab);
  std::span<const int32_t> tokens(ids);
  std::string depth = bench.depth > 0 ? fmt::format("@d{}", bench.depth) : "";
  session.append(tokens.first(bench.depth));
  for (int n : prompts) {
    if (n == 0) continue;
    auto work = read_prompt(session, tokens.subspan(bench.depth, n));
    rows.push_back(make_row(fmt::format("pp{}{}", n, depth), plan,
                            measure_rates(session, bench.depth, n, bench.repetitions, work)));
    if (bench.profile) rows.back().profile = profile(session, bench.depth, n, plan, work);
  }
  session.truncate(bench.depth);
  session.append(tokens.subspan(bench.depth, 1));
  for (int n : answers) {
    if (n == 0) continue;
    auto work = write_answer(session, tokens.subspan(bench.depth + 1, n));
    Row row = make_row(fmt::format("tg{}{}", n, depth), plan,
                       measure_rates(session, bench.depth + 1, n, bench.repetitions, work));
    row.weight_rate = row.median * double(row.weight_bytes_per_token);
    if (bench.profile) row.profile = profile(session, bench.depth + 1, n, plan, work);
    rows.push_back(row);
  }
  // The better of a probe before and one after: what else the machine does at the moment can only make a probe too low.
  bandwidth = std::max(bandwidth, read_bandwidth(plan.threads, plan.device));
  for (size_t i = first_row; i < rows.size(); i++) rows[i].read_bandwidth = bandwidth;
}

/// Rows of many answers at once: "pp64x16" and "tg32x16".
void measure_streams(const Bench& bench, int threads, std::vector<Row>& rows) {
  std::vector<int> streams = split_whole_numbers(bench.streams), prompts = split_whole_numbers(bench.prompt_sizes),
                   answers = split_whole_numbers(bench.answer_sizes);
  LoadOptions load = bench.load;
  load.threads = threads;
  const int max_streams = std::ranges::max(streams);
  load.max_batch = std::max(load.max_batch, max_streams);
  load.max_outputs = std::max(load.max_outputs, max_streams);
  // While the last prompts are read, answers that have begun go on: one token per run of the plan.
  const int64_t prompt_rows = int64_t{max_streams} * std::ranges::max(prompts);
  load.context = narrow<int>(std::ranges::max(prompts) + 2 * std::ranges::max(answers) + prompt_rows / load.max_batch +
                             max_streams);
  Model model = load_model(bench.model, load);
  PlanInfo plan = model.explain();
  double bandwidth = read_bandwidth(plan.threads, plan.device);
  const size_t first_row = rows.size();
  auto add = [&](int n_streams, int n_prompt, int n_answer) {
    std::vector<double> rates;
    for (int i = 0; i <= bench.repetitions; i++) {
      const double rate = stream_rate(model, n_streams, n_prompt, n_answer);
      if (i > 0) rates.push_back(rate);  // the first warms up
    }
    rows.push_back(make_row(
        n_answer == 0 ? fmt::format("pp{}x{}", n_prompt, n_streams) : fmt::format("tg{}x{}", n_answer, n_streams), plan,
        rates_of(std::move(rates))));
    if (n_answer > 0) rows.back().weight_rate = rows.back().median / n_streams * double(plan.weight_bytes_per_token);
  };
  for (int n_streams : streams)
    for (int n_prompt : prompts) {
      if (n_streams == 0 || n_prompt == 0) continue;
      add(n_streams, n_prompt, 0);
      for (int n_answer : answers)
        if (n_answer > 0) add(n_streams, n_prompt, n_answer);
    }
  bandwidth = std::max(bandwidth, read_bandwidth(plan.threads, plan.device));
  for (size_t i = first_row; i < rows.size(); i++) rows[i].read_bandwidth = bandwidth;
}

Json to_json(const Row& r) {
  Json json = {{"test", r.test},
               {"threads", r.threads},
               {"tokens_per_s", {{"median", r.median}, {"min", r.min}, {"max", r.max}}},
               {"weight_bytes_per_token", r.weight_bytes_per_token},
               {"gb_per_s", r.weight_rate ? std::optional(*r.weight_rate / giga) : std::nullopt},
               {"read_bandwidth_gb_per_s", r.read_bandwidth / giga},
               {"share_of_bandwidth", r.share()}};
  if (r.profile.empty()) return json;
  Json profile = Json::array();
  for (const StepTime& t : r.profile)
    profile.push_back({{"step", t.role},
                       {"steps", t.steps},
                       {"us_per_token", t.microseconds},
                       {"share", t.share},
                       {"weight_bytes_per_token", t.weight_bytes}});
  json.add("profile", std::move(profile));
  return json;
}

/// For programs: the names of the JSON, plain numbers, empty where JSON has null.
std::string csv(const std::vector<Row>& rows) {
  Table table({{"test"},
               {"threads"},
               {"tokens_per_s_median"},
               {"tokens_per_s_min"},
               {"tokens_per_s_max"},
               {"weight_bytes_per_token"},
               {"gb_per_s"},
               {"read_bandwidth_gb_per_s"},
               {"share_of_bandwidth"}});
  auto or_empty = [](std::optional<double> x, double unit) { return x ? fmt::format("{}", *x / unit) : std::string(); };
  for (const Row& r : rows)
    table.add({r.test, fmt::format("{}", r.threads), fmt::format("{}", r.median), fmt::format("{}", r.min),
               fmt::format("{}", r.max), fmt::format("{}", r.weight_bytes_per_token), or_empty(r.weight_rate, giga),
               fmt::format("{}", r.read_bandwidth / giga), or_empty(r.share(), 1)});
  return table.csv();
}

std::string markdown(const std::vector<Row>& rows) {
  Table table({{"test"},
               {"threads", true},
               {"tokens/s", true},
               {"min", true},
               {"max", true},
               {"weights per token", true},
               {"GB/s", true},
               {"memory GB/s", true},
               {"share", true}});
  for (const Row& r : rows)
    table.add({r.test, fmt::format("{}", r.threads), fmt::format("{:.1f}", r.median), fmt::format("{:.1f}", r.min),
               fmt::format("{:.1f}", r.max), bytes_text(r.weight_bytes_per_token),
               r.weight_rate ? fmt::format("{:.2f}", *r.weight_rate / giga) : "",
               fmt::format("{:.2f}", r.read_bandwidth / giga),
               r.share() ? fmt::format("{:.0f}%", 100 * *r.share()) : ""});
  return table.markdown();
}

std::string profile_markdown(const std::vector<Row>& rows) {
  Table table({{"test"},
               {"threads", true},
               {"step"},
               {"steps", true},
               {"µs per token", true},
               {"share", true},
               {"GB/s", true}});
  for (const Row& r : rows)
    for (const StepTime& t : r.profile)
      table.add({r.test, fmt::format("{}", r.threads), t.role, fmt::format("{}", t.steps),
                 fmt::format("{:.1f}", t.microseconds), fmt::format("{:.1f}%", 100 * t.share),
                 r.weight_rate && t.weight_bytes > 0
                     ? fmt::format("{:.2f}", double(t.weight_bytes) / t.microseconds / 1e3)
                     : ""});
  return table.markdown();
}

int perform_formats(const Bench& bench) {
  LoadOptions options = bench.load;
  ProgressBar bar("measuring");
  options.progress = [&bar](double done) { bar.show(done); };
  double bandwidth = read_bandwidth(1, options.device);
  std::vector<FormatSpeed> speeds = format_speeds(options);
  bandwidth = std::max(bandwidth, read_bandwidth(1, options.device));
  std::map<std::string, double> best;  // of a class, from the cache
  for (const FormatSpeed& s : speeds) best[s.resident_class] = std::max(best[s.resident_class], s.cached);
  if (bench.json) {
    Json list = Json::array();
    for (const FormatSpeed& s : speeds)
      list.push_back({{"format", s.name},
                      {"class", s.resident_class},
                      {"slow", s.slow},
                      {"bytes_per_weight", s.bytes_per_weight},
                      {"cached_weights_per_s", s.cached},
                      {"of_best_of_class", s.cached / best[s.resident_class]},
                      {"streamed_weights_per_s", s.streamed},
                      {"batched_mul_adds_per_s", s.batched},
                      {"share_of_peak", s.share_of_peak ? std::optional(s.share_of_peak) : std::nullopt},
                      {"read_bandwidth_gb_per_s", bandwidth / giga},
                      {"share_of_bandwidth", s.streamed * s.bytes_per_weight / bandwidth}});
    answer_json(list);
    return success;
  }
  Table table({{"format"},
               {"class"},
               {"bits read", true},
               {"G weights/s cached", true},
               {"of best of class", true},
               {"G weights/s streamed", true},
               {"GB/s", true},
               {"share", true},
               {"G mul-adds/s, 128 tokens", true},
               {"share of peak", true}});
  for (const FormatSpeed& s : speeds)
    table.add({s.name + (s.slow ? " *" : ""), s.resident_class, fmt::format("{:.2f}", 8 * s.bytes_per_weight),
               fmt::format("{:.1f}", s.cached / giga), fmt::format("{:.2f}", s.cached / best[s.resident_class]),
               fmt::format("{:.1f}", s.streamed / giga), fmt::format("{:.2f}", s.streamed * s.bytes_per_weight / giga),
               fmt::format("{:.0f}%", 100 * s.streamed * s.bytes_per_weight / bandwidth),
               fmt::format("{:.1f}", s.batched / giga),
               s.share_of_peak ? fmt::format("{:.0f}%", 100 * s.share_of_peak) : ""});
  answer(bench.csv ? table.csv() : table.markdown());
  return success;
}

int perform_bench(const Bench& bench) {
  if (bench.formats) return perform_formats(bench);
  std::vector<Row> rows;
  for (int threads : split_whole_numbers(bench.threads))
    bench.streams.empty() ? measure(bench, threads, rows) : measure_streams(bench, threads, rows);
  if (bench.json) {
    Json list = Json::array();
    for (const Row& r : rows) list.push_back(to_json(r));
    answer_json(list);
  } else {
    answer(bench.csv ? csv(rows) : markdown(rows));
    if (bench.profile) answer("\n"), answer(profile_markdown(rows));
  }
  return success;
}

bool nothing_to_measure(const Bench& bench) {
  auto all_zero = [](const std::string& list) { return std::ranges::max(split_whole_numbers(list)) == 0; };
  return all_zero(bench.prompt_sizes) && (all_zero(bench.answer_sizes) || !bench.streams.empty());
}

}  // namespace

void add_bench(CommandLine& line, Action& chosen) {
  auto bench = std::make_shared<Bench>();
  Command* command = line.add_command("bench", "Measure a model's speed on this machine");
  Option* model = add_model(*command, bench->model);
  command->when_read([bench, model] {
    name_mapped_file(bench->model);
    if (!model->is_given() && !bench->formats) throw UsageError("a model (MODEL or -m FILE) or --formats is required");
  });
  command->add_flag("--formats", bench->formats,
                    "Measure the kernels of every format, on one core and without a model");
  command->add_option("-p,--n-prompt", &bench->prompt_sizes, "Prompt sizes in tokens; 0: skip prompts")
      ->check(whole_numbers(0, 1 << 24))
      ->type_name("N,N")
      ->show_default();
  command->add_option("-n,--n-gen", &bench->answer_sizes, "Answer sizes in tokens; 0: skip answers")
      ->check(whole_numbers(0, 1 << 24))
      ->type_name("N,N")
      ->show_default();
  command
      ->add_option("-t,--threads", &bench->threads,
                   "Thread counts, each at most one per core that may be used; 0: one per core")
      ->check(whole_numbers(0, max_threads))
      ->type_name("N,N")
      ->show_default();
  command->add_option("-r,--repetitions", &bench->repetitions, "Number of measurements of each, after a warm-up")
      ->check(whole_number(1, max_repetitions))
      ->type_name("N")
      ->show_default();
  command->add_option("-d,--depth", &bench->depth, "Tokens already in the context before each test")
      ->check(whole_number(0, 1 << 24))
      ->type_name("N")
      ->show_default();
  Option* streams =
      command
          ->add_option("--streams", &bench->streams,
                       "Instead: so many answers at once, each with a prompt of -p tokens and -n of its own")
          ->check(whole_numbers(1, max_streams))
          ->type_name("N,N");
  Option* json = command->add_flag("--json", bench->json, "A JSON array of rows");
  Option* csv = command->add_flag("--csv", bench->csv, "CSV")->excludes(json);
  command->add_flag("--profile", bench->profile, "Also show how the time per token splits by role of step")
      ->excludes(csv)
      ->excludes(streams);
  add_machine(*command, bench->load);
  add_strict(*command, bench->load);
  command->footer(
      R"(One row per test and thread count, as a Markdown table unless --json or --csv is given. ppN: a prompt of N
tokens. tgN: N tokens generated one after another; @dN: after N tokens of context. GB/s: bytes of weights read per
second during generation; memory GB/s: what a plain read reaches with the same threads, measured in the same run;
share: the former divided by the latter. --profile: a second table, from one more run, by the step's role as named by
`ingot explain`; "outside" is time that belongs to no step (waking the threads, the session).

--streams: ppNxS: S prompts of N tokens each, until every one has been read; tgNxS: S answers of N tokens each, all at
once, from when the last has begun. Tokens per second of all of them together, with the choice of each token.

--formats: weights per second for one token, with weights in the cache and from memory, the bytes read for them and
their share of what a plain read reaches; and multiply-adds per second for 128 tokens, with their share of the peak:
what a loop over registers alone reaches with 4-bit codes. * marks formats without a fast kernel. --json: [{format,
class, slow, bytes_per_weight, cached_weights_per_s, of_best_of_class, streamed_weights_per_s, batched_mul_adds_per_s,
share_of_peak, read_bandwidth_gb_per_s, share_of_bandwidth}]; share_of_peak is null where floats are multiplied.

--json: [{test, threads, tokens_per_s: {median, min, max}, weight_bytes_per_token, gb_per_s, read_bandwidth_gb_per_s,
share_of_bandwidth}], with --profile also profile: [{step, steps, us_per_token, share, weight_bytes_per_token}];
gb_per_s and share_of_bandwidth are null for prompts, where many tokens share one read. 1 GB is 10^9 bytes.

Examples:
  ingot bench model.gguf
  ingot bench model.gguf -p 128,512 -n 64 -t 1,2,4 -r 5
  ingot bench model.gguf -p 0 -n 32 -d 8192 --json
  ingot bench model.gguf -p 0 -n 64 --profile
  ingot bench model.gguf --streams 1,4,16,64 -p 64 -n 32
  ingot bench --formats)");
  command->when_checked([bench, &chosen] {
    if (nothing_to_measure(*bench))
      throw UsageError(bench->streams.empty() ? "-p and -n: got 0 for both; expected something to measure"
                                              : "-p: got 0; expected prompts for --streams");
    chosen = [bench] { return perform_bench(*bench); };
  });
}

}  // namespace ingot::apps
