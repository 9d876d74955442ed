// ingot quantize: a model file in other formats.
#include "ingot/quantize.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>

#include "command_line.h"
#include "commands.h"
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
  std::string model, out, recipe, recipe_file;
  QuantizeOptions options;
  bool dry_run = false, json = false, list = false, tensors = false;
};

std::string megabytes(uint64_t bytes) { return fmt::format("{:.2f} MB", double(bytes) / 1e6); }

Json to_json(const Quantization& q) {
  Json tensors = Json::array();
  for (const QuantizedTensor& t : q.tensors)
    tensors.push_back({{"name", t.name},
                       {"shape", t.shape},
                       {"from", t.from},
                       {"to", t.to},
                       {"from_bytes", t.from_bytes},
                       {"to_bytes", t.to_bytes},
                       {"importance", t.has_importance},
                       {"note", t.note}});
  return {{"from_bytes", q.from_bytes},
          {"to_bytes", q.to_bytes},
          {"bits_per_weight", q.bits_per_weight},
          {"seconds", q.seconds},
          {"tensors", tensors}};
}

/// Which formats, of how many tensors and bytes; and what did not go as asked.
std::string report(const Quantize& asked, const Quantization& q) {
  std::string text;
  if (asked.tensors) {
    for (const QuantizedTensor& t : q.tensors)
      text +=
          fmt::format("{:<36} {:>16}  {:>8} -> {:<8} {:>12}{}\n", t.name, fmt::format("{}", fmt::join(t.shape, " x ")),
                      t.from, t.to, megabytes(t.to_bytes), t.note.empty() ? "" : "  " + t.note);
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
  return text + fmt::format("{} -> {}, {:.4g} bits per weight\n", megabytes(q.from_bytes), megabytes(q.to_bytes),
                            q.bits_per_weight);
}

int perform_quantize(Quantize asked) {
  if (asked.list) {
    std::string text;
    for (const auto& [name, about] : recipes()) text += fmt::format("{:<10} {}\n", name, about);
    answer(text);
    return success;
  }
  if (asked.model.empty() || asked.options.to.empty()) throw UsageError("expected MODEL, OUT and --to");
  if (asked.out.empty() && !asked.dry_run) throw UsageError("expected OUT, the file to write; or --dry-run");
  if (!asked.recipe_file.empty()) asked.options.recipe = read_text(asked.recipe_file);
  if (!asked.recipe.empty()) asked.options.recipe += "\n" + asked.recipe;
  name_mapped_file(asked.model);
  Quantization made;
  if (asked.dry_run) {
    made = plan_quantization(asked.model, asked.options);
  } else {
    InterruptWatch watch;
    ProgressBar bar("quantizing");
    asked.options.progress = [&bar](double done) { bar.show(done); };
    asked.options.stop = [&watch] { return watch.noted(); };
    made = write_quantized(asked.model, asked.out, asked.options);
  }
  if (asked.json)
    answer_json(to_json(made));
  else
    answer(report(asked, made));
  if (!asked.json && !asked.dry_run) {
    flush_answer();
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
  command->add_option("--to", &asked->options.to, "A mix that --list lists, or a format that `ingot formats` lists")
      ->check(not_empty())
      ->type_name("NAME");
  command
      ->add_option("--recipe", &asked->recipe,
                   "Rules that overrule the mix: 'ffn_down=FORMAT,attn_v=FORMAT' (docs/quantize.md)")
      ->check(not_empty())
      ->type_name("RULES");
  command->add_option("--recipe-file", &asked->recipe_file, "The same from a file, one rule per line")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_flag("--pure", asked->options.pure, "--to is a format, for every matrix");
  command->add_option("--imatrix", &asked->options.importance, "Importances of the matrices' inputs, a GGUF file")
      ->check(not_empty())
      ->type_name("FILE");
  command->add_option("-t,--threads", &asked->options.threads, "Threads (default: all that this process may use)")
      ->check(whole_number(0, max_threads))
      ->type_name("N");
  command->add_flag("--allow-requantize", asked->options.allow_requantize, "Encode quantized weights again");
  command->add_flag("--dry-run", asked->dry_run, "Say what would be written, and write nothing");
  command->add_flag("--tensors", asked->tensors, "One line per tensor");
  command->add_flag("--list", asked->list, "List the mixes");
  command->add_flag("--json", asked->json, "One JSON object");
  command->footer(
      R"(Matrices are encoded anew, everything else is copied. OUT appears when it is whole and on the disk; the number of
threads does not change its bytes. Rows that a format's blocks do not divide get the recipe's next format, which is reported.)");
  command->when_checked([asked, &chosen] { chosen = [asked] { return perform_quantize(*asked); }; });
}

}  // namespace ingot::apps
