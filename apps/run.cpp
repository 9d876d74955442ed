// ingot run: answers a prompt or continues a text, streamed as it is made, or as one JSON object at the end.
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <memory>

#include "answer_output.h"
#include "chat_prompt.h"
#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "interrupt.h"
#include "json_output.h"
#include "output.h"
#include "run_requests.h"
#include "sampling_flags.h"
#include "session_file.h"
#include "structure_flags.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int max_parallel = 4096;

struct Run {
  std::string model;
  std::optional<std::string> system;
  Prompt prompt;
  LoadOptions load;
  SamplingOptions sampling;
  GenerateOptions limits;
  Structure structure;
  std::string session_file;
  int logprobs = 0;
  int parallel = 0;
  bool raw = false, json = false;
};

/// Seconds spent in `work`.
template <typename Work> double seconds_of(Work&& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What `work` throws, or null.
template <typename Work> std::exception_ptr trouble_of(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (...) { return std::current_exception(); }
}

/// What one request made. Rates leave out everything but the model and the choice of a token.
struct Answer {
  std::vector<int32_t> prompt_tokens;
  Json tokens = Json::array();  // filled for --json only
  Generation made;
  double load_s = 0, prompt_s = 0;
  bool prompt_is_done = false;
  std::exception_ptr trouble;  // what has to wait until the session is saved, or the answer is out

  std::optional<double> prompt_rate() const {
    return prompt_is_done && prompt_s > 0 ? std::optional(double(prompt_tokens.size()) / prompt_s) : std::nullopt;
  }
};

/// Runs the prompt; false when Ctrl-C came first.
bool read_prompt(Session& session, Answer& a, const InterruptWatch& watch) {
  if (a.prompt_tokens.empty()) return true;  // what --session holds is continued
  session.set_stop([&watch] { return watch.noted(); });
  try {
    a.prompt_s = seconds_of([&] { session.append(a.prompt_tokens); });
  } catch (const Error&) {
    if (!watch.noted()) throw;
    return false;
  }
  session.set_stop({});
  return a.prompt_is_done = true;
}

/// Writes the answer; streamed unless it is JSON. Where stdout takes no more of it, it ends there, and `a` says why.
Generation write_on(const Run& run, Session& session, Sampler& sampler, Constraint* constraint,
                    const InterruptWatch& watch, Answer& a) {
  GenerateOptions options = run.limits;
  if (options.keep < 0) options.keep = session.size();
  options.interrupted = [&] { return watch.noted() || a.trouble; };
  if (constraint) options.allowed = [constraint] { return constraint->allowed(); };
  if (constraint || run.json)
    options.on_token = [&](int32_t id) {
      if (constraint) constraint->accept(id);
      if (run.json)
        a.tokens.push_back(token_json(session.model().tokenizer(), id, session.logprob(id), session.top(run.logprobs)));
    };
  if (!run.json)
    options.on_text = [&a](std::string_view text) {
      if (!a.trouble) a.trouble = trouble_of([&] { answer(text), flush_answer(); });
    };
  return generate(session, sampler, options);
}

/// The last token of an answer was chosen, but nothing asked what follows it: it is run now, to be there the next time.
void keep_session(SessionFile& file, Session& session, const Generation& made) {
  size_t missing = made.tokens.size() - static_cast<size_t>(made.steps);
  if (session.size() + static_cast<int>(missing) <= session.context())
    session.append(std::span(made.tokens).last(missing));
  file.save(session);
}

std::string summary(const Answer& a) {
  auto rate = [](std::optional<double> r) { return r ? fmt::format(" at {:.1f} tokens/s", *r) : std::string(); };
  auto tokens = [](size_t n) { return fmt::format("{} token{}", n, n == 1 ? "" : "s"); };
  return fmt::format("loaded in {:.2f} s; prompt: {}{}; answer: {}{}; {}", a.load_s, tokens(a.prompt_tokens.size()),
                     rate(a.prompt_rate()), tokens(a.made.tokens.size()), rate(decode_rate(a.made)),
                     reason_text(a.made));
}

/// The prompt as the model's chat template writes it; as it stands with --raw, where the model has no template, and
/// behind the text of a session file.
std::vector<int32_t> prompt_tokens(const Run& run, const Model& model, const Session& session,
                                   const std::string& prompt) {
  if (run.raw || session.size() > 0 || model.info().chat_template.empty())
    return model.tokenizer().encode(prompt, session.size() == 0, false);
  try {
    return model.tokenizer().encode(render_chat(model.chat_template(), one_turn(run.system, prompt)));
  } catch (const Error&) {
    note("The model's chat template cannot be used; --raw continues the text without a template.");
    throw;
  }
}

/// What --parallel does.
int perform_file(const Run& run) {
  RequestLine defaults;
  defaults.system = run.system, defaults.raw = run.raw;
  defaults.sampling = run.sampling, defaults.limits = run.limits, defaults.structure = run.structure,
  defaults.logprobs = run.logprobs;
  return perform_requests(
      {.model = run.model, .file = run.prompt.file, .load = run.load, .defaults = defaults, .parallel = run.parallel});
}

int perform_run(const Run& run) {
  SessionFile file(run.session_file);
  std::string prompt = file.holds_text() && !run.prompt.is_given() ? "" : run.prompt.read();
  const std::optional<Grammar> grammar = run.structure.read();
  Model model = load_model(run.model, run.load);
  Session session(model);
  Sampler sampler(model, run.sampling);
  file.load(session);
  Answer a;
  a.load_s = model.info().load_seconds;
  a.prompt_tokens = prompt_tokens(run, model, session, prompt);
  if (a.prompt_tokens.empty() && session.size() == 0)
    throw Error("run", "the prompt has no tokens", "", "some text: this model has no beginning-of-text token");
  std::optional<Constraint> constraint;
  if (grammar) constraint.emplace(*grammar, model.tokenizer());
  InterruptWatch watch;
  a.made.reason = StopReason::interrupted;
  if (read_prompt(session, a, watch)) {
    a.made = write_on(run, session, sampler, constraint ? &*constraint : nullptr, watch, a);
    std::exception_ptr unsaved =
        run.session_file.empty() ? nullptr : trouble_of([&] { keep_session(file, session, a.made); });
    if (a.trouble) std::rethrow_exception(unsaved ? unsaved : a.trouble);
    a.trouble = unsaved;
  }
  if (run.json) {
    const Timings timings{.load_seconds = a.load_s, .prompt_rate = a.prompt_rate(), .decode_rate = decode_rate(a.made)};
    answer_json(answer_object(a.prompt_tokens, std::move(a.tokens), a.made, timings));
  } else {
    if (!a.made.text.ends_with('\n')) answer("\n");
    flush_answer();
    note(Styled(Color::dim, summary(a)));
  }
  if (a.trouble) flush_answer(), std::rethrow_exception(a.trouble);
  return a.made.reason == StopReason::interrupted ? interrupted : success;
}

}  // namespace

