// ingot eval: how well a model predicts a text, and how far it is from a base model.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "command_line.h"
#include "commands.h"
#include "evaluation_output.h"
#include "files.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct Eval {
  std::string model, base, file;
  LoadOptions load;
  EvaluateOptions options;
  Option* against = nullptr;
  bool json = false;
};

double tokens_per_s(const Evaluation& e) { return double(e.windows) * e.context / e.seconds; }

std::string report(const Evaluation& e) {
  std::string text = fmt::format("perplexity         {:.4f} ± {:.4f}\n", e.perplexity, e.perplexity_error);
  if (e.against) {
    const Divergence& d = *e.against;
    text += fmt::format("of the base        {:.4f} ± {:.4f}\n", d.base_perplexity, d.base_perplexity_error);
    text += fmt::format("ln of their ratio  {:.6f} ± {:.6f}\n", d.log_ratio, d.log_ratio_error);
    text += fmt::format("KL divergence      {:.6f} ± {:.6f} nat\n", d.mean, d.mean_error);
    text += fmt::format("  median {:.6f}   90 % {:.6f}   99 % {:.6f}   99.9 % {:.6f}   max {:.6f}\n", d.median, d.p90,
                        d.p99, d.p999, d.max);
    for (const ConfidenceBand& b : d.by_confidence)
      if (b.tokens > 0)
        text += fmt::format("  base's best has {:<12} {:.6f} ± {:.6f} nat, {} tokens\n", band_text(b), b.mean,
                            b.mean_error, b.tokens);
    text += fmt::format("same top token     {} ± {}\n", share_text(d.same_top), share_text(d.same_top_error));
  }
  return text;
}

Json to_json(const Evaluation& e, bool interrupted) {
  Json json = {{"perplexity", e.perplexity},
               {"perplexity_error", e.perplexity_error},
               {"nll", e.nll},
               {"context", e.context},
               {"windows", e.windows},
               {"scored_tokens", e.scored},
               {"interrupted", interrupted},
               {"tokens_per_s", tokens_per_s(e)}};
  if (e.against) json.add("against", apps::to_json(*e.against));
  return json;
}

int perform_eval(const Eval& eval) {
  std::string text = read_text(eval.file);
  LoadOptions load = eval.load;
  load.context = eval.options.context;
  Model model = load_model(eval.model, load);
  std::optional<Model> base;
  if (eval.against->is_given()) name_mapped_file(eval.base), base = load_model(eval.base, load);
  InterruptWatch watch;
  bool stopped = false;
  Evaluation made;
  {
    ProgressBar bar("evaluating");
    EvaluateOptions options = eval.options;
    options.progress = [&bar](double done) { bar.show(done); };
    options.stop = [&] { return stopped = watch.noted(); };
    made = evaluate(model, text, options, base ? &*base : nullptr);
  }
  if (eval.json) {
    answer_json(to_json(made, stopped));
  } else {
    answer(report(made));
    flush_answer();
    note(Styled(Color::dim, fmt::format("{} of {} tokens each, {} tokens scored; {:.0f} tokens/s{}",
                                        count_text(made.windows, "window"), made.context, made.scored,
                                        tokens_per_s(made), stopped ? "; interrupted" : "")));
  }
  return stopped ? interrupted : success;
}

}  // namespace

void add_eval(CommandLine& line, Action& chosen) {
  auto eval = std::make_shared<Eval>();
  Command* command = line.add_command("eval", "Measure how well a model predicts a text (perplexity)");
  add_model(*command, eval->model);
  command->add_option("--text,-f,--file", &eval->file, "Text to predict, read byte for byte; -: stdin")
      ->check(not_empty())
      ->type_name("FILE")
      ->required();
  eval->against = command->add_option("--against", &eval->base, "Base model to compare with, token by token")
                      ->check(not_empty())
                      ->type_name("BASE");
  add_windows(*command, eval->options);
  add_threads(*command, eval->load);
  command->add_flag("--json", eval->json, "One JSON object");
  add_machine(*command, eval->load);
  add_pre_tokenizer(*command, eval->load.pre);
  add_strict(*command, eval->load);
  command->footer(
      R"(Perplexity is e to the power of the mean negative log-likelihood per token. The text is split into windows (an
incomplete last one is left out), each evaluated on its own; the second half of each window is scored. If the
model begins texts with a token of its own, so does each window. This is llama.cpp's definition, so results can
be compared. ± is one standard error.

--against: both models evaluate the same text. KL divergence: of the model's next-token distribution from that
of the base, in nats, over the scored tokens. Both models need the same vocabulary.

A bar shows progress and the remaining time. Ctrl-C stops after the current window and reports what was
evaluated (exit status 130).

--json: {perplexity, perplexity_error, nll, context, windows, scored_tokens, interrupted, tokens_per_s}, with
--against also against: {perplexity, perplexity_error, log_ratio, log_ratio_error, kl: {mean, mean_error,
median, p90, p99, p99_9, max}, same_top, same_top_error, by_confidence: [{from, to, tokens, kl_mean, kl_mean_error,
same_top}]}; log_ratio: ln of the ratio of the two perplexities; same_top: share of tokens with the same most probable
next token; by_confidence: where the probability of the base's most probable token is from `from` to `to`.

Examples:
  ingot eval model.gguf --text book.txt
  ingot eval model-q4.gguf --text book.txt --against model-f16.gguf --json
  ingot eval model.gguf --text book.txt --ctx 2048 --windows 20)");
  command->when_checked([eval, &chosen] { chosen = [eval] { return perform_eval(*eval); }; });
}

}  // namespace ingot::apps
