// What is not finite becomes an error: NaN and both infinities in every number of small plans, in every tensor by way
// of its stored scales, must end in the error that says so, whichever way the tokens go through.
//   non_finite_check DEVICE short|long        long: every format that can hold such numbers
// Biases stand for the values between the steps: each of them goes into a buffer of the plan as it is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "backends_cpu/planted.h"
#include "engine/backends.h"
#include "ingot/error.h"

namespace ingot {
namespace {

using tests::PlannedModel;

int planted = 0, faults = 0;

std::vector<int32_t> tokens(int n) {
  std::vector<int32_t> ids;
  for (int i = 0; i < n; i++) ids.push_back(1 + i * 37 % (PlannedModel::vocab - 2));
  return ids;
}

// What a program answers along one way: "" after the error that is demanded.
template <class Way> std::string answer(plan::Program& program, Way way) {
  auto cache = program.make_cache();
  try {
    std::vector<float> logits = way(*cache);
    return std::ranges::all_of(logits, [](float x) { return std::isfinite(x); })
               ? "an ordinary answer"
               : "logits that are not finite, without an error";
  } catch (const Error& e) { return std::string(e.what()).find("not finite") != std::string::npos ? "" : e.what(); }
}

// How much is run of a program: what is emulated takes long.
struct Effort {
  int prompt = 36;        // tokens, of which 32 are a tile of attention
  bool every_way = true;  // or one for each set of kernels
};

// Tokens 0 and vocab − 1, whose embeddings are planted in, are the first and the one before the last.
struct Ways {
  plan::Program& program;
  std::vector<int32_t> prompt, few = tokens(3);
  Ways(plan::Program& p, const Effort& effort) : program(p), prompt(tokens(effort.prompt)) {
    for (std::vector<int32_t>* ids : {&prompt, &few}) ids->front() = 0, *(ids->end() - 2) = PlannedModel::vocab - 1;
  }

