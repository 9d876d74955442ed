// From a model file to one in other formats.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingot/error.h"

namespace ingot {

struct QuantizeOptions {
  std::string to;                    ///< a recipe that comes with the program, or a format; "" with a budget
  double budget = 0;                 ///< bits per weight of all matrices that it or a rule gives a format; 0: see `to`
  std::vector<std::string> formats;  ///< that a budget may choose from, in lower case; none: all that can be encoded
  std::string recipe;                ///< rules that overrule it (docs/quantize.md), or ""
  std::string importance;            ///< path of a file of importances (as llama.cpp writes them), or ""
  int threads = 0;                   ///< 0: as many as this process can keep busy. The bytes do not depend on it
  uint64_t max_part_bytes = 0;       ///< of a file; a larger model becomes several, cut between tensors. 0: one file
  bool pure = false;                 ///< `to` is a format, for every tensor that is encoded
  bool allow_requantize = false;     ///< weights that are quantized already may be encoded again
  std::function<void(double done)> progress;  ///< 0…1, by weights; called on the caller's thread
  std::function<bool()> stop;                 ///< true: give up, with an Error; asked between pieces
};

/// Where a tensor is in a model: "blk.3.ffn_down.weight" is "ffn_down" of layer 3.
struct TensorPlace {
  int layer = -1;    ///< −1: outside the layers
  std::string kind;  ///< the name without its layer and without ".weight"
};
TensorPlace place_of_tensor(std::string_view name);

/// A format that a tensor could get.
struct FormatTrial {
  std::string format;
  double bits = 0;   ///< per weight
  double error = 0;  ///< relative RMS, of a sample of rows, weighted by importances where there are some
};

/// How a budget was spent.
struct BudgetReport {
  double asked = 0, spent = 0;  ///< bits per weight of the matrices that it or a rule gave a format
  double saving = 0;            ///< of the last step up: of what `plan_quantization` minimizes, per MB (10^6 bytes)
  double saving_left_out = 0;   ///< likewise of the best step that did not fit; 0: all did
};

/// What becomes of a tensor.
struct QuantizedTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::string from, to;  ///< formats; equal: it is copied
  uint64_t from_bytes, to_bytes;
  bool has_importance;
  bool is_given;     ///< the recipe or the budget says its format, which may be the one that it had
  std::string note;  ///< why it is not the format that the recipe asked for, or ""
  /// With a budget: the formats on the lower convex hull of error over bits, from the fewest bits on, and which of them
  /// was chosen; none for tensors that a rule gave a format.
  std::vector<FormatTrial> trials;
  size_t chosen = 0;
};

struct Quantization {
  std::vector<QuantizedTensor> tensors;
  uint64_t from_bytes = 0, to_bytes = 0;  ///< of the files
  std::vector<std::string> files;         ///< that were written, in order; of a plan, endings of their names
  double bits_per_weight = 0;             ///< of all tensors
  std::optional<BudgetReport> budget;
  double seconds = 0;
};

/// What `write_quantized` would do. With a budget this reads weights: formats are chosen so that the sum over all
/// kinds of tensors of the mean of Σ w (x − y)² / (median(w) Σ x²) is least, w the importances or 1, as measured on a
/// sample of rows. Errors: `model` is not a model file; an unknown recipe or format; weights that are quantized
/// already, without allow_requantize; importances that do not fit the model, or of which no matrix is in it; a budget
/// that even the smallest formats exceed; formats without a budget, or `to` or `pure` with one.
Quantization plan_quantization(const std::string& model, const QuantizeOptions& options);

/// Writes `model` in other formats to the file `to`, which appears when it is whole and on the disk, and is not touched
/// otherwise. Where it is larger than max_part_bytes and `to` is NAME.gguf, it becomes NAME-00001-of-0000N.gguf and so
/// on, which take their names one after another when all are on the disk, the first part last; an older first part is
/// removed before, so that parts of two models are never read as one. Memory: pieces of tensors, besides the
/// importances. Errors: as above; a weight that is not finite; a file cannot be written, or is one of `model`.
Quantization write_quantized(const std::string& model, const std::string& to, const QuantizeOptions& options);

/// Names of the recipes that come with the program, and a line about each.
std::vector<std::pair<std::string, std::string>> recipes();

}  // namespace ingot
