// Errors of weights by kind of tensor: those of all layers together. For `ingot compare` and `ingot judge`.
#pragma once
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ingot/compare.h"
#include "output.h"

namespace ingot::apps {

/// Tensors that are alike but for their layer.
struct KindErrors {
  std::string kind;
  int tensors = 0;
  std::map<std::string, int> formats;  ///< how many tensors have each
  double bits = 0;                     ///< per weight
  double error = 0;                    ///< root of the mean of the tensors' squared errors
  std::optional<double> weighted;      ///< likewise, where all have one
};
/// Root of the mean of squares.
struct RootMeanSquare {
  double squares = 0;
  int n = 0;
  void add(double x) { squares += x * x, n++; }
  double root() const { return n ? std::sqrt(squares / n) : 0; }
};

/// Do its weights differ, or its formats?
inline bool differs(const TensorComparison& t) { return t.error != 0 || t.format != t.base_format; }

/// Of tensors whose weights differ, or whose formats do; in the order of the file.
std::vector<KindErrors> errors_by_kind(const Comparison& comparison);

Styled error_table(const std::vector<KindErrors>& kinds);

/// "12 x THIS, 3 x THAT"; of one format its name alone.
std::string formats_text(const std::map<std::string, int>& formats);
/// "7.05 %", "0.0021 %"; infinity: "infinite"; NaN: "not finite".
std::string percent_text(double share);

}  // namespace ingot::apps
