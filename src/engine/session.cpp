// A session: tokens go in, logits come out.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/files.h"
#include "container/session_file.h"
#include "engine/load.h"
#include "engine/logprobs.h"

namespace ingot {

struct Session::State {
  State(const Model& m, std::shared_ptr<Model::State> s)
      : door(m), model(std::move(s)), cache(model->program->make_cache()), logits(model->plan.vocab) {
    tokens.reserve(model->plan.context);  // so that decoding allocates nothing
  }
  Model door;
  std::shared_ptr<Model::State> model;
  std::unique_ptr<plan::Cache> cache;
  std::vector<float> logits;      // (vocab), after the last token
  std::vector<float> all_logits;  // (max_head_batch, vocab) while all are asked for
  std::vector<int32_t> tokens;
  bool has_logits = false;
  plan::Watch watch;

  int size() const { return narrow<int>(tokens.size(), "engine", "the number of tokens"); }
  /// May `more` follow the first `held` tokens?
  void check(std::span<const int32_t> more, int held, int chunk) const {
    const plan::Plan& plan = model->plan;
    if (chunk < 0) throw Error("engine", "chunk is negative", std::to_string(chunk), "0 or more tokens");
    for (int32_t t : more)
      if (t < 0 || t >= plan.vocab) throw Error("engine", "token is not in the vocabulary", std::to_string(t), fmt::format("0 … {}", plan.vocab - 1));
    if (static_cast<int64_t>(more.size()) > plan.context - held)
      throw Error("engine", "context is full", fmt::format("{} tokens after {} held", more.size(), held), fmt::format("at most {} in all", plan.context), "ask for a longer context or shorten the prompt");
  }
  void check_logits() const {
    if (!has_logits) throw Error("engine", "there are no logits yet", "", "at least one appended token");
  }
  void check_stop() const {
    if (watch.stop && watch.stop()) throw Error("engine", "stopped");
  }
  /// Runs the next tokens; `into` gets the logits of the last ones, as many as it has room for.
  void run(std::span<const int32_t> part, std::span<float> into) {
    check_stop();
    if (!model->program->run(*cache, part, size(), into, watch)) throw Error("engine", "stopped");
    tokens.insert(tokens.end(), part.begin(), part.end());
  }
};

Session::Session(const Model& model) : state_(std::make_unique<State>(model, model.state_)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::append(std::span<const int32_t> tokens, int chunk) {
  State& s = *state_;
  s.check(tokens, s.size(), chunk);
  size_t step = static_cast<size_t>(s.model->plan.max_batch);
  if (chunk > 0) step = std::min(step, static_cast<size_t>(chunk));
  for (size_t i = 0; i < tokens.size(); i += step) {
    auto part = tokens.subspan(i, std::min(step, tokens.size() - i));
    bool last = i + part.size() == tokens.size();
    if (last) s.has_logits = false;  // until the run has succeeded
    s.run(part, last ? std::span<float>(s.logits) : std::span<float>());
    s.has_logits = last;
  }
}

std::optional<int32_t> Session::append_for_best(int32_t token) {
  State& s = *state_;
  s.check(std::span(&token, 1), s.size(), 0);
  s.check_stop();
  std::optional<int32_t> best;
  if (s.watch.step_seconds.empty()) best = s.model->program->best(*s.cache, token, s.size());
  if (!best) return append(std::span(&token, 1)), std::nullopt;
  s.tokens.push_back(token);
  s.has_logits = false;
  return best;
}

void Session::append_all_logits(std::span<const int32_t> tokens, const std::function<void(size_t, std::span<const float>)>& each, int chunk) {
  State& s = *state_;
  s.check(tokens, s.size(), chunk);
  size_t vocab = s.logits.size(), step = std::min(plan::max_head_batch, s.model->plan.max_batch);
  if (chunk > 0) step = std::min(step, static_cast<size_t>(chunk));
  s.all_logits.resize(step * vocab);
  if (tokens.empty()) return;
  s.has_logits = false;  // until the last token's are in place, whatever `each` throws
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
  if (id < 0 || id >= state_->model->plan.vocab) throw Error("engine", "token is not in the vocabulary", std::to_string(id), fmt::format("0 … {}", state_->model->plan.vocab - 1));
  return log_softmax(state_->logits, id);
}

int Session::resume(std::span<const int32_t> tokens, int chunk) {
  State& s = *state_;
  s.check(tokens, 0, chunk);
  size_t same = std::ranges::mismatch(tokens, s.tokens).in1 - tokens.begin();
  if (same == tokens.size() && same == s.tokens.size() && (s.has_logits || same == 0)) return narrow<int>(same);
  size_t kept = tokens.empty() ? 0 : std::min(same, tokens.size() - 1);
  truncate(narrow<int>(kept));
  append(tokens.subspan(kept), chunk);
  return narrow<int>(kept);
}

std::span<const int32_t> Session::tokens() const { return state_->tokens; }
int Session::size() const { return state_->size(); }
int Session::context() const { return state_->model->plan.context; }
const Model& Session::model() const { return state_->door; }

void Session::truncate(int n) {
  State& s = *state_;
  if (n < 0 || n > s.size()) throw Error("engine", "cannot keep that many tokens", std::to_string(n), fmt::format("0 … {}", s.size()));
  if (n < s.size()) s.has_logits = false;
  s.tokens.resize(n);
}

void Session::save(const std::string& path, std::string_view note) const {
  const State& s = *state_;
  container::SavedSession saved{s.model->fingerprint(), s.cache->layout(), std::string(note), s.tokens};
  int positions = std::max(s.size() - 1, 0);
  container::write_session(path, saved, s.cache->bytes(positions), [&](const auto& to) { s.cache->save(positions, to); });
}

std::string Session::load(const std::string& path) {
  State& s = *state_;
  const std::vector<std::byte> file = read_file(path, container::most_session_bytes(s.model->plan.context, s.cache->bytes(s.model->plan.context)));
  container::SavedSession saved = engine::naming(path, [&] {
    container::Bytes cache;
    container::SavedSession saved = container::parse_session(file, cache);
    if (saved.model != s.model->fingerprint())
      throw Error("engine", "the session belongs to another model", fmt::format("{:016x}", saved.model), fmt::format("{:016x}", s.model->fingerprint()));
    if (saved.layout != s.cache->layout())
      throw Error("engine", "the session's keys and values are kept differently", saved.layout, s.cache->layout(), "choose --kv and --isa as when it was saved");
    s.check(saved.tokens, 0, 0);
    s.cache->restore(std::max(narrow<int>(saved.tokens.size(), "engine", "the number of tokens") - 1, 0), cache);  // refuses another size before it changes anything
    return saved;
  });
  const size_t positions = saved.tokens.empty() ? 0 : saved.tokens.size() - 1;
  truncate(0);
  s.tokens.assign(saved.tokens.begin(), saved.tokens.begin() + static_cast<int64_t>(positions));
  append(std::span(saved.tokens).subspan(positions));
  return std::move(saved.note);
}

void Session::time_steps(std::span<double> seconds) {
  size_t steps = state_->model->plan.steps.size();
  if (!seconds.empty() && seconds.size() != steps) throw Error("engine", "times do not fit the plan", std::to_string(seconds.size()), fmt::format("{}, one for each step, or none", steps));
  state_->watch.step_seconds = seconds;
}

void Session::set_stop(std::function<bool()> stop) { state_->watch.stop = std::move(stop); }

}  // namespace ingot
