// ingot quantize: a model file in other formats.
#include "ingot/quantize.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <optional>

#include "command_line.h"
#include "commands.h"
#include "error_table.h"
#include "files.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct Quantize {
  std::string model, out, recipe, recipe_file, formats;
  std::optional<double> budget;
  QuantizeOptions options;
  bool dry_run = false, json = false, list = false, tensors = false;
};

std::string megabytes(uint64_t bytes) { return fmt::format("{:.2f} MB", double(bytes) / 1e6); }

Json to_json(const Quantization& q) {
  Json tensors = Json::array();
  for (const QuantizedTensor& t : q.tensors) {
    Json json = {{"name", t.name},
                 {"shape", t.shape},
                 {"from", t.from},
                 {"to", t.to},
                 {"from_bytes", t.from_bytes},
                 {"to_bytes", t.to_bytes},
                 {"importance", t.has_importance},
                 {"note", t.note}};
    if (q.budget) {
      Json trials = Json::array();
      for (const FormatTrial& f : t.trials)
        trials.push_back({{"format", f.format}, {"bits", f.bits}, {"error", f.error}});
      json.add("trials", std::move(trials));
    }
    tensors.push_back(std::move(json));
  }
  Json json = {{"from_bytes", q.from_bytes},
               {"to_bytes", q.to_bytes},
               {"bits_per_weight", q.bits_per_weight},
               {"files", q.files},
               {"seconds", q.seconds}};
  if (q.budget)
    json.add("budget", {{"asked", q.budget->asked},
                        {"spent", q.budget->spent},
                        {"last_saving_per_mb", q.budget->saving},
                        {"left_out_saving_per_mb", q.budget->saving_left_out}});
  json.add("tensors", std::move(tensors));
  return json;
}

/// The tensors of a budget that are alike but for their layer.
struct Kind {
  int tensors = 0, fewer = 0, more = 0;  // of which so many could have had fewer or more bits
  std::map<std::string, int> formats;
  double bits = 0, weights = 0;
  double error = 0, error_fewer = 0, error_more = 0;  // sums of relative mean squares
};

/// Where the bits went, and what fewer or more of them would have done.
Styled budget_table(const Quantization& q) {
  std::map<std::string, Kind> kinds;
  for (const QuantizedTensor& t : q.tensors) {
    if (t.trials.empty()) continue;
    Kind& kind = kinds[place_of_tensor(t.name).kind];
    const double weights = 8 * double(t.to_bytes) / t.trials[t.chosen].bits;
    auto square = [&](size_t i) { return t.trials[i].error * t.trials[i].error; };
    kind.tensors++, kind.formats[t.to]++;
    kind.bits += 8 * double(t.to_bytes), kind.weights += weights, kind.error += square(t.chosen);
    if (t.chosen > 0) kind.fewer++, kind.error_fewer += square(t.chosen - 1);
    if (t.chosen + 1 < t.trials.size()) kind.more++, kind.error_more += square(t.chosen + 1);
  }
  auto rms = [](double squares, int n) { return n ? percent_text(std::sqrt(squares / n)) : ""; };
  Table table({{"tensors"}, {"formats"}, {"bits", true}, {"error", true}, {"a step down", true}, {"a step up", true}});
  for (const auto& [name, kind] : kinds) {
    table.add({kind.tensors > 1 ? fmt::format("{} x {}", kind.tensors, name) : name, formats_text(kind.formats),
               fmt::format("{:.3f}", kind.bits / kind.weights), rms(kind.error, kind.tensors),
               rms(kind.error_fewer, kind.fewer), rms(kind.error_more, kind.more)});
  }
  const BudgetReport& b = *q.budget;
  std::string text = fmt::format("{:.4f} of {:g} bits per weight", b.spent, b.asked);
  if (b.saving > 0) text += fmt::format("; the last step up saved {:.2g} of the sum of errors per MB", b.saving);
  if (b.saving_left_out > 0) text += fmt::format("; the best that did not fit would save {:.2g}", b.saving_left_out);
  return table.text() + text + "\n";
}

