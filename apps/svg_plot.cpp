#include "svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ingot::apps {
namespace {

constexpr double width = 360, height = 250, left = 46, right = 12, top = 26, bottom = 36;  // of a phone, in its pixels

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double x) { low = std::min(low, x), high = std::max(high, x); }
  void widen(double share) {
    const double by = high > low ? (high - low) * share : std::max(std::abs(high), 1e-9) * 0.1;
    low -= by, high += by;
  }
};

/// An axis from numbers to pixels.
class Axis {
 public:
  Axis(Range range, bool log, double from, double to) : log_(log), range_(range), from_(from), to_(to) {
    if (log) range_.low = std::log10(range_.low), range_.high = std::log10(range_.high);
    range_.widen(0.06);
  }
  double at(double x) const {
    return from_ + ((log_ ? std::log10(x) : x) - range_.low) / (range_.high - range_.low) * (to_ - from_);
  }
  std::vector<double> ticks() const {
    std::vector<double> list;
    if (log_) {
      const bool wide = range_.high - range_.low > 2;
      for (int decade = int(std::floor(range_.low)); decade <= int(std::ceil(range_.high)); decade++)
        for (double step : {1.0, 2.0, 5.0})
          if (step == 1 || !wide) list.push_back(step * std::pow(10, decade));
      std::erase_if(list, [&](double x) { return std::log10(x) < range_.low || std::log10(x) > range_.high; });
    } else {
      const double raw = (range_.high - range_.low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
      const double share = raw / power, step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
      for (double n = std::ceil(range_.low / step); n * step <= range_.high; n++)
        list.push_back(n == 0 ? 0 : n * step);  // not −0
    }
    return list;
  }

 private:
  bool log_;
  Range range_;
  double from_, to_;
};

std::string text(double x, double y, const char* anchor, const std::string& words, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, more,
                     html_escaped(words));
}

std::string polyline(const std::vector<std::pair<double, double>>& pixels, const std::string& style) {
  std::string points;
  for (const auto& [x, y] : pixels) points += fmt::format("{:.1f},{:.1f} ", x, y);
  return fmt::format("<polyline points=\"{}\" fill=\"none\" {}/>", points, style);
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string series_color(size_t i, size_t n) {
  return fmt::format("hsl({:.0f} 70% 45%)", 360.0 * double(i) / double(std::max<size_t>(n, 1)));
}

std::string svg(const Plot& plot) {
  auto drawable = [&](const std::pair<double, double>& p) {
    return std::isfinite(p.first) && std::isfinite(p.second) && (!plot.log_y || p.second > 0);
  };
  Range xs, ys;
  for (const PlotSeries& s : plot.series)
    for (const auto& p : s.points)
      if (drawable(p)) xs.add(p.first), ys.add(p.second);
  if (!(xs.low <= xs.high)) return "";
  const Axis x(xs, false, left, width - right), y(ys, plot.log_y, height - bottom, top);
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-size=\"11\" fill=\"currentColor\">",
                  width, height, html_escaped(plot.title));
  out += text(left, 14, "start", plot.title + ", " + plot.y_title, " font-weight=\"bold\"");
  for (double tick : x.ticks())
    out += fmt::format("<path d=\"M{:.1f} {}V{}\" class=\"grid\"/>", x.at(tick), top, height - bottom) +
           text(x.at(tick), height - bottom + 14, "middle", fmt::format("{:.4g}", tick));
  for (double tick : y.ticks())
    out += fmt::format("<path d=\"M{} {:.1f}H{}\" class=\"grid\"/>", left, y.at(tick), width - right) +
           text(left - 4, y.at(tick) + 4, "end", fmt::format("{:.3g}", tick));
  out += text(width - right, height - 6, "end", plot.x_title);
  auto pixels = [&](const std::vector<std::pair<double, double>>& points) {
    std::vector<std::pair<double, double>> list;
    for (const auto& p : points)
      if (drawable(p)) list.emplace_back(x.at(p.first), y.at(p.second));
    return list;
  };
  if (plot.front.size() > 1)
    out += polyline(pixels(plot.front), "stroke=\"currentColor\" stroke-dasharray=\"3 3\" opacity=\"0.6\"");
  for (size_t i = 0; i < plot.series.size(); i++) {
    const std::string color = series_color(i, plot.series.size());
    const auto at = pixels(plot.series[i].points);
    if (plot.joined) {
      out += polyline(at, fmt::format("stroke=\"{}\" stroke-width=\"1.5\"", color));
      continue;
    }
    for (const auto& [px, py] : at) {
      out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>", px, py, color);
      const bool at_edge = px > width - 80;  // the name would leave the picture
      out += text(at_edge ? px - 7 : px + 7, py - 4, at_edge ? "end" : "start", plot.series[i].name);
    }
  }
  return out + "</svg>";
}

}  // namespace ingot::apps