void add_run(CommandLine& line, Action& chosen) {
  auto run = std::make_shared<Run>();
  Command* command = line.add_command("run", "Answer a prompt, or continue a text");
  add_model(*command, run->model);
  add_prompt(*command, run->prompt, "What the user says; with --raw, text to continue");
  command
      ->add_option("--session", &run->session_file,
                   "Continue the text saved in this file, if it exists, and save the longer text there")
      ->check(not_empty())
      ->type_name("FILE");
  add_context(*command, run->load);
  add_threads(*command, run->load);
  add_limits(*command, run->limits);
  add_sampling(*command, run->sampling);
  add_structure(*command, run->structure);
  Option* raw = command->add_flag("--raw", run->raw, "Continue the text as it is, without the model's chat template");
  command->add_option("--system", &run->system, "System message before the prompt")->type_name("TEXT")->excludes(raw);
  command->add_flag("--json", run->json, "One JSON object at the end, instead of text");
  command
      ->add_option("--parallel", &run->parallel,
                   "With --json: -f is a file of requests, N of which are answered at once")
      ->check(whole_number(1, max_parallel))
      ->type_name("N");
  command->add_option("--logprobs", &run->logprobs, "With --json: the K most probable tokens at each position")
      ->check(whole_number(0, max_logprobs))
      ->type_name("K");
  add_pre_tokenizer(*command, run->load.pre);
  add_machine(*command, run->load);
  add_strict(*command, run->load);
  command->footer(
      R"(A model with a chat template gets the prompt as one turn of a user (see ingot template); with --raw, or
without a template, the text is continued as it is.

The text is streamed to stdout, followed by a newline. Ctrl-C stops after the current token and keeps the text so far
(exit status 130); a second Ctrl-C ends the program immediately.

--json: {prompt_tokens: [id], tokens: [{id, text, logprob, top: [{id, text, logprob}]}], text, stop_reason, timings}.
  stop_reason: end, stop, length, context or interrupted. logprob: natural logarithm, before temperature and the like.
  The text of a single token may be part of a character, shown as U+FFFD; "text" is complete. The token that ends a
    text is left out.
  timings: load_s, prompt_tokens_per_s, decode_tokens_per_s; null where nothing was run.

--parallel: the file has one JSON object per line: {"prompt": TEXT} or {"messages": [{"role": …, "content": …}]}, with
  "system", "raw", "logprobs" and members named as the flags under "Choosing tokens", "Where to stop" and "What to
  write"; what a request leaves out is as on the command line. One object per request goes to stdout, in the file's
  order, in the form of --json. Each answer has the bits that the request would get alone. A request that fails
  becomes {"error": TEXT}, and the exit status is 1.

--json-schema, --grammar: only matching tokens are chosen, so the answer conforms unless -n or the context ends it
  early. Which parts of JSON schema can be enforced, and how the JSON is written: docs/structured-output.md.

--session: the prompt is appended to the saved text as it is. The file can only be used with the same model, --kv and,
  with a quantized KV cache, --isa; a damaged file, or one that another ingot is using, is refused. It contains the
  text: only you can read it.

Examples:
  ingot run model.gguf -p "Why is the sea blue?"
  ingot run model.gguf -f letter.txt --system "Summarize." --temp 0 > answer.txt
  ingot run model.gguf -p "Primes?" --json-schema '{"type": "array", "items": {"type": "integer"}, "maxItems": 3}'
  ingot run model.gguf -p "Is it so?" --grammar 'root ::= "yes" | "no"'
  echo -n "Dear" | ingot run model.gguf --raw -f - -n 20
  ingot run model.gguf -f requests.jsonl --parallel 16 --json > answers.jsonl
  ingot run model.gguf --raw -p "The sea is" -n 64 --session sea.session     and then, without evaluating that again:
  ingot run model.gguf --raw -p " At night" -n 64 --session sea.session
  ingot run model.gguf --raw -p "2 + 2 =" -n 1 --temp 0 --logprobs 5 --json)");
  command->when_checked([run, &chosen] {
    if (run->sampling.ignore_end && !(run->structure.grammar + run->structure.schema).empty())
      throw UsageError("--ignore-eos: with a grammar, the grammar decides where the text ends");
    if (run->logprobs > 0 && !run->json) throw UsageError("--logprobs: needs --json");
    if (run->parallel > 0 && (!run->json || run->prompt.file.empty() || !run->session_file.empty()))
      throw UsageError("--parallel: needs --json and -f FILE, and no --session");
    chosen = [run] { return run->parallel > 0 ? perform_file(*run) : perform_run(*run); };
  });
}

}  // namespace ingot::apps