/// "  error 3.1 %; OTHER 1.6 %": of a tensor, with the steps beside it.
std::string choice_text(const QuantizedTensor& t) {
  if (t.trials.empty()) return "";
  std::string text = "  error " + percent_text(t.trials[t.chosen].error);
  auto beside = [&](size_t i) { text += "; " + t.trials[i].format + " " + percent_text(t.trials[i].error); };
  if (t.chosen > 0) beside(t.chosen - 1);
  if (t.chosen + 1 < t.trials.size()) beside(t.chosen + 1);
  return text;
}

/// Which formats, of how many tensors and bytes; and what did not go as asked.
std::string report(const Quantize& asked, const Quantization& q) {
  std::string text;
  if (asked.tensors) {
    for (const QuantizedTensor& t : q.tensors)
      text += fmt::format("{:<36} {:>16}  {:>8} -> {:<8} {:>12}{}{}\n", t.name,
                          fmt::format("{}", fmt::join(t.shape, " x ")), t.from, t.to, megabytes(t.to_bytes),
                          choice_text(t), t.note.empty() ? "" : "  " + t.note);
  } else {
    std::map<std::string, std::pair<int, uint64_t>> totals;
    for (const QuantizedTensor& t : q.tensors) totals[t.to].first++, totals[t.to].second += t.to_bytes;
    for (const auto& [name, total] : totals)
      text += fmt::format("{:<9} {:>5} {:<8} {:>14}\n", name, total.first, total.first == 1 ? "tensor" : "tensors",
                          megabytes(total.second));
    std::map<std::string, int> notes;
    for (const QuantizedTensor& t : q.tensors)
      if (!t.note.empty()) notes[t.note + ": " + t.to]++;
    for (const auto& [note, count] : notes) text += fmt::format("{} x {}\n", count, note);
  }
  const std::string files = q.files.size() > 1 ? fmt::format(" in {} files", q.files.size()) : "";
  if (!asked.options.importance.empty()) {
    const auto bare = std::ranges::count_if(q.tensors, [](const QuantizedTensor& t) {
      return t.is_given && (t.from != t.to || !t.trials.empty()) && !t.has_importance;
    });
    if (bare > 0) text += fmt::format("{} {} no importance\n", bare, bare == 1 ? "matrix has" : "matrices have");
  }
  return text + fmt::format("{} -> {}{}, {:.4g} bits per weight\n", megabytes(q.from_bytes), megabytes(q.to_bytes),
                            files, q.bits_per_weight);
}

int perform_quantize(Quantize asked) {
  if (asked.list) {
    std::string text;
    for (const auto& [name, about] : recipes()) text += fmt::format("{:<10} {}\n", name, about);
    answer(text);
    return success;
  }
  if (asked.model.empty() || (asked.options.to.empty() && !asked.budget))
    throw UsageError("expected MODEL, OUT and --to, or --budget");
  if (asked.out.empty() && !asked.dry_run) throw UsageError("expected OUT, the file to write; or --dry-run");
  if (!asked.recipe_file.empty()) asked.options.recipe = read_text(asked.recipe_file);
  if (!asked.recipe.empty()) asked.options.recipe += "\n" + asked.recipe;
  asked.options.budget = asked.budget.value_or(0);
  if (!asked.formats.empty()) asked.options.formats = split_names(asked.formats);
  name_mapped_file(asked.model);
  Quantization made;
  {
    InterruptWatch watch;
    ProgressBar bar("quantizing");
    asked.options.progress = [&bar](double done) { bar.show(done); };
    asked.options.stop = [&watch] { return watch.noted(); };
    made = asked.dry_run ? plan_quantization(asked.model, asked.options)
                         : write_quantized(asked.model, asked.out, asked.options);
  }
  if (asked.json)
    answer_json(to_json(made));
  else
    answer((made.budget && !asked.tensors ? budget_table(made) : Styled("")) + report(asked, made));
  if (!asked.json && !asked.dry_run) {
    flush_answer();
    std::error_code error;
    if (made.files.size() > 1 && std::filesystem::exists(asked.out, error))
      note(Styled(Color::yellow, asked.out + " is an older file, left as it is: the model is in parts"));
    note(Styled(Color::dim, fmt::format("{:.1f} s, {:.1f} MB/s", made.seconds,
                                        double(made.from_bytes) / 1e6 / std::max(made.seconds, 1e-9))));
  }
  return success;
}

}  // namespace

