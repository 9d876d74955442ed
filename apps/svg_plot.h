// Plots as SVG that stands in a page of HTML: no script, no other file. Colours of axes and text are the page's.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace ingot::apps {

/// Some points of one colour.
struct PlotSeries {
  std::string name;                               ///< beside a point, and in the legend of lines
  std::vector<std::pair<double, double>> points;  ///< (x, y); what cannot be drawn (not finite, y ≤ 0 on a log axis) is
                                                  ///< left out
};

struct Plot {
  std::string title, x_title, y_title;
  bool log_y = false, joined = false;  ///< joined: lines through the points of a series
  std::vector<PlotSeries> series;
  std::vector<std::pair<double, double>> front;  ///< a dashed line through these
};

std::string svg(const Plot& plot);
/// `text` as HTML shows it.
std::string html_escaped(const std::string& text);
/// The colour of series i of n, for CSS.
std::string series_color(size_t i, size_t n);

}  // namespace ingot::apps
