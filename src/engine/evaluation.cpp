// Perplexity and divergence of the public API. A text is evaluated window by window; both models process the scored
// half of a window in slices, whose logits are compared at once and dropped: only one number per scored token is kept.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <vector>

#include "engine/softmax.h"
#include "engine/windows.h"
#include "ingot/ingot.h"

namespace ingot {
namespace {

constexpr size_t slice_tokens = 32;  // whose logits are in memory at once

/// Mean of numbers, and its standard error.
struct Mean {
  int64_t n = 0;
  double sum = 0, squares = 0;
  void add(double x) { n++, sum += x, squares += x * x; }
  double value() const { return n ? sum / count() : 0; }
  double error() const {
    return n > 1 ? std::sqrt(std::max(0.0, squares / count() - value() * value()) / (count() - 1)) : 0;
  }
  double count() const { return static_cast<double>(n); }
};

double quantile(const std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  double at = share * static_cast<double>(sorted.size() - 1);
  size_t below = static_cast<size_t>(at), above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (double(sorted[above]) - sorted[below]);
}

constexpr double band_borders[] = {0, 0.5, 0.9, 1};
constexpr size_t bands = std::size(band_borders) - 1;

/// The statistics of the tokens scored so far.
struct Scores {
  Mean nll, base_nll, nll_difference, divergence, same_top;
  std::vector<float> divergences;  // one per scored token
  Mean band_divergence[bands], band_same_top[bands];

  void add(std::span<const float> logits, int32_t next) { nll.add(-engine::softmax(logits).logprob(logits[next])); }

  void add(std::span<const float> logits, std::span<const float> base, int32_t next) {
    engine::Softmax own = engine::softmax(logits), other = engine::softmax(base);
    double own_nll = -own.logprob(logits[next]), other_nll = -other.logprob(base[next]);
    nll.add(own_nll);
    base_nll.add(other_nll);
    nll_difference.add(own_nll - other_nll);
    same_top.add(own.best == other.best);
    double d = engine::divergence(base, other, logits, own);
    divergence.add(d);
    divergences.push_back(static_cast<float>(d));
    size_t band = bands - 1;
    for (const double best = 1 / other.total; band > 0 && best < band_borders[band];) band--;
    band_divergence[band].add(d), band_same_top[band].add(own.best == other.best);
  }

  Divergence against() {
    std::ranges::sort(divergences);
    Divergence d;
    d.base_perplexity = std::exp(base_nll.value());
    d.base_perplexity_error = d.base_perplexity * base_nll.error();
    d.log_ratio = nll_difference.value(), d.log_ratio_error = nll_difference.error();
    d.mean = divergence.value(), d.mean_error = divergence.error();
    d.median = quantile(divergences, 0.5), d.p90 = quantile(divergences, 0.9), d.p99 = quantile(divergences, 0.99);
    d.p999 = quantile(divergences, 0.999), d.max = quantile(divergences, 1);
    d.same_top = same_top.value(), d.same_top_error = same_top.error();
    for (size_t b = 0; b < bands; b++)
      d.by_confidence.push_back({band_borders[b], band_borders[b + 1], band_divergence[b].n, band_divergence[b].value(),
                                 band_divergence[b].error(), band_same_top[b].value()});
    return d;
  }
};

/// Two models can be compared if every text has the same ids in both.
void check_same_vocabulary(const Model& model, const engine::Windows& windows, const Model& base,
                           std::string_view text) {
  if (base.info().vocab != model.info().vocab)
    throw Error("evaluate", "the models have different vocabularies",
                fmt::format("{} and {} tokens", model.info().vocab, base.info().vocab),
                "two models with the same vocabulary");
  if (base.tokenizer().encode(text) != windows.ids || base.tokenizer().encode("") != windows.first)
    throw Error("evaluate", "the models have different vocabularies", "other token ids for the same text",
                "two models with the same vocabulary");
}

/// The model and its base, if any, run over a text in step.
class Pair {
 public:
  Pair(const Model& model, const Model* base) : vocab_(model.info().vocab), session_(model) {
    if (!base) return;
    base_.emplace(*base);
    base_logits_.resize(slice_tokens * vocab_);
  }

  /// Adds the scores of one window. `progress`: called with 0…1.
  void score(std::span<const int32_t> tokens, Scores& scores, const std::function<void(double)>& progress) {
    const size_t half = tokens.size() / 2, last = tokens.size() - 1;  // nothing follows the last token
    start(session_, tokens.first(half));
    if (base_) start(*base_, tokens.first(half));
    for (size_t at = half; at < last; at += slice_tokens) {
      auto slice = tokens.subspan(at, std::min(slice_tokens, last - at));
      if (base_)
        base_->append_all_logits(
            slice, [&](size_t i, std::span<const float> logits) { std::ranges::copy(logits, base_logits(i).begin()); });
      session_.append_all_logits(slice, [&](size_t i, std::span<const float> logits) {
        int32_t next = tokens[at + i + 1];
        if (base_)
          scores.add(logits, base_logits(i), next);
        else
          scores.add(logits, next);
      });
      if (progress) progress(double(at + slice.size()) / double(last));
    }
  }

 private:
  static void start(Session& session, std::span<const int32_t> tokens) {
    session.truncate(0);
    session.append(tokens);
  }
  std::span<float> base_logits(size_t i) { return std::span(base_logits_).subspan(i * vocab_, vocab_); }

  size_t vocab_;
  Session session_;
  std::optional<Session> base_;
  std::vector<float> base_logits_;  // (slice_tokens, vocab)
};

}  // namespace

Evaluation evaluate(const Model& model, std::string_view text, const EvaluateOptions& options, const Model* base) {
  engine::check_windows(options, model);
  engine::Windows windows(model, text, options);
  if (base) {
    engine::check_windows(options, *base);
    check_same_vocabulary(model, windows, *base, text);
  }
  Pair pair(model, base);
  Scores scores;
  Evaluation result;
  result.context = options.context;
  auto start = std::chrono::steady_clock::now();
  for (; result.windows < windows.count; result.windows++) {
    if (result.windows > 0 && options.stop && options.stop()) break;
    pair.score(windows[result.windows], scores, [&](double done) {
      if (options.progress) options.progress((double(result.windows) + done) / double(windows.count));
    });
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.scored = scores.nll.n;
  result.nll = scores.nll.value();
  result.perplexity = std::exp(result.nll);
  result.perplexity_error = result.perplexity * scores.nll.error();
  if (base) result.against = scores.against();
  return result;
}

}  // namespace ingot
