// ingot imatrix: how much each input of a model's matrices counts, measured over a text, for `ingot quantize`.
#include "ingot/importance.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/checked.h"
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

struct Imatrix {
  std::string model, text, out;
  std::vector<std::string> merged;
  LoadOptions load;
  ImportanceOptions options;
  bool json = false, no_head = false;
};

/// Nothing: it was interrupted.
std::optional<Importance> measure(const Imatrix& asked) {
  const std::string text = read_text(asked.text);
  LoadOptions load = asked.load;
  load.context = asked.options.context;
  const Model model = load_model(asked.model, load);
  InterruptWatch watch;
  bool stopped = false;
  ProgressBar bar("measuring");
  ImportanceOptions options = asked.options;
  options.head = !asked.no_head;
  options.progress = [&bar](double done) { bar.show(done); };
  options.stop = [&] { return stopped = watch.noted(); };
  Importance made = measure_importance(model, text, options);
  made.texts.push_back(asked.text == "-" ? "stdin" : asked.text);
  if (stopped) return std::nullopt;
  return made;
}

Json to_json(const Importance& all) {
  Json matrices = Json::array();
  for (const auto& [name, m] : all.matrices)
    matrices.push_back({{"name", name}, {"cols", m.sums.size() / m.counts.size()}, {"counts", m.counts}});
  return {{"windows", all.windows}, {"context", all.context}, {"texts", all.texts}, {"matrices", matrices}};
}

int perform_imatrix(const Imatrix& asked) {
  // What cannot be read or written is found before the measurement, which takes long.
  Importance merged;
  for (const std::string& path : asked.merged) {
    name_mapped_file(path);
    merged.add(read_importance(path));
  }
  NewFile(asked.out, Access::everyone);  // not committed: it leaves nothing
  Importance all;
  if (!asked.text.empty()) {
    std::optional<Importance> made = measure(asked);
    if (!made) {
      note("interrupted; " + asked.out + " was not written");
      return interrupted;
    }
    all = std::move(*made);
  }
  all.add(merged);
  write_importance(asked.out, all);
  if (asked.json)
    answer_json(to_json(all));
  else
    answer(fmt::format("{} matrices, {}{}\n", all.matrices.size(), count_text(narrow<int64_t>(all.windows), "window"),
                       all.context ? fmt::format(" of {} tokens", all.context) : ""));
  return success;
}

}  // namespace

void add_imatrix(CommandLine& line, Action& chosen) {
  auto asked = std::make_shared<Imatrix>();
  Command* command = line.add_command("imatrix", "Measure which inputs of a model's matrices count");
  Option* model = command->add_option("MODEL,-m,--model", &asked->model, "Model file, GGUF; best the unquantized one")
                      ->check(not_empty())
                      ->type_name("FILE");
  Option* text = command->add_option("--text,-f,--file", &asked->text, "Text to run, read byte for byte; -: stdin")
                     ->check(not_empty())
                     ->type_name("FILE");
  command->add_option("-o,--out", &asked->out, "GGUF file to write")->check(not_empty())->type_name("FILE")->required();
  command->add_option("--merge", &asked->merged, "Add what an earlier file has of the same model; may be repeated")
      ->check(not_empty())
      ->type_name("FILE");
  add_windows(*command, asked->options);
  command->add_flag("--no-head", asked->no_head, "Leave out the matrix that gives the logits: faster");
  add_threads(*command, asked->load);
  command->add_flag("--json", asked->json, "One JSON object");
  add_machine(*command, asked->load);
  add_pre_tokenizer(*command, asked->load.pre);
  command->when_read([asked, model, text] {
    if (!text->is_given() && asked->merged.empty()) throw UsageError("expected --text, or files to --merge");
    if (text->is_given() && !model->is_given()) throw UsageError("a model (MODEL or -m FILE) is required");
    if (model->is_given() && !text->is_given()) throw UsageError("expected --text, which MODEL is to read");
    if (model->is_given()) name_mapped_file(asked->model);
  });
  command->footer(
      R"(The text is split into windows (an incomplete last one is left out), each evaluated on its own. For every matrix the
squares of each of its inputs are added up over all tokens. `ingot quantize --imatrix` weights errors by them. OUT is a
GGUF file as llama.cpp's imatrix tool writes it, and either program reads the other's. Some hundred windows of
text of the kind that the model will see are enough.

--json: {windows, context, texts, matrices: [{name, cols, counts}]}; context is 0 where files of several window sizes were
merged.

Examples:
  ingot imatrix model-f16.gguf --text book.txt -o model.imatrix.gguf
  ingot imatrix model-f16.gguf --text code.txt --merge model.imatrix.gguf -o both.imatrix.gguf
  ingot imatrix --merge one.gguf --merge two.gguf -o both.imatrix.gguf)");
  command->when_checked([asked, &chosen] { chosen = [asked] { return perform_imatrix(*asked); }; });
}

}  // namespace ingot::apps
