// ingot run: answers a prompt or continues a text, streamed as it is made, or as one JSON object at the end.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "chat_prompt.h"
#include "commands.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int max_logprobs = 100;

struct Run {
  std::string model, system;
  Prompt prompt;
  LoadOptions load;
  SamplingOptions sampling;
  int most_tokens = -1;  // -1: until the model ends or the context is full
  int logprobs = 0;
  bool raw = false, json = false;
};

/// Seconds spent in `work`.
template <typename Work>
double seconds_of(Work&& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What one request made. Rates leave out everything but the model and the choice of a token.
struct Answer {
  std::vector<int32_t> prompt_tokens;
  Json tokens = Json::array();  // filled for --json only
  std::string text;
  int n_tokens = 0, n_steps = 0;  // a step appends a token and makes the next one possible
  std::string stop_reason;
  double load_s = 0, prompt_s = 0, decode_s = 0;
  bool prompt_is_done = false;

  Json prompt_rate() const { return prompt_is_done && prompt_s > 0 ? Json(prompt_tokens.size() / prompt_s) : Json(); }
  Json decode_rate() const { return n_steps ? Json(n_steps / decode_s) : Json(); }
};

/// The token as JSON, with the probability that the model gave it. Its text alone may be half a character: U+FFFD.
Json token_json(const Session& session, const Tokenizer& tokenizer, int32_t id, int logprobs) {
  Json token = {{"id", id}, {"text", tokenizer.piece(id)}, {"logprob", as_written(session.logprob(id))}};
  if (logprobs > 0) {
    token["top"] = Json::array();
    for (const TokenLogprob& t : session.top(logprobs))
      token["top"].push_back({{"id", t.id}, {"text", tokenizer.piece(t.id)}, {"logprob", as_written(t.logprob)}});
  }
  return token;
}

void hand_out(const Run& run, const std::string& text, Answer& made) {
  made.text += text;
  if (run.json || text.empty()) return;
  answer(text);
  flush_answer();
}

/// Runs the prompt; false when Ctrl-C came first.
bool read_prompt(Session& session, Answer& made, const InterruptWatch& watch) {
  session.set_stop([&watch] { return watch.noted(); });
  try {
    made.prompt_s = seconds_of([&] { session.append(made.prompt_tokens); });
  } catch (const Error&) {
    if (!watch.noted()) throw;
    return false;
  }
  session.set_stop({});
  return made.prompt_is_done = true;
}

/// Chooses tokens until there is a reason to stop, and returns it. The token that ends a text is not part of the answer.
std::string write_on(const Run& run, const Model& model, Session& session, const InterruptWatch& watch, TextStream& stream, Answer& made) {
  const int context = session.context();
  for (;;) {
    if (made.n_tokens == run.most_tokens) return "length";
    if (watch.noted()) return "interrupted";
    int32_t id = -1;
    double choice_s = seconds_of([&] { id = session.sample(run.sampling); });
    if (model.tokenizer().is_end(id)) return "end";
    if (run.json) made.tokens.push_back(token_json(session, model.tokenizer(), id, run.logprobs));
    made.n_tokens++;
    hand_out(run, stream.push(id), made);
    if (made.n_tokens == run.most_tokens) return "length";  // nobody asks what follows the last token
    if (session.size() >= context) return "context";
    made.decode_s += choice_s + seconds_of([&] { session.append(std::span(&id, 1)); });
    made.n_steps++;
  }
}

std::string summary(const Answer& made) {
  auto rate = [](const Json& r) { return r.is_null() ? std::string() : fmt::format(" at {:.1f} tokens/s", r.get<double>()); };
  std::string why = made.stop_reason == "end"       ? "the text is complete"
                    : made.stop_reason == "context" ? "the context is full (-c)"
                    : made.stop_reason == "length"  ? "as many as asked for (-n)"
                                                    : "interrupted";
  auto tokens = [](size_t n) { return fmt::format("{} token{}", n, n == 1 ? "" : "s"); };
  return fmt::format("loaded in {:.2f} s; prompt: {}{}; answer: {}{}; {}", made.load_s, tokens(made.prompt_tokens.size()), rate(made.prompt_rate()),
                     tokens(made.n_tokens), rate(made.decode_rate()), why);
}

void answer_as_json(const Answer& made) {
  answer_json({{"prompt_tokens", made.prompt_tokens},
               {"tokens", made.tokens},
               {"text", made.text},
               {"stop_reason", made.stop_reason},
               {"timings", {{"load_s", made.load_s}, {"prompt_tokens_per_s", made.prompt_rate()}, {"decode_tokens_per_s", made.decode_rate()}}}});
}

/// The prompt as the model's chat template writes it; as it stands with --raw and where the model has no template.
std::vector<int32_t> prompt_tokens(const Run& run, const Model& model, const std::string& prompt) {
  if (run.raw || model.info().chat_template.empty()) return model.tokenizer().encode(prompt, true, false);
  try {
    return model.tokenizer().encode(render_chat(model.chat_template(), one_turn(run.system, prompt)));
  } catch (const Error&) {
    note("The model's chat template cannot be used; --raw continues the text without it.");
    throw;
  }
}

int perform_run(const Run& run) {
  std::string prompt = run.prompt.read();
  Model model = load_model(run.model, run.load);
  Answer made;
  made.load_s = model.info().load_seconds;
  made.prompt_tokens = prompt_tokens(run, model, prompt);
  if (made.prompt_tokens.empty()) throw Error("run", "the prompt holds no token", "", "some text: this model starts with no token of its own");
  InterruptWatch watch;
  Session session(model);
  TextStream stream(model.tokenizer());
  made.stop_reason = read_prompt(session, made, watch) ? write_on(run, model, session, watch, stream, made) : "interrupted";
  hand_out(run, stream.finish(), made);
  if (run.json) {
    answer_as_json(made);
  } else {
    if (!made.text.ends_with('\n')) answer("\n");
    flush_answer();
    note(colored(Stream::notes, Color::dim, summary(made)));
  }
  return made.stop_reason == "interrupted" ? interrupted : success;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto run = std::make_shared<Run>();
  CLI::App* command = app.add_subcommand("run", "Answer a prompt, or continue a text");
  add_model(*command, run->model);
  add_prompt(*command, run->prompt, "What the user says; with --raw, text to continue");
  command->add_option("-n,--predict", run->most_tokens, "Most tokens to write; -1: until the model ends its text or the context is full (default -1)")
      ->check(whole_number(-1, max_int))
      ->type_name("N");
  add_context(*command, run->load);
  add_threads(*command, run->load);
  SamplingOptions& s = run->sampling;
  const double largest = std::numeric_limits<float>::max();
  command->add_option("--temp", s.temperature, "Temperature; 0 always takes the most probable token")->check(real_number(0, largest))->type_name("X")->capture_default_str();
  command->add_option("--top-k", s.top_k, "Choose among the K most probable tokens; 0: off")->check(whole_number(0, max_int))->type_name("K")->capture_default_str();
  command->add_option("--top-p", s.top_p, "Choose among the fewest tokens that hold P of the probability; 1: off")->check(real_number(0, 1, true))->type_name("P")->capture_default_str();
  command->add_option("--min-p", s.min_p, "Leave out tokens below P times the most probable one; 0: off")->check(real_number(0, 1))->type_name("P")->capture_default_str();
  command->add_option("--seed", s.seed, "Same seed, same request: same text")->check(whole_number(0, std::numeric_limits<int64_t>::max()))->type_name("N")->capture_default_str();
  CLI::Option* raw = command->add_flag("--raw", run->raw, "Continue the text as it stands, without the model's chat template");
  command->add_option("--system", run->system, "System message before the prompt")->type_name("TEXT")->excludes(raw);
  command->add_flag("--json", run->json, "One JSON object at the end, instead of text");
  command->add_option("--logprobs", run->logprobs, "With --json: the K most probable tokens at each place")->check(whole_number(0, max_logprobs))->type_name("K");
  add_machine(*command, run->load);
  add_strict(*command, run->load);
  command->footer(R"(A model with a chat template gets the prompt as one turn of a user (ingot template shows how); --raw and models without one continue
the text as it stands.

The text goes to stdout as it is made, with a line end after it. Ctrl-C stops after the current token and keeps what is there
(exit status 130); a second one ends at once.

--json: {prompt_tokens: [id], tokens: [{id, text, logprob, top: [{id, text, logprob}]}], text, stop_reason, timings}.
  stop_reason: end, length, context or interrupted. logprob: natural logarithm, before temperature and the like.
  The text of one token may be half a character, shown as U+FFFD; "text" is whole. The token that ends a text is left out.
  timings: load_s, prompt_tokens_per_s, decode_tokens_per_s; null where nothing was run.

Examples:
  ingot run model.gguf -p "Why is the sea blue?"
  ingot run model.gguf -f letter.txt --system "Summarize." --temp 0 > answer.txt
  echo -n "Dear" | ingot run model.gguf --raw -f - -n 20
  ingot run model.gguf --raw -p "2 + 2 =" -n 1 --temp 0 --logprobs 5 --json)");
  command->callback([run, &chosen] {
    if (run->logprobs > 0 && !run->json) throw CLI::ValidationError("--logprobs", "needs --json");
    chosen = [run] { return perform_run(*run); };
  });
}

}  // namespace ingot::apps
