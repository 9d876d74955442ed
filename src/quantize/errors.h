// How far weights are from what another format makes of them.
#pragma once
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
  /// Relative mean square.
  double relative() const { return size > 0 ? error / size : 0; }
};
/// Of `cols` weights; `importance`: (cols), or null for ones. The order of the sums is that of the weights.
Squares squares_of(const float* x, const float* y, const float* importance, uint64_t cols);

/// One way to write a tensor: its bytes, and the relative mean square of what that changes.
struct Choice {
  const quant::Format* format = nullptr;
  uint64_t bytes = 0;
  double error = 0;
};

/// Rows of a tensor that stand for all of it: so many that there are about `sample_weights` weights, evenly spaced.
std::vector<uint64_t> sample_of(const container::Tensor& tensor);

/// What each of `formats`, whose blocks divide the rows, makes of the sample. `importance`: (experts, cols), or null.
/// The result does not depend on the number of threads. Errors: a weight that is not finite.
std::vector<Choice> measure(const container::Tensor& tensor, const std::vector<float>* importance,
                            std::span<const quant::Format* const> formats, cpu::Pool& pool);

}  // namespace ingot::quantize