  std::vector<float> at_once(plan::Cache& cache) const {
    std::vector<float> logits(PlannedModel::vocab);
    program.run(cache, prompt, 0, logits, {});
    return logits;
  }
  std::vector<float> all_logits(plan::Cache& cache) const {
    std::vector<float> logits(few.size() * PlannedModel::vocab);
    program.run(cache, few, 0, logits, {});
    return logits;
  }
  std::vector<float> one_by_one(plan::Cache& cache) const {
    std::vector<float> logits(PlannedModel::vocab);
    for (size_t i = 0; i < few.size(); i++)
      program.run(cache, std::span(few).subspan(i, 1), static_cast<int>(i), logits, {});
    return logits;
  }
  std::vector<float> one_after_a_prompt(plan::Cache& cache) const {
    std::vector<float> logits(PlannedModel::vocab);
    const int last = static_cast<int>(prompt.size()) - 1;
    program.run(cache, std::span(prompt).first(last), 0, {}, {});
    program.run(cache, std::span(prompt).last(1), last, logits, {});
    return logits;
  }
  std::vector<float> chosen_by_the_device(plan::Cache& cache) const {
    std::optional<int32_t> best;
    for (size_t i = 0; i < few.size(); i++) best = program.best(cache, few[i], static_cast<int>(i));
    if (!best) throw Error("test", "not finite: the device chooses nothing");
    return {0};
  }
};

template <class Use> void each_way(plan::Program& program, const Effort& effort, Use use) {
  Ways ways(program, effort);
  use("a prompt at once", [&](plan::Cache& c) { return ways.at_once(c); });
  use("token by token", [&](plan::Cache& c) { return ways.one_by_one(c); });
  use("chosen by the device", [&](plan::Cache& c) { return ways.chosen_by_the_device(c); });
  if (!effort.every_way) return;
  use("all logits", [&](plan::Cache& c) { return ways.all_logits(c); });
  use("a token after a prompt", [&](plan::Cache& c) { return ways.one_after_a_prompt(c); });
}

void fault(const std::string& text) {
  std::printf("FAILED: %s\n", text.c_str());
  std::fflush(stdout);
  faults++;
}

void check(const plan::Backend& device, PlannedModel& model, const plan::Options& options, const Effort& effort,
           const std::string& name) {
  std::unique_ptr<plan::Program> sound = device.cast(model.plan, options);
  each_way(*sound, effort, [&](const char* way, auto run) {
    if (std::string got = answer(*sound, run);
        got != "an ordinary answer" && std::string(way) != "chosen by the device")
      fault(fmt::format("{}, nothing planted, {}: {}", name, way, got));
  });
  model.each_plant([&](const std::string& what) {
    std::unique_ptr<plan::Program> program = device.cast(model.plan, options);
    each_way(*program, effort, [&](const char* way, auto run) {
      planted++;
      if (std::string got = answer(*program, run); !got.empty())
        fault(fmt::format("{}, {}, {}: {}", name, what, way, got));
    });
  });
}

// Keys, then values, that 16-bit floats cannot hold in a model that is sound otherwise: the error says so and what to
// do, and where a device keeps them in another format the answer is that of the same model without large numbers.
void check_overflow(const plan::Backend& device, bool other_formats) {
  PlannedModel model(tests::planned_shapes[0], *quant::find_format("f32"));
  constexpr float large = 2e5f;
  plan::Plan plan = model.plan;
  auto logits_of = [&](const quant::Format* kv) {
    plan.kv_format = kv;
    std::unique_ptr<plan::Program> program = device.cast(plan, {.threads = 1});
    auto cache = program->make_cache();
    return Ways(*program, {}).at_once(*cache);
  };
  const quant::Format* codes = quant::find_format("q8_0");
  std::vector<float> expected = other_formats ? logits_of(codes) : std::vector<float>();
  for (plan::Buffer of : {plan::Buffer::key, plan::Buffer::value}) {
    plan = model.plan;
    for (plan::Step& step : plan.steps)
      for (plan::Segment& s : step.segments) {
        if (s.to == of) s.matrix.scale *= large;
        if (of == plan::Buffer::value && step.from == plan::Buffer::attended) s.matrix.scale /= large;
      }
    if (of == plan::Buffer::key) plan.attention_scale /= large;
    std::string what = of == plan::Buffer::key ? "large keys" : "large values";
    try {
      logits_of(nullptr);
      fault(what + ": an ordinary answer");
    } catch (const Error& e) {
      for (const char* part : {"keys or values of layer 0 were too large", "65504", "--kv"})
        if (std::string(e.what()).find(part) == std::string::npos)
          fault(fmt::format("{}: \"{}\" does not say \"{}\"", what, e.what(), part));
    }
    if (!other_formats) continue;
    std::vector<float> got = logits_of(codes);
    for (size_t i = 0; i < got.size(); i++)
      if (!(std::fabs(got[i] - expected[i]) < 0.02f))
        fault(fmt::format("{} as codes: logit {} is {}, not {}", what, i, got[i], expected[i]));
  }
}

// Can something that is not finite stand in a block?
bool holds_numbers(const quant::Format& format) {
  return std::string(format.scale_type) == "f16" ||
         (format.kind == quant::ValueKind::floating && std::string(format.scale_type) == "none");
}

// What is run in the short form: every format in the first shape, the other shapes with few. Instruction sets that
// take long (the last one calls a function for each fused multiply-add) and emulated devices have one, with biases.
bool in_short_form(const std::string& format, const tests::PlannedShape& shape, bool takes_long) {
  if (takes_long) return shape.biases && format == "q8_0";
  if (&shape != tests::planned_shapes) return format == "q8_0" || format == "f32";
  for (const char* one : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k"})
    if (format == one) return true;
  return false;
}

int check(const std::string& name, bool all) {
  const plan::Backend& device = engine::named_backend(name);
  plan::Device about = device.device();
  const Effort effort = all || about.threads ? Effort() : Effort{12, false};
  std::vector<std::string> isas = about.threads ? about.isas : std::vector<std::string>{""};
  for (const quant::Format& format : quant::formats())
    for (const tests::PlannedShape& shape : tests::planned_shapes) {
      if (!holds_numbers(format)) continue;
      PlannedModel model(shape, format);
      for (const std::string& isa : isas) {
        if (!all && !in_short_form(format.name, shape, isa == isas.back())) continue;
        const std::string of = fmt::format("{} {} {}", shape.name, format.name, isa);
        check(device, model, {.threads = 1, .isa = isa}, effort, of);
        if (about.threads && format.kind != quant::ValueKind::floating)
          check(device, model, {.threads = 1, .repack = false, .isa = isa}, effort, of + " from the file");
      }
    }
  check_overflow(device, about.threads);
  std::printf("%s (%s; %s): planted and run %d times, %d faults\n", name.c_str(), about.description.c_str(),
              fmt::format("{}", fmt::join(isas, ", ")).c_str(), planted, faults);
  return faults ? 1 : 0;
}

}  // namespace
}  // namespace ingot

int main(int argc, char** argv) {
  std::string form = argc == 3 ? argv[2] : "";
  if (form != "short" && form != "long") return std::fprintf(stderr, "non_finite_check DEVICE short|long\n"), 2;
  try {
    return ingot::check(argv[1], form == "long");
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
}
