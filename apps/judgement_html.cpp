// A judgement as a page: one column, so that a phone shows it; tables scroll sideways by themselves.
#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "evaluation_output.h"
#include "judgement.h"
#include "svg_plot.h"
#include "table.h"

namespace ingot::apps {
namespace {

constexpr const char* style = R"(
:root { color-scheme: light dark; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 0.8rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; } .grid { stroke: currentColor; opacity: 0.15; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; white-space: nowrap; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
.warning { border-left: 0.3rem solid #d80; padding-left: 0.7rem; }
.key span { white-space: nowrap; margin-right: 0.9rem; } .key i { display: inline-block; width: 0.8em; height: 0.8em; }
small { opacity: 0.75; }
)";

std::string escaped(const std::string& text) { return html_escaped(valid_utf8(printable(text, 1000))); }

using Rows = std::vector<std::vector<std::string>>;

/// The first row is the heading.
std::string html_table(const Rows& rows) {
  std::string out = "<div class=\"scroll\"><table>";
  for (size_t r = 0; r < rows.size(); r++) {
    out += "<tr>";
    for (const std::string& cell : rows[r]) out += fmt::format("<{0}>{1}</{0}>", r ? "td" : "th", escaped(cell));
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string mb(uint64_t bytes) { return fmt::format("{:.1f}", double(bytes) / 1e6); }
std::string rate(const Rates& r) {
  return r.median <= 0 ? "" : fmt::format("{:.1f} ({:.1f} to {:.1f})", r.median, r.min, r.max);
}

Rows summary(const Judgement& j) {
  Rows rows = {
      {"format", "bits", "file MB", "error", "weighted", "KL, nats", "same top", "perplexity", "decode/s", "prompt/s"}};
  auto divergence = [](const std::optional<Divergence>& d) {
    return d ? fmt::format("{:.5f} ± {:.5f}", d->mean, interval(d->mean_error)) : "";
  };
  auto top = [](const std::optional<Divergence>& d) { return d ? share_text(d->same_top) : ""; };
  auto number = [](double x) { return x > 0 ? fmt::format("{:.4g}", x) : ""; };
  rows.push_back({"reference", fmt::format("{:.3f}", j.bits), mb(j.file_bytes), "", "",
                  divergence(j.evaluation.against), top(j.evaluation.against), number(j.evaluation.perplexity),
                  number(j.speeds.answer.median), number(j.speeds.prompt.median)});
  for (const Verdict& v : j.verdicts)
    rows.push_back({v.name + (v.on_front ? " *" : ""), fmt::format("{:.3f}", v.bits), mb(v.file_bytes),
                    percent_text(v.error), weighted_text(v), divergence(v.evaluation.against),
                    top(v.evaluation.against), number(v.evaluation.perplexity), number(v.speeds.answer.median),
                    number(v.speeds.prompt.median)});
  return rows;
}

Rows divergences(const Judgement& j) {
  Rows rows = {{"format", "mean ± 95 %", "median", "90 %", "99 %", "99.9 %", "max", "same top"}};
  auto add = [&](const std::string& name, const std::optional<Divergence>& against) {
    if (!against) return;
    const Divergence& d = *against;
    auto n = [](double x) { return fmt::format("{:.5f}", x); };
    rows.push_back({name, n(d.mean) + " ± " + n(interval(d.mean_error)), n(d.median), n(d.p90), n(d.p99), n(d.p999),
                    n(d.max), share_text(d.same_top) + " ± " + share_text(interval(d.same_top_error))});
    for (const ConfidenceBand& b : d.by_confidence) {
      rows.back().push_back(b.tokens ? n(b.mean) + " ± " + n(interval(b.mean_error)) : "");
      if (rows[0].size() < rows.back().size())
        rows[0].push_back(fmt::format("reference's top token {} ({})", band_text(b), count_text(b.tokens, "token")));
    }
  };
  add("noise floor", j.evaluation.against);
  for (const Verdict& v : j.verdicts) add(v.name, v.evaluation.against);
  return rows;
}

Rows errors(const Judgement& j, bool weighted) {
  Rows rows = {{weighted ? "weighted error" : "error"}};
  if (j.verdicts.empty()) return rows;
  for (const Verdict& v : j.verdicts) rows[0].push_back(v.name);
  std::vector<std::string> kinds;
  for (const Verdict& v : j.verdicts)
    for (const KindErrors& k : v.kinds)
      if (std::ranges::find(kinds, k.kind) == kinds.end()) kinds.push_back(k.kind);
  for (const std::string& kind : kinds) {
    rows.push_back({kind});
    for (const Verdict& v : j.verdicts) {
      const auto at = std::ranges::find(v.kinds, kind, &KindErrors::kind);
      std::string cell;
      if (at != v.kinds.end() && (!weighted || at->weighted))
        cell = percent_text(weighted ? *at->weighted : at->error) + " " + formats_text(at->formats);
      rows.back().push_back(cell);
    }
  }
  return rows;
}

Rows speeds(const Judgement& j) {
  Rows rows = {{"format", "decode, tokens/s", "of the bandwidth", "prompt, tokens/s", "memory of weights, MB",
                "encode, M weights/s"}};
  auto add = [&](const std::string& name, const Speeds& s, uint64_t memory, double encode) {
    rows.push_back({name, rate(s.answer), s.measured() ? fmt::format("{:.0f} %", 100 * s.share()) : "", rate(s.prompt),
                    mb(memory), encode > 0 ? fmt::format("{:.1f}", encode / 1e6) : ""});
  };
  add("reference", j.speeds, j.memory_bytes, 0);
  for (const Verdict& v : j.verdicts) add(v.name, v.speeds, v.memory_bytes, v.encode_weights_per_s);
  return rows;
}

/// One number of each verdict against its bits.
template <class Number> Plot against_bits(const Judgement& j, const char* title, const char* unit, Number number) {
  Plot plot{.title = title, .x_title = "bits per weight", .y_title = unit, .series = {}, .front = {}};
  for (const Verdict& v : j.verdicts) plot.series.push_back({valid_utf8(printable(v.name, 40)), {{v.bits, number(v)}}});
  return plot;
}

std::string plots(const Judgement& j) {
  std::vector<Plot> list;
  list.push_back(against_bits(j, "KL divergence, with its Pareto front", "nats",
                              [](const Verdict& v) { return v.evaluation.against->mean; }));
  list.back().log_y = true;
  for (const Verdict& v : j.verdicts)
    if (v.on_front) list.back().front.emplace_back(v.bits, v.evaluation.against->mean);
  std::ranges::sort(list.back().front);
  const bool weighted = std::ranges::all_of(j.verdicts, [](const Verdict& v) { return v.weighted.has_value(); });
  list.push_back(against_bits(j, weighted ? "Weighted error of weights" : "Error of weights", "%",
                              [&](const Verdict& v) { return 100 * (weighted ? *v.weighted : v.error); }));
  list.back().log_y = true;
  if (std::ranges::all_of(j.verdicts, [](const Verdict& v) { return v.speeds.measured(); })) {
    list.push_back(against_bits(j, "Decoding", "tokens/s", [](const Verdict& v) { return v.speeds.answer.median; }));
    list.push_back(against_bits(j, "Prompts", "tokens/s", [](const Verdict& v) { return v.speeds.prompt.median; }));
  }
  const bool layers_weighted = std::ranges::all_of(j.verdicts, [](const Verdict& v) {
    return std::ranges::all_of(v.layers, [](const auto& layer) { return layer.second.weighted.has_value(); });
  });
  Plot layers{.title = layers_weighted ? "Weighted error by layer" : "Error by layer",
              .x_title = "layer",
              .y_title = "%",
              .log_y = true,
              .joined = true,
              .series = {},
              .front = {}};
  for (const Verdict& v : j.verdicts) {
    layers.series.push_back({v.name, {}});
    for (const auto& [layer, error] : v.layers)
      layers.series.back().points.emplace_back(layer, 100 * (layers_weighted ? *error.weighted : error.error));
  }
  list.push_back(layers);
  std::string out = "<div class=\"plots\">";
  for (const Plot& plot : list) out += "<div>" + svg(plot) + "</div>\n";
  out += "</div><p class=\"key\">";
  for (size_t i = 0; i < j.verdicts.size(); i++)
    out += fmt::format("<span><i style=\"background:{}\"></i> {}</span> ", series_color(i, j.verdicts.size()),
                       escaped(j.verdicts[i].name));
  return out + "</p>\n";
}

}  // namespace

std::string judgement_html(const Judgement& j) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\"><title>Formats of {0}</title><style>{1}</style>\n<h1>Formats of {0}</h1>\n",
      escaped(j.model), style);
  out +=
      fmt::format("<p>{} weights at {:.3f} bits. {} of {} tokens of {}, {} scored. {}, {}, {}. Importances: {}.</p>\n",
                  j.parameters, j.bits, count_text(j.evaluation.windows, "window"), j.evaluation.context,
                  escaped(j.text), j.evaluation.scored, escaped(j.machine), escaped(j.isa),
                  count_text(j.threads, "thread"), j.importance.empty() ? "none" : escaped(j.importance));
  if (const std::string text = quantized_text(j); !text.empty())
    out += "<p class=\"warning\">" + escaped(text) + "</p>\n";
  if (j.interrupted) out += "<p class=\"warning\">Interrupted: not every format was judged.</p>\n";
  for (const Failure& f : j.failures)
    out += "<p class=\"warning\">" + escaped(f.name + " could not be judged: " + f.message) + "</p>\n";
  out += html_table(summary(j));
  out += "<p><small>* on the Pareto front: no other has fewer bits and a smaller divergence. " +
         escaped(noise_text(j)) + "± is half a 95 % interval.</small></p>\n";
  if (!j.verdicts.empty()) out += plots(j);
  out += "<h2>Divergence from the reference, in nats per token</h2>\n" + html_table(divergences(j));
  out += "<h2>Errors of weights by kind of matrix</h2>\n" + html_table(errors(j, false));
  if (!j.importance.empty()) out += html_table(errors(j, true));
  out += "<h2>Speed and memory</h2>\n" + html_table(speeds(j));
  return out + "</html>\n";
}

}  // namespace ingot::apps
