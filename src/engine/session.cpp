// A session: tokens go in, logits come out.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "container/session_file.h"
#include "engine/load.h"
#include "engine/logprobs.h"

namespace ingot {

struct Session::State {
  State(const Model& m, std::shared_ptr<Model::State> s)
      : door(m), model(std::move(s)), sequence(*model->memory, context()), logits(static_cast<size_t>(vocab())) {}
  Model door;
  std::shared_ptr<Model::State> model;
  engine::PagedSequence sequence;
  std::vector<float> logits;      // (vocab), after the last token
  std::vector<float> all_logits;  // (max_outputs, vocab) while all are requested
  bool has_logits = false;
  plan::Watch watch;

  int size() const { return sequence.size(); }
  int context() const { return model->plan.limits.context; }
  int vocab() const { return model->plan.vocab(); }
  plan::StateStore& states() const { return model->program->states(); }
  void check_token(int32_t id) const {
    if (id < 0 || id >= vocab())
      throw Error("engine", "token is not in the vocabulary", std::to_string(id), fmt::format("0 … {}", vocab() - 1));
  }
  /// Checks that `more` may follow the first `held` tokens.
  void check(std::span<const int32_t> more, int held, int chunk) const {
    if (chunk < 0) throw Error("engine", "chunk is negative", std::to_string(chunk), "0 or more tokens");
    for (int32_t id : more) check_token(id);
    if (std::cmp_greater(more.size(), context() - held))
      throw Error("engine", "context is full", fmt::format("{} tokens after {} held", more.size(), held),
                  fmt::format("at most {} in all", context()), "ask for a longer context or shorten the prompt");
  }
  void check_logits() const {
    if (!has_logits) throw Error("engine", "there are no logits yet", "", "at least one appended token");
  }
  void check_stop() const {
    if (watch.stop && watch.stop()) throw Error("engine", "stopped");
  }
  /// Runs the next tokens; `into` gets the logits of the last ones, as many as fit.
  void run(std::span<const int32_t> part, std::span<float> into) {
    check_stop();
    const int count = static_cast<int>(part.size());
    sequence.demand(count);
    const plan::Sequence next = sequence.next(count, static_cast<int>(into.size() / logits.size()));
    if (!model->program->run({part, {&next, 1}}, into, watch)) throw Error("engine", "stopped");
    sequence.check_finite(into, count);
    sequence.push(part);
  }
  /// Runs one token if the device chooses the next one; nullopt: it does not, and nothing was run.
  std::optional<int32_t> run_greedy(int32_t token) {
    check_stop();
    sequence.demand(1);
    const plan::Sequence next = sequence.next(1, 1);
    plan::Choice best;
    if (!model->program->choose({{&token, 1}, {&next, 1}}, {&best, 1})) return std::nullopt;
    sequence.check_chosen(best, 1);
    sequence.push({&token, 1});
    has_logits = false;
    return best.id;
  }
  /// Tokens of a chunk, where the plan takes at most `limit`.
  static size_t chunk_tokens(int chunk, int limit) {
    return static_cast<size_t>(chunk > 0 ? std::min(chunk, limit) : limit);
  }
};

Session::Session(const Model& model) : state_(std::make_unique<State>(model, model.state_)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::append(std::span<const int32_t> tokens, int chunk) {
  State& s = *state_;
  s.check(tokens, s.size(), chunk);
  const size_t step = State::chunk_tokens(chunk, s.model->plan.limits.max_rows);
  for (size_t i = 0; i < tokens.size(); i += step) {
    auto part = tokens.subspan(i, std::min(step, tokens.size() - i));
    bool last = i + part.size() == tokens.size();
    if (last) s.has_logits = false;  // until the run has succeeded
    s.run(part, last ? std::span<float>(s.logits) : std::span<float>());
    s.has_logits = last;
  }
}

std::optional<int32_t> Session::append_greedy(int32_t token) {
  State& s = *state_;
  s.check(std::span(&token, 1), s.size(), 0);
  std::optional<int32_t> best;
  if (s.watch.step_seconds.empty() && !s.watch.inputs) best = s.run_greedy(token);
  if (!best) append(std::span(&token, 1));
  return best;
}

void Session::append_all_logits(std::span<const int32_t> tokens,
                                const std::function<void(size_t, std::span<const float>)>& each, int chunk) {
  State& s = *state_;
  s.check(tokens, s.size(), chunk);
  const size_t vocab = s.logits.size(), step = State::chunk_tokens(chunk, s.model->plan.limits.max_outputs);
  s.all_logits.resize(std::min(step, tokens.size()) * vocab);
  if (tokens.empty()) return;
  s.has_logits = false;  // until the last token's are there, whatever `each` throws
  for (size_t i = 0; i < tokens.size(); i += step) {
    auto part = tokens.subspan(i, std::min(step, tokens.size() - i));
    std::span<float> logits(s.all_logits.data(), part.size() * vocab);
    s.run(part, logits);
    std::ranges::copy(logits.last(vocab), s.logits.begin());
    for (size_t k = 0; k < part.size(); k++) each(i + k, logits.subspan(k * vocab, vocab));
  }
  s.has_logits = true;
}

std::span<const float> Session::logits() const {
  state_->check_logits();
  return state_->logits;
}

std::vector<TokenLogprob> Session::top(int k) const {
  state_->check_logits();
  return engine::top(state_->logits, k);
}

float Session::logprob(int32_t id) const {
  state_->check_logits();
  state_->check_token(id);
  return log_softmax(state_->logits, id);
}

int Session::resume(std::span<const int32_t> tokens, int chunk) {
  State& s = *state_;
  s.check(tokens, 0, chunk);
  const int n = static_cast<int>(tokens.size()), same = s.sequence.common(tokens);
  if (same == n && same == s.size() && (s.has_logits || same == 0)) return same;
  const int kept = std::max(std::min(same, n - 1), 0);
  truncate(kept);
  append(tokens.subspan(static_cast<size_t>(kept)), chunk);
  return kept;
}

std::span<const int32_t> Session::tokens() const { return state_->sequence.tokens(); }
int Session::size() const { return state_->size(); }
int Session::context() const { return state_->context(); }
const Model& Session::model() const { return state_->door; }

void Session::truncate(int n) {
  State& s = *state_;
  if (n < 0 || n > s.size())
    throw Error("engine", "cannot keep that many tokens", std::to_string(n), fmt::format("0 … {}", s.size()));
  if (n < s.size()) s.has_logits = false;
  s.sequence.truncate(n);
}

void Session::save(const std::string& path, std::string_view note) const {
  const State& s = *state_;
  const std::span<const int32_t> tokens = s.sequence.tokens();
  const container::SavedSession saved{s.model->fingerprint(), s.states().layout(), std::string(note),
                                      std::vector(tokens.begin(), tokens.end())};
  const int positions = std::max(s.size() - 1, 0);
  const auto pages = s.sequence.pages().first(static_cast<size_t>(plan::pages_for(positions)));
  container::write_session(path, saved, s.states().saved_bytes(positions),
                           [&](const auto& to) { s.states().save(pages, positions, to); });
}

std::string Session::load(const std::string& path) {
  State& s = *state_;
  const uint64_t max_bytes = container::max_session_bytes(s.context(), s.states().saved_bytes(s.context()));
  const std::vector<std::byte> file = read_file(path, max_bytes);
  container::SavedSession saved = engine::naming(path, [&] {
    container::Bytes states;
    container::SavedSession saved = container::parse_session(file, states);
    if (saved.model != s.model->fingerprint())
      throw Error("engine", "the session belongs to another model", fmt::format("{:016x}", saved.model),
                  fmt::format("{:016x}", s.model->fingerprint()));
    if (saved.layout != s.states().layout())
      throw Error("engine", "the session's keys and values have another format", saved.layout, s.states().layout(),
                  "choose --kv and --isa as when it was saved");
    s.check(saved.tokens, 0, 0);
    const std::span<const int32_t> all(saved.tokens);
    s.sequence.restore(all.first(all.empty() ? 0 : all.size() - 1), states);
    return saved;
  });
  s.has_logits = false;
  append(std::span(saved.tokens).last(saved.tokens.empty() ? 0 : 1));
  return std::move(saved.note);
}

void Session::time_steps(std::span<double> seconds) {
  size_t steps = state_->model->plan.steps.size();
  if (!seconds.empty() && seconds.size() != steps)
    throw Error("engine", "times do not fit the plan", std::to_string(seconds.size()),
                fmt::format("{}, one for each step, or none", steps));
  state_->watch.step_seconds = seconds;
}

void Session::observe_inputs(std::function<void(const StepInputs&)> observe) {
  state_->watch.inputs = nullptr;
  if (observe)
    state_->watch.inputs = [observe = std::move(observe)](const plan::Inputs& in) {
      observe({in.step, in.cols, in.values});
    };
}

void Session::set_stop(std::function<bool()> stop) { state_->watch.stop = std::move(stop); }

}  // namespace ingot
