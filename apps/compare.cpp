// ingot compare: two files of one model, tensor by tensor.
#include "ingot/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "command_line.h"
#include "commands.h"
#include "error_table.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr size_t worst_tensors = 10;  // that are listed unless all are asked for

struct Compare {
  std::string base, other;
  CompareOptions options;
  bool json = false, tensors = false;
};

Json to_json(const Comparison& c) {
  Json tensors = Json::array();
  for (const TensorComparison& t : c.tensors)
    tensors.push_back({{"name", t.name},
                       {"shape", t.shape},
                       {"base_format", t.base_format},
                       {"format", t.format},
                       {"base_bits", t.base_bits},
                       {"bits", t.bits},
                       {"error", t.error},
                       {"weighted_error", t.weighted}});
  return {{"base_bits", c.base_bits},
          {"bits", c.bits},
          {"only_base", c.only_base},
          {"only_other", c.only_other},
          {"tensors", tensors}};
}

/// Tensors with their errors: all in the order of the file, or those with the largest.
Styled tensor_table(const Comparison& c, bool all) {
  std::vector<const TensorComparison*> list;
  for (const TensorComparison& t : c.tensors) list.push_back(&t);
  // Weighted errors and plain ones are not compared with each other.
  const bool weighted = std::ranges::all_of(list, [](auto* t) { return !differs(*t) || t->weighted; });
  auto size = [&](const TensorComparison* t) {
    return std::isnan(t->error) ? INFINITY : weighted ? t->weighted.value_or(t->error) : t->error;
  };
  if (!all) {
    std::ranges::stable_sort(list, [&](auto* a, auto* b) { return size(a) > size(b); });
    list.resize(std::min(list.size(), worst_tensors));
    std::erase_if(list, [&](auto* t) { return size(t) == 0; });
  }
  Table table({{"tensor"}, {"shape", true}, {"base"}, {"other"}, {"bits", true}, {"error", true}, {"weighted", true}});
  for (const TensorComparison* t : list)
    table.add({t->name, fmt::format("{}", fmt::join(t->shape, " x ")), t->base_format, t->format,
               fmt::format("{:.3f}", t->bits), percent_text(t->error), t->weighted ? percent_text(*t->weighted) : ""});
  return table.empty() ? Styled("") : table.text();
}

int perform_compare(Compare asked) {
  name_mapped_file(asked.base), name_mapped_file(asked.other);
  Comparison made;
  {
    InterruptWatch watch;
    ProgressBar bar("comparing");
    asked.options.progress = [&bar](double done) { bar.show(done); };
    asked.options.stop = [&watch] { return watch.noted(); };
    made = compare_models(asked.base, asked.other, asked.options);
  }
  if (asked.json) {
    answer_json(to_json(made));
    return success;
  }
  const Styled tensors = tensor_table(made, asked.tensors);
  if (!asked.tensors) answer(error_table(errors_by_kind(made)));
  if (!tensors.pieces().empty() && !asked.tensors) answer("\n");
  answer(tensors);
  for (const std::string& name : made.only_base) answer("only in the base: " + name + "\n");
  for (const std::string& name : made.only_other) answer("only in the other: " + name + "\n");
  if (!asked.options.importance.empty()) {
    const auto matrices = std::ranges::count_if(made.tensors, differs);
    const auto found = std::ranges::count_if(made.tensors, [](auto& t) { return differs(t) && t.weighted; });
    answer(fmt::format("{} of {} tensors that differ have importances\n", found, matrices));
  }
  answer(fmt::format("{:.4g} -> {:.4g} bits per weight\n", made.base_bits, made.bits));
  return success;
}

}  // namespace

void add_compare(CommandLine& line, Action& chosen) {
  auto asked = std::make_shared<Compare>();
  Command* command = line.add_command("compare", "Compare two files of one model, tensor by tensor");
  command->add_option("BASE", &asked->base, "GGUF file, best the unquantized one")->required();
  command->add_option("OTHER", &asked->other, "GGUF file of the same model")->required();
  command->add_option("--imatrix", &asked->options.importance, "Also weight errors by these importances, a GGUF file")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_option("-t,--threads", &asked->options.threads, "Threads (default: all that this process may use)")
      ->check(whole_number(0, max_threads))
      ->type_name("N");
  command->add_flag("--tensors", asked->tensors, "One line per tensor, in the order of the file");
  command->add_flag("--json", asked->json, "One JSON object");
  command->footer(
      R"(The error of a tensor is the root of the squared differences over the squares of the base's weights. weighted: every
square is multiplied by the importance of its input. The first table has tensors by kind, of all layers together; the
second those with the largest errors, weighted where every tensor has such an error.

--json: {base_bits, bits, only_base, only_other, tensors: [{name, shape, base_format, format, base_bits, bits, error,
weighted_error}]}; error is null where it or a weight is not finite, weighted_error where there is no importance.

Examples:
  ingot compare model-f16.gguf model-q4.gguf
  ingot compare model-f16.gguf model-q4.gguf --imatrix imatrix.gguf --json)");
  command->when_checked([asked, &chosen] { chosen = [asked] { return perform_compare(*asked); }; });
}

}  // namespace ingot::apps
