// How far the weights of one file are from those of another.
#include "ingot/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "backends/cpu/layout.h"
#include "backends/cpu/machine.h"
#include "base/checked.h"
#include "container/gguf.h"
#include "foundry/geometry.h"
#include "quantize/errors.h"
#include "quantize/importance.h"

namespace ingot {

namespace quantize {
namespace {

using container::Gguf;
using container::Tensor;

/// A row of a tensor, decoded, times the scale of the whole tensor where the file has one.
class RowReader {
 public:
  /// Errors: a scale that is not one number.
  RowReader(const Gguf& file, const Tensor& tensor)
      : tensor_(tensor),
        format_(*quant::find_format("ggml", tensor.type)),
        kernels_(cpu::kernels_of(format_, cpu::find_isa(""))) {
    const Tensor* scale = find_scale(file, tensor);
    if (!scale) return;
    const quant::Format& f = *quant::find_format("ggml", scale->type);
    if (scale->elements != 1 || f.block != 1)
      throw Error("compare", file.path() + ": " + scale->name + " is not one number",
                  fmt::format("{} of {}", scale->elements, f.name), "one float", "take a sound copy of the model");
    f.decode(scale->data, &scale_, 1);
  }
  void read(uint64_t row, float* to) const {
    const uint64_t cols = tensor_.shape[0];
    const std::byte* from = tensor_.data + row * format_.row_bytes(cols);
    kernels_.decode_row(reinterpret_cast<const u8*>(from), static_cast<i64>(cols), to);
    if (scale_ != 1)
      for (uint64_t i = 0; i < cols; i++) to[i] *= scale_;
  }
  const quant::Format& format() const { return format_; }

 private:
  const Tensor& tensor_;
  const quant::Format& format_;
  const cpu::FormatKernels& kernels_;
  float scale_ = 1;
};

struct BothSquares {
  Squares plain, weighted;
};

/// Rows are shared by the threads and summed in their order.
BothSquares squares_between(const Tensor& base, const RowReader& from, const RowReader& to,
                            const std::vector<float>* importance, cpu::Pool& pool) {
  const uint64_t cols = base.shape[0], rows = base.elements / cols;
  const uint64_t rows_of_expert = base.shape.size() > 1 ? base.shape[1] : 1;
  std::vector<BothSquares> found(rows);
  std::vector<std::vector<float>> lines(capped_product(pool.threads(), 2), std::vector<float>(cols));
  std::atomic<uint64_t> next{0};
  pool.run([&](cpu::Worker& worker) {
    float *x = lines[static_cast<size_t>(worker.index) * 2].data(),
          *y = lines[static_cast<size_t>(worker.index) * 2 + 1].data();
    for (uint64_t row; (row = next.fetch_add(1)) < rows;) {
      from.read(row, x), to.read(row, y);
      found[row].plain = squares_of(x, y, nullptr, cols);
      if (importance) found[row].weighted = squares_of(x, y, importance->data() + row / rows_of_expert * cols, cols);
    }
  });
  BothSquares all;
  for (const BothSquares& row : found) all.plain += row.plain, all.weighted += row.weighted;
  return all;
}

double root(const Squares& s) { return std::isfinite(s.error + s.size) ? std::sqrt(s.relative()) : NAN; }

double bits_per_weight(uint64_t bytes, uint64_t weights) {
  return weights ? 8 * static_cast<double>(bytes) / static_cast<double>(weights) : 0;
}

}  // namespace
}  // namespace quantize

Comparison compare_models(const std::string& base, const std::string& other, const CompareOptions& options) {
  using namespace quantize;
  const Gguf from = Gguf::open(base, foundry::geometry_of), to = Gguf::open(other, foundry::geometry_of);
  const Means means = options.importance.empty() ? Means() : means_of(read_importance(options.importance));
  check_names(means, from);
  cpu::Pool pool(options.threads > 0 ? options.threads : cpu::usable_cores());
  Comparison made;
  uint64_t all = 0, done = 0, base_bytes = 0, bytes = 0;
  for (const Tensor& t : from.tensors()) all = capped_sum(all, t.elements);
  for (const Tensor& t : from.tensors()) {
    if (options.stop && options.stop()) throw Error("compare", "stopped");
    done += t.elements;
    const Tensor* u = to.find_tensor(t.name);
    if (!u) {
      made.only_base.push_back(t.name);
      continue;
    }
    if (u->shape != t.shape)
      throw Error("compare", t.name + " has another shape in " + other, fmt::format("{}", fmt::join(u->shape, " x ")),
                  fmt::format("{}", fmt::join(t.shape, " x ")), "compare two files of one model");
    const auto found = means.find(t.name);
    const std::vector<float>* importance = found == means.end() ? nullptr : &found->second;
    const uint64_t experts = t.shape.size() > 1 ? t.elements / t.shape[0] / t.shape[1] : t.elements / t.shape[0];
    if (importance && importance->size() != capped_product(t.shape[0], experts))
      throw Error("compare", "the importance of " + t.name + " is of another model",
                  std::to_string(importance->size()) + " numbers", std::to_string(capped_product(t.shape[0], experts)));
    const RowReader base_rows(from, t), rows(to, *u);
    const BothSquares squares = squares_between(t, base_rows, rows, importance, pool);
    TensorComparison c;
    c.name = t.name, c.shape = t.shape, c.weights = t.elements;
    c.base_format = base_rows.format().name, c.format = rows.format().name;
    c.base_bits = bits_per_weight(t.bytes, t.elements), c.bits = bits_per_weight(u->bytes, u->elements);
    c.error = root(squares.plain);
    if (importance) c.weighted = root(squares.weighted);
    made.tensors.push_back(std::move(c));
    base_bytes = capped_sum(base_bytes, t.bytes), bytes = capped_sum(bytes, u->bytes);
    from.release(t), to.release(*u);
    if (options.progress) options.progress(static_cast<double>(done) / static_cast<double>(all));
  }
  for (const Tensor& u : to.tensors())
    if (!from.find_tensor(u.name)) made.only_other.push_back(u.name);
  if (made.tensors.empty())
    throw Error("compare", "the files have no tensor in common", base + " and " + other, "two files of one model");
  uint64_t weights = 0;
  for (const TensorComparison& c : made.tensors) weights = capped_sum(weights, c.weights);
  made.base_bits = bits_per_weight(base_bytes, weights), made.bits = bits_per_weight(bytes, weights);
  return made;
}

}  // namespace ingot
