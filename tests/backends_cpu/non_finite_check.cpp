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
#include "plan/finite.h"

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
template <class Way> std::string answer(Way way) {
  try {
    std::vector<float> logits = way();
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
  std::vector<int32_t> prompt, few = tokens(3), pages = tests::pages_from(0, 2);
  Ways(plan::Program& p, const Effort& effort) : program(p), prompt(tokens(effort.prompt)) {
    for (std::vector<int32_t>* ids : {&prompt, &few}) ids->front() = 0, *(ids->end() - 2) = PlannedModel::vocab - 1;
  }

  // Logits after the last `outputs` of the tokens, which engines check as here.
  std::vector<float> run(std::span<const int32_t> ids, int position, int outputs) const {
    std::vector<float> logits(static_cast<size_t>(outputs) * PlannedModel::vocab);
    const plan::Sequence sequence = one(ids, position, outputs);
    program.run({.tokens = ids, .sequences = {&sequence, 1}}, logits, {});
    plan::check_finite(logits, program.states(), pages, position + sequence.count);
    return logits;
  }
  plan::Sequence one(std::span<const int32_t> ids, int position, int outputs) const {
    return {.pages = pages, .position = position, .count = static_cast<int>(ids.size()), .outputs = outputs};
  }
  std::vector<float> at_once() const { return run(prompt, 0, 1); }
  std::vector<float> all_logits() const { return run(few, 0, static_cast<int>(few.size())); }
  std::vector<float> one_by_one() const {
    std::vector<float> logits;
    for (size_t i = 0; i < few.size(); i++) logits = run(std::span(few).subspan(i, 1), static_cast<int>(i), 1);
    return logits;
  }
  std::vector<float> one_after_a_prompt() const {
    const int last = static_cast<int>(prompt.size()) - 1;
    run(std::span(prompt).first(last), 0, 0);
    return run(std::span(prompt).last(1), last, 1);
  }
  std::vector<float> chosen_by_the_device() const {
    for (size_t i = 0; i < few.size(); i++) {
      plan::Choice choice;
      const int position = static_cast<int>(i);
      const std::span<const int32_t> id = std::span(few).subspan(i, 1);
      const plan::Sequence sequence = one(id, position, 1);
      if (!program.choose({.tokens = id, .sequences = {&sequence, 1}}, {&choice, 1}))
        throw Error("test", "not finite: the device chooses nothing");
      if (choice.id < 0) plan::refuse_output(program.states(), pages, position + 1);
    }
    return {0};
  }
};

template <class Use> void each_way(plan::Program& program, const Effort& effort, Use use) {
  Ways ways(program, effort);
  use("a prompt at once", [&] { return ways.at_once(); });
  use("token by token", [&] { return ways.one_by_one(); });
  use("chosen by the device", [&] { return ways.chosen_by_the_device(); });
  if (!effort.every_way) return;
  use("all logits", [&] { return ways.all_logits(); });
  use("a token after a prompt", [&] { return ways.one_after_a_prompt(); });
}

void fault(const std::string& text) {
  std::printf("FAILED: %s\n", text.c_str());
  std::fflush(stdout);
  faults++;
}

void check(const plan::Backend& device, PlannedModel& model, const plan::Options& options, const Effort& effort,
           const std::string& name) {
  std::unique_ptr<plan::Program> sound = device.compile(model.plan, options);
  each_way(*sound, effort, [&](const char* way, auto run) {
    if (std::string got = answer(run); got != "an ordinary answer" && std::string(way) != "chosen by the device")
      fault(fmt::format("{}, nothing planted, {}: {}", name, way, got));
  });
  model.each_plant([&](const std::string& what) {
    std::unique_ptr<plan::Program> program = device.compile(model.plan, options);
    each_way(*program, effort, [&](const char* way, auto run) {
      planted++;
      if (std::string got = answer(run); !got.empty()) fault(fmt::format("{}, {}, {}: {}", name, what, way, got));
    });
  });
}

// Keys, then values, that 16-bit floats cannot hold in a model that is sound otherwise: the error says so and what to
// do. Where a device multiplies codes as integers (`codes_are_wide`), the answer with codes is that of the same model
// without large numbers; otherwise they are an error as well.
void check_overflow(const plan::Backend& device, bool codes_are_wide) {
  PlannedModel model(tests::planned_shapes[0], *quant::find_format("f32"));
  constexpr float large = 2e5f;
  plan::Plan plan = model.plan;
  auto logits_of = [&](const quant::Format* kept) {
    plan.limits.state_format = kept;
    std::unique_ptr<plan::Program> program = device.compile(plan, {.threads = 1});
    return Ways(*program, {}).at_once();
  };
  const quant::Format* codes = quant::find_format("q8_0");
  std::vector<float> expected = codes_are_wide ? logits_of(codes) : std::vector<float>();
  for (plan::Id<plan::Value> of : {model.key, model.value_}) {
    plan = model.plan;
    auto scale = [&](const plan::Slice& slice) -> float& { return plan.weights[slice.weight.index].scale; };
    for (plan::Step& step : plan.steps) {
      if (auto* attend = std::get_if<plan::Attend>(&step.op); attend && of == model.key) attend->scale /= large;
      auto* linear = std::get_if<plan::Linear>(&step.op);
      if (!linear) continue;
      for (const plan::Output& output : linear->outputs) {
        if (output.to == of) scale(output.weight) *= large;
        if (of == model.value_ && linear->from == model.attended) scale(output.weight) /= large;
      }
    }
    std::string what = of == model.key ? "large keys" : "large values";
    try {
      logits_of(codes_are_wide || of == model.key ? nullptr : codes);
      fault(what + ": an ordinary answer");
    } catch (const Error& e) {
      for (const char* part : {"keys or values of layer 0 were too large", "65504", "--kv"})
        if (std::string(e.what()).find(part) == std::string::npos)
          fault(fmt::format("{}: \"{}\" does not say \"{}\"", what, e.what(), part));
    }
    if (!codes_are_wide) continue;
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
