// From a model file to one in other formats.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingot/error.h"

namespace ingot {

struct QuantizeOptions {
  std::string to;                 ///< a recipe that comes with the program, or a format
  std::string recipe;             ///< rules that overrule it (docs/quantize.md), or ""
  std::string importance;         ///< path of a file of importances (as llama.cpp writes them), or ""
  int threads = 0;                ///< 0: as many as this process can keep busy. The bytes do not depend on it
  bool pure = false;              ///< `to` is a format, for every tensor that is encoded
  bool allow_requantize = false;  ///< weights that are quantized already may be encoded again
  std::function<void(double done)> progress;  ///< 0…1, by weights; called on the caller's thread
  std::function<bool()> stop;                 ///< true: give up, with an Error; asked between pieces
};

/// Where a tensor is in a model: "blk.3.ffn_down.weight" is "ffn_down" of layer 3.
struct TensorPlace {
  int layer = -1;    ///< −1: outside the layers
  std::string kind;  ///< the name without its layer and without ".weight"
};
TensorPlace place_of_tensor(std::string_view name);

/// What becomes of a tensor.
struct QuantizedTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::string from, to;  ///< formats; equal: it is copied
  uint64_t from_bytes, to_bytes;
  bool has_importance;
  std::string note;  ///< why it is not the format that the recipe asked for, or ""
};

struct Quantization {
  std::vector<QuantizedTensor> tensors;
  uint64_t from_bytes = 0, to_bytes = 0;  ///< of the files
  double bits_per_weight = 0;             ///< of all tensors
  double seconds = 0;
};

/// What `write_quantized` would do. Errors: `model` is no model file; an unknown recipe or format; weights that are
/// quantized already, without allow_requantize; importances that do not fit the model.
Quantization plan_quantization(const std::string& model, const QuantizeOptions& options);

/// Writes `model` in other formats to the file `to`, which appears when it is whole and on the disk, and is not touched
/// otherwise. Memory: pieces of tensors, besides the importances. Errors: as above; a weight that is not finite; `to`
/// cannot be written, or is `model`.
Quantization write_quantized(const std::string& model, const std::string& to, const QuantizeOptions& options);

/// Names of the recipes that come with the program, and a line about each.
std::vector<std::pair<std::string, std::string>> recipes();

}  // namespace ingot
