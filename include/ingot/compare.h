// Two files of one model, tensor by tensor.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ingot/error.h"

namespace ingot {

struct CompareOptions {
  std::string importance;                     ///< path of a file of importances, or ""
  int threads = 0;                            ///< 0: as many as this process can keep busy
  std::function<void(double done)> progress;  ///< 0…1, by weights; called on the caller's thread
  std::function<bool()> stop;                 ///< true: give up, with an Error; asked between tensors
};

/// A tensor that both files have.
struct TensorComparison {
  std::string name;
  std::vector<uint64_t> shape;
  std::string base_format, format;
  double base_bits = 0, bits = 0;  ///< per weight
  double error = 0;  ///< √(Σ (base − other)² / Σ base²); NaN: a weight is not finite; infinite: Σ base² is 0
  std::optional<double>
      weighted;  ///< the same with every term multiplied by its input's importance, where there is one
  uint64_t weights = 0;
};

struct Comparison {
  std::vector<TensorComparison> tensors;           ///< in the order of the base
  std::vector<std::string> only_base, only_other;  ///< tensors that the other file lacks
  double base_bits = 0, bits = 0;                  ///< per weight, of the tensors that both have
};

/// Decodes every tensor of both files and measures how far `other` is from `base`. Memory: a few rows. Errors: no model
/// files; a tensor with another shape; no tensor in common; importances of another model.
Comparison compare_models(const std::string& base, const std::string& other, const CompareOptions& options = {});

}  // namespace ingot