void add_quantize(CommandLine& line, Action& chosen) {
  auto asked = std::make_shared<Quantize>();
  Command* command = line.add_command("quantize", "Write a model in other formats");
  command->add_option("MODEL", &asked->model, "GGUF file to read");
  command->add_option("OUT", &asked->out, "GGUF file to write");
  Option* to =
      command->add_option("--to", &asked->options.to, "A mix that --list lists, or a format that `ingot formats` lists")
          ->check(not_empty())
          ->type_name("NAME");
  Option* budget =
      command
          ->add_option("--budget", &asked->budget,
                       "Choose each matrix's format by its error, for so many bits per weight of all of them")
          ->check(real_number(0, 32, true))
          ->type_name("BITS")
          ->excludes(to);
  command->add_option("--formats", &asked->formats, "Formats that --budget may choose from: 'NAME,NAME' (default: all)")
      ->check(not_empty())
      ->type_name("LIST")
      ->needs(budget);
  command
      ->add_option("--recipe", &asked->recipe,
                   "Rules that overrule the mix: 'ffn_down=FORMAT,attn_v=FORMAT' (docs/quantize.md)")
      ->check(not_empty())
      ->type_name("RULES");
  command->add_option("--recipe-file", &asked->recipe_file, "The same from a file, one rule per line")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_flag("--pure", asked->options.pure, "--to is a format, for every matrix")->excludes(budget);
  command->add_option("--imatrix", &asked->options.importance, "Importances of the matrices' inputs, a GGUF file")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_option("-t,--threads", &asked->options.threads, "Threads (default: all that this process may use)")
      ->check(whole_number(0, max_threads))
      ->type_name("N");
  command
      ->add_option(
          "--split", [asked](const std::string& text) { asked->options.max_part_bytes = *parse_bytes(text); },
          "Maximum size of a file, such as 2G; a larger model becomes NAME-00001-of-0000N.gguf and so on")
      ->check(check_bytes)
      ->type_name("BYTES");
  command->add_flag("--allow-requantize", asked->options.allow_requantize, "Encode quantized weights again");
  command->add_flag("--dry-run", asked->dry_run, "Say what would be written, and write nothing");
  command->add_flag("--tensors", asked->tensors, "One line per tensor");
  command->add_flag("--list", asked->list, "List the mixes");
  command->add_flag("--json", asked->json, "One JSON object");
  command->footer(
      R"(Matrices are encoded anew, everything else is copied. OUT appears when it is whole and on the disk; the number of
threads does not change its bytes. Rows that a format's blocks do not divide get the recipe's next format, which is reported.

--budget: all formats are tried on a sample of each matrix's rows. Every matrix gets the one with which the sum of
squared errors, relative to the weights' squares and averaged over the layers, is least. --imatrix weights errors; rules
of --recipe come first. The table says which formats were chosen, their error, and what it would be one step of the
trade-off down or up.

--json: {from_bytes, to_bytes, bits_per_weight, files, seconds, tensors: [{name, shape, from, to, from_bytes, to_bytes,
importance, note}]}, with --budget also budget: {asked, spent, last_saving_per_mb, left_out_saving_per_mb}, and for each tensor trials:
[{format, bits, error}], from which it was chosen.

Examples:
  ingot quantize model-f16.gguf model.gguf --to NAME --imatrix imatrix.gguf
  ingot quantize model-f16.gguf model.gguf --budget 4.5 --imatrix imatrix.gguf
  ingot quantize model-f16.gguf --budget 4.5 --dry-run --tensors)");
  command->when_checked([asked, &chosen] { chosen = [asked] { return perform_quantize(*asked); }; });
}

}  // namespace ingot::apps
