// Verdicts as JSON and as tables of text.
#include "judgement.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluation_output.h"
#include "table.h"

namespace ingot::apps {
namespace {

constexpr double mega = 1e6;

Json to_json(const Rates& r) {
  if (r.median <= 0) return {};  // not measured
  return {{"median", r.median}, {"min", r.min}, {"max", r.max}};
}

Json to_json(const Speeds& s) {
  return {{"prompt_tokens_per_s", to_json(s.prompt)},
          {"answer_tokens_per_s", to_json(s.answer)},
          {"weight_bytes_per_token", s.weight_bytes_per_token},
          {"read_bandwidth_gb_per_s", s.measured() ? Json(s.read_bandwidth / 1e9) : Json()},
          {"share_of_bandwidth", s.measured() ? Json(s.share()) : Json()}};
}

Json to_json(const std::map<std::string, int>& formats) {
  Json json = Json(std::initializer_list<Json::Member>{});
  for (const auto& [name, n] : formats) json.add(name, n);
  return json;
}

Json to_json(const Verdict& v) {
  Json kinds = Json::array(), layers = Json::array();
  for (const KindErrors& k : v.kinds)
    kinds.push_back({{"kind", k.kind},
                     {"tensors", k.tensors},
                     {"formats", to_json(k.formats)},
                     {"bits", k.bits},
                     {"error", k.error},
                     {"weighted_error", k.weighted}});
  for (const auto& [layer, error] : v.layers)
    layers.push_back({{"layer", layer}, {"error", error.error}, {"weighted_error", error.weighted}});
  const Evaluation& e = v.evaluation;
  return {{"name", v.name},
          {"bits_per_weight", v.bits},
          {"bits_of_matrices", v.matrix_bits},
          {"file_bytes", v.file_bytes},
          {"memory_bytes", v.memory_bytes},
          {"formats", to_json(v.formats)},
          {"matrices", v.matrices},
          {"matrices_with_importance", v.with_importance},
          {"error", v.error},
          {"weighted_error", v.weighted},
          {"kinds", kinds},
          {"layers", layers},
          {"perplexity", e.perplexity},
          {"perplexity_error", e.perplexity_error},
          {"against", e.against ? apps::to_json(*e.against) : Json()},
          {"encode_weights_per_s", v.encode_weights_per_s},
          {"speed", to_json(v.speeds)},
          {"on_front", v.on_front}};
}

std::string rate_text(double x) { return x <= 0 ? "" : fmt::format("{:.{}f}", x, x < 100 ? 1 : 0); }

}  // namespace

void mark_front(std::vector<Verdict>& verdicts) {
  auto kl = [](const Verdict& v) { return v.evaluation.against->mean; };
  for (Verdict& v : verdicts)
    v.on_front = std::ranges::none_of(verdicts, [&](const Verdict& other) {
      const bool no_worse = other.bits <= v.bits && kl(other) <= kl(v);
      return no_worse && (other.bits < v.bits || kl(other) < kl(v));
    });
}

std::string quantized_text(const Judgement& j) {
  if (j.quantized.empty()) return "";
  int tensors = 0;
  for (const auto& [name, n] : j.quantized) tensors += n;
  return fmt::format(
      "The reference itself is quantized ({} matrices: {}). Errors and divergences are measured from it, not from the "
      "weights that it was made of; a format that it is in looks better than it is.",
      tensors, formats_text(j.quantized));
}

std::string noise_text(const Judgement& j) {
  if (j.noise.empty()) return "";
  return "The reference's KL is its noise floor: itself with keys and values in " + j.noise + ". ";
}

std::string weighted_text(const Verdict& v) {
  if (!v.weighted) return "";
  const bool all = v.with_importance == v.matrices;
  return percent_text(*v.weighted) + (all ? "" : fmt::format(" ({} of {})", v.with_importance, v.matrices));
}

Json to_json(const Judgement& j) {
  Json verdicts = Json::array(), failures = Json::array();
  for (const Failure& f : j.failures) failures.push_back({{"name", f.name}, {"error", f.message}});
  for (const Verdict& v : j.verdicts) verdicts.push_back(to_json(v));
  const Evaluation& e = j.evaluation;
  Json reference = {{"model", j.model},
                    {"parameters", j.parameters},
                    {"bits_per_weight", j.bits},
                    {"file_bytes", j.file_bytes},
                    {"memory_bytes", j.memory_bytes},
                    {"quantized", to_json(j.quantized)},
                    {"perplexity", e.perplexity},
                    {"perplexity_error", e.perplexity_error},
                    {"noise_format", j.noise},
                    {"noise_floor", e.against ? apps::to_json(*e.against) : Json()},
                    {"speed", to_json(j.speeds)}};
  return {{"reference", reference},    {"text", j.text},
          {"context", e.context},      {"windows", e.windows},
          {"scored_tokens", e.scored}, {"imatrix", j.importance},
          {"machine", j.machine},      {"isa", j.isa},
          {"threads", j.threads},      {"interrupted", j.interrupted},
          {"formats", verdicts},       {"failures", failures}};
}

Styled judgement_table(const Judgement& j) {
  Table table({{"format"},
               {"bits", true},
               {"MB", true},
               {"error", true},
               {"weighted", true},
               {"perplexity", true},
               {"KL, nats", true},
               {"±95 %", true},
               {"median", true},
               {"99 %", true},
               {"max", true},
               {"same top", true},
               {"decode/s", true},
               {"share", true},
               {"prompt/s", true},
               {"encode, M weights/s", true},
               {"memory MB", true}});
  const Evaluation& e = j.evaluation;
  auto numbers = [](double x) { return fmt::format("{:.4f}", x); };
  auto divergence = [&](const std::optional<Divergence>& d) {
    return d ? std::vector<std::string>{fmt::format("{:.5f}", d->mean),
                                        fmt::format("{:.5f}", interval(d->mean_error)),
                                        fmt::format("{:.5f}", d->median),
                                        numbers(d->p99),
                                        numbers(d->max),
                                        share_text(d->same_top)}
             : std::vector<std::string>(6);
  };
  auto add = [&](std::vector<std::string> row, const std::optional<Divergence>& d, const Speeds& s,
                 const std::string& encode, uint64_t memory) {
    for (std::string& cell : divergence(d)) row.push_back(std::move(cell));
    row.insert(row.end(), {rate_text(s.answer.median), s.measured() ? fmt::format("{:.0f} %", 100 * s.share()) : "",
                           rate_text(s.prompt.median), encode, fmt::format("{:.1f}", double(memory) / mega)});
    table.add(std::move(row));
  };
  add({"reference", fmt::format("{:.3f}", j.bits), fmt::format("{:.1f}", double(j.file_bytes) / mega), "", "",
       numbers(e.perplexity)},
      e.against, j.speeds, "", j.memory_bytes);
  for (const Verdict& v : j.verdicts)
    add({v.name + (v.on_front ? " *" : ""), fmt::format("{:.3f}", v.bits),
         fmt::format("{:.1f}", double(v.file_bytes) / mega), percent_text(v.error), weighted_text(v),
         numbers(v.evaluation.perplexity)},
        v.evaluation.against, v.speeds, fmt::format("{:.1f}", v.encode_weights_per_s / mega), v.memory_bytes);
  return table.text();
}

}  // namespace ingot::apps
