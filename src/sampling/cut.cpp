// The samplers that leave improbable candidates out and always keep the best: top-k, top-p, min-p, top-n-sigma.
#include <cmath>

#include "sampling/samplers.h"

namespace ingot::sampling {

void top_k(Candidates& c, int k) {
  c.sort(static_cast<size_t>(k));
  c.keep_first(static_cast<size_t>(k));
}

void top_p(Candidates& c, float p) {
  double total, kept = 0, max_logit = c.best().logit;
  c.weights(total);
  for (size_t i = 0, sorted = 0; i < c.size(); i++) {
    if (i == sorted) c.sort(sorted = 8 * sorted + 64);  // mostly a few hold nearly everything
    kept += std::exp(c[i].logit - max_logit);
    if (kept >= p * total) return c.keep_first(i + 1);
  }
}

void min_p(Candidates& c, float p) {
  double min_logit = c.best().logit + std::log(double(p));
  c.keep_if([&](size_t i) { return c[i].logit >= min_logit; });
}

void top_n_sigma(Candidates& c, float n) {
  double sum = 0, squares = 0;
  for (const Candidate& x : c.all()) sum += x.logit;
  double mean = sum / double(c.size());
  for (const Candidate& x : c.all()) squares += (x.logit - mean) * (x.logit - mean);
  double min_logit = c.best().logit - n * std::sqrt(squares / double(c.size()));
  c.keep_if([&](size_t i) { return c[i].logit >= min_logit; });
}

}  // namespace ingot::sampling
