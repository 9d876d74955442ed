// Importances of the public API: sums of squares of what a model's matrices are multiplied by.
#include "ingot/importance.h"

#include <fmt/core.h>

#include <cmath>

#include "base/checked.h"
#include "engine/windows.h"

namespace ingot {
namespace {

/// Of the inputs that one step has.
struct StepSums {
  std::vector<double> sums;  // (cols)
  uint64_t count = 0;
};

/// Rows are added in their order, in double: the sums depend on neither threads nor batches.
void add_squares(const StepInputs& in, StepSums& to) {
  const size_t cols = to.sums.size();
  for (const float* row = in.values.data(); row != in.values.data() + in.values.size(); row += cols, to.count++)
    for (size_t i = 0; i < cols; i++) to.sums[i] += double(row[i]) * row[i];
}

}  // namespace

Importance measure_importance(const Model& model, std::string_view text, const ImportanceOptions& options) {
  engine::check_windows(options, model);
  const engine::Windows windows(model, text, options);
  const PlanInfo plan = model.explain();
  std::vector<StepSums> sums(plan.steps.size());
  for (size_t i = 0; i < sums.size(); i++) sums[i].sums.resize(narrow<size_t>(plan.steps[i].input_cols));
  Session session(model);
  session.observe_inputs([&](const StepInputs& in) { add_squares(in, sums[in.step]); });
  Importance made;
  made.context = options.context;
  for (; std::cmp_less(made.windows, windows.count); made.windows++) {
    if (made.windows > 0 && options.stop && options.stop()) break;
    session.truncate(0);
    if (options.head)
      session.append_all_logits(windows[narrow<int64_t>(made.windows)], [](size_t, std::span<const float>) {});
    else
      session.append(windows[narrow<int64_t>(made.windows)]);
    if (options.progress) options.progress(double(made.windows + 1) / double(windows.count));
  }
  const size_t head = sums.size() - 1;  // the last step of every plan
  for (size_t i = 0; i < sums.size(); i++) {
    if (sums[i].count == 0 || (i == head && !options.head)) continue;
    for (double x : sums[i].sums)
      if (!std::isfinite(x))
        throw Error("engine", "an input of " + plan.steps[i].name + " is not finite", "", "a sound model");
    // Matrices that are parts of one tensor have the same inputs, which count once.
    Importance of_step;
    for (const std::string& name : plan.steps[i].tensors)
      of_step.matrices.try_emplace(name, MatrixImportance{sums[i].sums, {double(sums[i].count)}});
    made.add(of_step);
  }
  return made;
}

void Importance::add(const Importance& other) {
  for (const auto& [name, more] : other.matrices) {
    const auto [at, added] = matrices.try_emplace(name, more);
    if (added) continue;
    MatrixImportance& own = at->second;
    if (own.sums.size() != more.sums.size() || own.counts.size() != more.counts.size())
      throw Error("engine", "importances of different models cannot be added",
                  fmt::format("{} with {} and {} numbers", name, own.sums.size(), more.sums.size()),
                  "files of one model");
    for (size_t i = 0; i < own.sums.size(); i++) own.sums[i] += more.sums[i];
    for (size_t i = 0; i < own.counts.size(); i++) own.counts[i] += more.counts[i];
  }
  texts.insert(texts.end(), other.texts.begin(), other.texts.end());
  if (other.windows == 0) return;
  if (windows > 0 && context != other.context)
    context = 0;
  else
    context = other.context;
  windows = capped_sum(windows, other.windows);
}

}  // namespace ingot
