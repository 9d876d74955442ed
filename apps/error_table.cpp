#include "error_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ingot/quantize.h"
#include "table.h"

namespace ingot::apps {

std::vector<KindErrors> errors_by_kind(const Comparison& comparison) {
  struct Sums {
    double bits = 0, weights = 0;
    RootMeanSquare plain, weighted;
  };
  std::vector<KindErrors> kinds;
  std::map<std::string, Sums> sums;
  for (const TensorComparison& t : comparison.tensors) {
    if (!differs(t)) continue;
    const std::string name = place_of_tensor(t.name).kind;
    auto at = std::ranges::find(kinds, name, &KindErrors::kind);
    KindErrors& kind = at != kinds.end() ? *at : kinds.emplace_back(KindErrors{name, 0, {}, 0, 0, {}});
    kind.tensors++, kind.formats[t.format]++;
    Sums& s = sums[name];
    s.bits += t.bits * double(t.weights), s.weights += double(t.weights);
    s.plain.add(t.error);
    if (t.weighted) s.weighted.add(*t.weighted);
  }
  for (KindErrors& kind : kinds) {
    const Sums& s = sums[kind.kind];
    kind.bits = s.bits / s.weights, kind.error = s.plain.root();
    if (s.weighted.n == kind.tensors) kind.weighted = s.weighted.root();
  }
  return kinds;
}

std::string formats_text(const std::map<std::string, int>& formats) {
  std::vector<std::string> parts;
  for (const auto& [format, n] : formats)
    parts.push_back(formats.size() > 1 ? fmt::format("{} x {}", n, format) : format);
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string percent_text(double share) {
  if (std::isinf(share)) return "infinite";
  if (!std::isfinite(share)) return "not finite";
  const double percent = 100 * share;
  return percent == 0 || percent >= 0.095 ? fmt::format("{:.2f} %", percent) : fmt::format("{:.2g} %", percent);
}

Styled error_table(const std::vector<KindErrors>& kinds) {
  Table table({{"tensors"}, {"formats"}, {"bits", true}, {"error", true}, {"weighted", true}});
  for (const KindErrors& k : kinds)
    table.add({k.tensors > 1 ? fmt::format("{} x {}", k.tensors, k.kind) : k.kind, formats_text(k.formats),
               fmt::format("{:.3f}", k.bits), percent_text(k.error), k.weighted ? percent_text(*k.weighted) : ""});
  return table.empty() ? Styled("") : table.text();
}

}  // namespace ingot::apps
