#include "sampling/chain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/finite.h"
#include "sampling/options.h"
#include "sampling/samplers.h"

namespace ingot::sampling {

namespace {
constexpr size_t max_apart = 64;  // tokens with a bias that are looked at apart from the others
}

Chain::Chain(const Tokens& tokens, SamplingOptions options)
    : options_(std::move(options)), vocab_(tokens.count), candidates_(tokens.count), penalties_(tokens.count) {
  check_options(options_, tokens.count);
  if (!options_.logit_bias.empty() || options_.ignore_end) bias_.resize(tokens.count);
  for (const TokenBias& b : options_.logit_bias) bias_[b.id] += b.bias;
  for (int32_t id = 0; id < tokens.count && options_.ignore_end; id++)
    if (tokens.is_eog(id)) bias_[id] = -INFINITY;
  for (int32_t id = 0; std::cmp_less(id, bias_.size()); id++)
    if (bias_[id] != 0) biased_.push_back(id);
  order(tokens);
  if (options_.mirostat == 2) mirostat_.emplace(options_.mirostat_ent, options_.mirostat_lr);
}

/// The sampler called `name`; empty where the options leave it off.
Chain::Stage Chain::stage(const std::string& name, const Tokens& tokens) {
  const SamplingOptions& o = options_;
  if (name == "penalties") {
    if (o.repeat_last_n == 0 || (o.repeat_penalty == 1 && o.presence_penalty == 0 && o.frequency_penalty == 0))
      return {};
    return [this](Candidates& c, auto text) { penalties_.apply(c, text, options_); };
  }
  if (name == "dry") {
    if (o.dry_multiplier == 0 || o.dry_penalty_last_n == 0) return {};
    if (!dry_) dry_.emplace(tokens.count, tokens.piece, o);
    return [this](Candidates& c, auto text) { dry_->apply(c, text, options_); };
  }
  if (name == "temperature") {
    if (o.temperature == 1 && o.dynatemp_range == 0) return {};
    return [this](Candidates& c, auto) {
      const SamplingOptions& o = options_;
      temperature(c, o.dynatemp_range > 0 ? dynamic_temperature(c, o.temperature, o.dynatemp_range, o.dynatemp_exponent)
                                          : o.temperature);
    };
  }
  if (name == "xtc") {
    if (o.xtc_probability == 0 || o.xtc_threshold > 0.5f) return {};  // two tokens cannot both hold more than half
    return [this](Candidates& c, auto) {
      if (uniform(options_.seed, 2 * position_ + 1) < options_.xtc_probability) xtc(c, options_.xtc_threshold);
    };
  }
  auto when = [](bool on, auto sampler, auto value) {
    return on ? Stage([=](Candidates& c, auto) { sampler(c, value); }) : Stage();
  };
  if (name == "top_n_sigma") return when(o.top_n_sigma > 0, top_n_sigma, o.top_n_sigma);
  if (name == "top_k") return when(o.top_k > 0, top_k, o.top_k);
  if (name == "typ_p") return when(o.typical_p < 1, typical, o.typical_p);
  if (name == "top_p") return when(o.top_p < 1, top_p, o.top_p);
  return when(o.min_p > 0, min_p, o.min_p);  // "min_p": check_options knows no other name
}

void Chain::order(const Tokens& tokens) {
  auto is = [](const std::string& name, std::initializer_list<const char*> names) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<bool> keeps_best;  // of each stage
  bool greedy = false;
  for (const std::string& name : options_.samplers) {
    Stage made = stage(name, tokens);
    if (!made || greedy) continue;
    if (options_.mirostat == 2 && !is(name, {"penalties", "dry", "temperature"})) continue;
    greedy = name == "temperature" && options_.temperature == 0 && options_.dynatemp_range == 0;
    // What only cuts away the improbable need not run when the best is taken anyway.
    while (greedy && !stages_.empty() && keeps_best.back()) stages_.pop_back(), keeps_best.pop_back();
    if (stages_.empty()) first_cut_ = greedy ? 1 : name == "top_k" ? static_cast<size_t>(options_.top_k) : 0;
    stages_.push_back(std::move(made));
    keeps_best.push_back(is(name, {"top_n_sigma", "top_k", "top_p", "min_p"}));
  }
}

void Chain::check(std::span<const float> logits, std::span<const int32_t> text,
                  std::span<const uint64_t> allowed) const {
  size_t words = (logits.size() + 63) / 64;
  if (logits.size() != vocab_)
    throw Error("sampling", "the number of logits differs from the vocabulary size", fmt::format("{}", logits.size()),
                fmt::format("{}", vocab_));
  if (!allowed.empty() && allowed.size() != words)
    throw Error("sampling", "the mask does not fit the vocabulary", fmt::format("{} words", allowed.size()),
                fmt::format("{}", words));
  for (int32_t t : text)
    if (t < 0 || static_cast<size_t>(t) >= vocab_)
      throw Error("sampling", "token is not in the vocabulary", fmt::format("{}", t),
                  fmt::format("0 … {}", vocab_ - 1));
  if (!all_finite(logits)) throw Error("sampling", "logits are not finite", "NaN or infinity", "finite logits");
}

void Chain::fill(std::span<const float> logits, std::span<const uint64_t> allowed) {
  if (allowed.empty() && first_cut_ > 0 && biased_.size() <= max_apart) return fill_best(logits);
  candidates_.clear();
  for (size_t first = 0; first < vocab_; first += 64) {
    uint64_t word = allowed.empty() ? ~uint64_t(0) : allowed[first / 64];
    size_t end = word ? std::min(first + 64, vocab_) : first;
    for (size_t i = first; i < end; i++) {
      float logit = bias_.empty() ? logits[i] : logits[i] + bias_[i];
      if (word >> i % 64 & 1 && logit > -INFINITY) candidates_.add(static_cast<int32_t>(i), logit);
    }
  }
}

/// The best of the tokens without a bias, those with one, and of all these the best.
void Chain::fill_best(std::span<const float> logits) {
  candidates_.add_best(logits, first_cut_ + biased_.size());
  if (biased_.empty()) return;
  candidates_.keep_if([&](size_t i) { return bias_[candidates_[i].id] == 0; });
  for (int32_t id : biased_)
    if (const float logit = logits[id] + bias_[id]; logit > -INFINITY) candidates_.add(id, logit);
  candidates_.change();
  candidates_.sort(first_cut_);
  candidates_.keep_first(first_cut_);
}

int32_t Chain::choose(std::span<const float> logits, std::span<const int32_t> text, std::span<const uint64_t> allowed) {
  check(logits, text, allowed);
  fill(logits, allowed);
  if (candidates_.size() == 0)
    throw Error("sampling", "no token can be chosen", "", "at least one token allowed by mask and bias");
  position_ = std::max<uint64_t>(position_, text.size());
  for (const Stage& stage : stages_) stage(candidates_, text);
  double chance = uniform(options_.seed, 2 * position_++);
  if (mirostat_) return mirostat_->choose(candidates_, chance);
  return candidates_[draw(candidates_, chance)].id;
}

}  // namespace ingot::sampling
