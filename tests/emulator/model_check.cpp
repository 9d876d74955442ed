// A whole model by another device, emulated or real, beside the processor: the processor's greedy answer is run by
// both, token after token.
//   model_check DEVICE MODEL TOKENS DIVERGENCE PROMPT [KV]     divergence of the distributions, in nats, at most; both
//                                                              keep keys and values in the format KV
// A token agrees when both choose it, or when the processor's choice leads by less than a last-bit difference can turn
// (decision 0009: activations are int8, so two honest runs differ). Leaves with 77 where the model is missing, with 1
// where they disagree.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "ingot/ingot.h"
#include "support/models.h"

namespace ingot {
namespace {

constexpr double small_lead = 0.05;  // nats

std::vector<double> log_probabilities(std::span<const float> logits) {
  double max = *std::ranges::max_element(logits), total = 0;
  for (float x : logits) total += std::exp(x - max);
  std::vector<double> all(logits.begin(), logits.end());
  for (double& x : all) x -= max + std::log(total);
  return all;
}

double divergence(std::span<const double> from, std::span<const double> to) {
  double sum = 0;
  for (size_t i = 0; i < from.size(); i++) sum += std::exp(from[i]) * (from[i] - to[i]);
  return sum;
}

Model load(const std::string& path, const char* device, const char* kv) {
  LoadOptions options;
  options.device = device, options.context = 256, options.kv = kv;
  return Model::load(path, options);
}

std::string description_of(const std::string& device) {
  for (const DeviceInfo& info : devices())
    if (info.name == device) return info.description;
  return "";
}

int check(const char* device, const std::string& path, int tokens, double max, const char* prompt, const char* kv) {
  Model exact = load(path, "cpu", kv), other = load(path, device, kv);
  Session a(exact), b(other);
  std::vector<int32_t> ids = exact.tokenizer().encode(prompt);
  size_t prompt_tokens = ids.size();
  double sum = 0;
  int faults = 0;
  std::vector<int32_t> own_choices;  // of the device, by its logits
  for (int t = 0; t < tokens; t++) {
    a.append(ids), b.append(ids);
    std::vector<double> p = log_probabilities(a.logits()), q = log_probabilities(b.logits());
    int32_t chosen = a.top(1)[0].id, others = b.top(1)[0].id;
    double lead = a.top(2)[0].logprob - a.top(2)[1].logprob, kl = divergence(p, q);
    bool agrees = chosen == others || lead < small_lead;
    sum += kl, faults += !agrees;
    std::printf("%stoken %d: %s %d, %s %d; lead %.3f, divergence %.2e\n", agrees ? "" : "FAILED: ", t + 1, "cpu",
                chosen, device, others, lead, kl);
    std::fflush(stdout);
    ids = {chosen};
    own_choices.push_back(others);
  }
  // Once more, the device choosing by itself.
  Session c(other);
  c.append(exact.tokenizer().encode(prompt));
  for (int t = 0; t + 1 < tokens; t++) {
    std::optional<int32_t> best = c.append_greedy(a.tokens()[prompt_tokens + t]);
    if (best == own_choices[t + 1]) continue;
    std::printf("FAILED: token %d: %s chooses %d by itself, and %d by its logits\n", t + 2, device, best.value_or(-1),
                own_choices[t + 1]);
    faults++;
  }
  double mean = sum / tokens;
  std::printf("%s (%s) beside cpu: mean divergence %.2e nats over %d tokens behind %zu\n", device,
              description_of(device).c_str(), mean, tokens, prompt_tokens);
  if (!(mean <= max)) std::printf("FAILED: it may be %.2e\n", max), faults++;
  return faults ? 1 : 0;
}

}  // namespace
}  // namespace ingot

int main(int argc, char** argv) {
  int tokens = argc == 6 || argc == 7 ? std::atoi(argv[3]) : 0;
  if (tokens < 1) return std::fprintf(stderr, "model_check DEVICE MODEL TOKENS DIVERGENCE PROMPT [KV]\n"), 2;
  std::optional<std::string> path = ingot::tests::model_path(argv[2]);
  if (!path)
    return std::printf(
               "SKIPPED: %s is not in %s/models; tools/fetch_model.sh or tools/goldens/make_models.py puts it there\n",
               argv[2], ingot::tests::cache_folder().c_str()),
           77;
  try {
    return ingot::check(argv[1], *path, tokens, std::atof(argv[4]), argv[5], argc == 7 ? argv[6] : "");
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
}
