// How far weights are from what another format makes of them.
#pragma once
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/pool.h"
#include "container/gguf.h"
#include "quant/format.h"

namespace ingot::quantize {

/// Σ w (x − y)² and Σ w x², w the importance of an input.
struct Squares {
  double error = 0, size = 0;
  Squares& operator+=(const Squares& more) { return error += more.error, size += more.size, *this; }
  /// Relative mean square; infinite where there is an error but nothing that it is relative to.
  double relative() const { return size > 0 ? error / size : error > 0 ? INFINITY : 0; }
};
/// Of `cols` weights; `importance`: (cols), or null for ones. The order of the sums is that of the weights.
Squares squares_of(const float* x, const float* y, const float* importance, uint64_t cols);

/// One way to write a tensor.
struct Choice {
  const quant::Format* format = nullptr;
  uint64_t bytes = 0;
  double error = 0;  ///< relative mean square of what it changes: Σ w (x − y)² / Σ w x²
  double cost = 0;   ///< the same over the median of w times Σ x²
};

/// The scale of the whole tensor, which its name says is `tensor`'s; null: there is none, or its format has none.
const container::Tensor* find_scale(const container::Gguf& file, const container::Tensor& tensor);

/// Rows of a tensor that stand for all of it: so many that there are about `sample_weights` weights. One from each of
/// equally long runs, which looks random but is the same each time: even steps would hit the same row of every head.
std::vector<uint64_t> sample_of(const container::Tensor& tensor);

/// What each of `formats`, whose blocks divide the rows, makes of the sample. `importance`: (experts, cols), or null.
/// Models have a few inputs that are hundreds of times as large as the others and hardly vary; these make up most of
/// Σ w x², and of the output that is the same for every token. `cost` sets the error against the output of the others,
/// so that matrices can be compared. The result does not depend on the number of threads. Errors: a weight that is not
/// finite.
std::vector<Choice> measure(const container::Tensor& tensor, const std::vector<float>* importance,
                            std::span<const quant::Format* const> formats, cpu::Pool& pool);

}  // namespace ingot::quantize
