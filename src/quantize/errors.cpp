#include "quantize/errors.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <string_view>

#include "backends/cpu/layout.h"
#include "base/checked.h"
#include "quant/encoding.h"

namespace ingot::quantize {

namespace {

// The error of a format varies little from row to row: with these, two samples of a matrix differ by about a percent.
constexpr uint64_t sample_weights = uint64_t{1} << 16, min_sample_rows = 32;

/// A number that looks random (splitmix64: Steele, Lea and Flood 2014).
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// The median of what is not 0; 1 where there is nothing.
double median_of(const std::vector<float>* importance) {
  std::vector<float> sorted;
  if (importance) std::ranges::copy_if(*importance, std::back_inserter(sorted), [](float w) { return w > 0; });
  if (sorted.empty()) return 1;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

}  // namespace

Squares squares_of(const float* x, const float* y, const float* importance, uint64_t cols) {
  Squares s;
  for (uint64_t i = 0; i < cols; i++) {
    const double w = importance ? importance[i] : 1, off = double(x[i]) - y[i];
    s.error += w * off * off, s.size += w * x[i] * x[i];
  }
  return s;
}

const container::Tensor* find_scale(const container::Gguf& file, const container::Tensor& tensor) {
  constexpr std::string_view ending = ".weight";
  if (!quant::find_format("ggml", tensor.type)->has_tensor_scale || !tensor.name.ends_with(ending)) return nullptr;
  return file.find_tensor(tensor.name.substr(0, tensor.name.size() - ending.size()) + ".scale");
}

std::vector<uint64_t> sample_of(const container::Tensor& tensor) {
  const uint64_t cols = tensor.shape[0], rows = tensor.elements / cols;
  const uint64_t n = std::min(rows, std::max(min_sample_rows, sample_weights / cols));
  std::vector<uint64_t> sample(n);
  for (uint64_t i = 0; i < n; i++) {
    const uint64_t first = capped_product(i, rows) / n, end = capped_product(i + 1, rows) / n;
    sample[i] = first + mixed(i) % (end - first);
  }
  return sample;
}

std::vector<Choice> measure(const container::Tensor& tensor, const std::vector<float>* importance,
                            std::span<const quant::Format* const> formats, cpu::Pool& pool) {
  const cpu::Isa& isa = cpu::find_isa("");
  const quant::Format& from = *quant::find_format("ggml", tensor.type);
  const uint64_t cols = tensor.shape[0], rows = tensor.elements / cols, from_row = from.row_bytes(cols);
  const std::vector<uint64_t> sample = sample_of(tensor);
  std::vector<Choice> choices;
  uint64_t max_row = 0;
  for (const quant::Format* f : formats) {
    quant::Encoding::of(*f);  // made here: the search below must not throw
    choices.push_back({f, capped_product(f->row_bytes(cols), rows), 0, 0});
    max_row = std::max(max_row, f->row_bytes(cols));
  }
  std::vector<Squares> found(capped_product(sample.size(), formats.size()));  // [format][row of the sample]
  std::vector<double> sizes(sample.size());                                   // Σ x² of each row
  std::atomic<size_t> next{0};
  struct Buffers {
    std::vector<float> x, y;
    std::vector<std::byte> encoded;
  };
  std::vector<Buffers> buffers(static_cast<size_t>(pool.threads()));
  for (Buffers& b : buffers) b.x.resize(cols), b.y.resize(cols), b.encoded.resize(max_row);
  pool.run([&](cpu::Worker& worker) {
    Buffers& own = buffers[static_cast<size_t>(worker.index)];
    for (size_t i; (i = next.fetch_add(1)) < found.size();) {
      const quant::Format& to = *formats[i / sample.size()];
      const uint64_t row = sample[i % sample.size()];
      const float* w = importance ? importance->data() + row / tensor.shape[1] * cols : nullptr;
      u8* block = reinterpret_cast<u8*>(own.encoded.data());
      cpu::kernels_of(from, isa).decode_row(reinterpret_cast<const u8*>(tensor.data + row * from_row),
                                            static_cast<i64>(cols), own.x.data());
      isa.ops->encode({&quant::Encoding::of(to).form(), own.x.data(), w, static_cast<i64>(cols) / to.block, block});
      cpu::kernels_of(to, isa).decode_row(block, static_cast<i64>(cols), own.y.data());
      found[i] = squares_of(own.x.data(), own.y.data(), w, cols);
      if (i < sample.size()) sizes[i] = squares_of(own.x.data(), own.x.data(), nullptr, cols).size;
    }
  });
  double size = 0;
  for (double of_row : sizes) size += of_row;
  const double typical = median_of(importance) * size;
  for (size_t f = 0; f < choices.size(); f++) {
    Squares all;
    for (size_t r = 0; r < sample.size(); r++) all += found[f * sample.size() + r];
    if (!std::isfinite(all.size))
      throw Error("quantize", tensor.name + " has a weight that is not finite", "", "finite weights",
                  "take a sound copy of the model");
    if (&from == choices[f].format) continue;  // nothing changes
    choices[f].error = all.relative(), choices[f].cost = typical > 0 ? all.error / typical : 0;
  }
  return choices;
}

}  // namespace ingot::quantize
