#include "quantize/importance.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "base/checked.h"
#include "container/gguf_writer.h"
#include "foundry/geometry.h"

namespace ingot {

namespace quantize {
namespace {

constexpr std::string_view sums_end = ".in_sum2", counts_end = ".counts";
constexpr const char *texts_key = "imatrix.datasets", *windows_key = "imatrix.chunk_count",
                     *context_key = "imatrix.chunk_size";
constexpr uint64_t alignment = 32;

std::vector<double> numbers_of(const container::Gguf& file, const container::Tensor& t) {
  const quant::Format* f = quant::find_format("ggml", t.type);
  if (f->kind != quant::ValueKind::floating)
    throw Error("quantize", file.path() + ": " + t.name + " is " + f->name, "", "floats");
  std::vector<float> values(t.elements);
  f->decode(t.data, values.data(), narrow<int64_t>(t.elements));
  for (float v : values)
    if (!(v >= 0) || !std::isfinite(v))
      throw Error("quantize", file.path() + ": " + t.name + " has a value that cannot be a sum of squares",
                  std::to_string(v), "finite, not negative", "make the file again");
  return {values.begin(), values.end()};
}

struct FloatTensor {
  container::NewTensor entry;
  std::vector<float> values;
  FloatTensor(std::string name, std::vector<uint64_t> shape, const std::vector<double>& of) : values(of.size()) {
    std::ranges::transform(of, values.begin(), [](double v) { return static_cast<float>(v); });
    entry = {std::move(name), quant::find_format("f32")->id, std::move(shape),
             capped_product(values.size(), sizeof(float))};
  }
};

}  // namespace

void check(const Importance& importance) {
  for (const auto& [name, m] : importance.matrices) {
    if (m.counts.empty() || m.sums.empty() || m.sums.size() % m.counts.size() != 0)
      throw Error("quantize", "the importance of " + name + " does not fit its counts",
                  std::to_string(m.sums.size()) + " sums and " + std::to_string(m.counts.size()) + " counts",
                  "equally many sums for each count");
    for (const std::vector<double>* numbers : {&m.sums, &m.counts})
      for (double v : *numbers)
        if (!(v >= 0 && v <= FLT_MAX))
          throw Error("quantize", "the importance of " + name + " has a value that cannot be a sum of squares",
                      std::to_string(v), "not negative, and finite as a float");
  }
}

void check_names(const Means& means, const container::Gguf& file) {
  for (const auto& [name, values] : means)
    if (file.find_tensor(name)) return;
  if (!means.empty())
    throw Error("quantize", "the importances are of another model", means.begin()->first + " and others",
                "names of tensors of " + file.path(), "measure them with this model (ingot imatrix)");
}

Means means_of(const Importance& importance) {
  check(importance);
  Means all;
  for (const auto& [name, m] : importance.matrices) {
    const size_t experts = m.counts.size(), cols = m.sums.size() / experts;
    std::vector<float>& means = all[name];
    for (size_t e = 0; e < experts; e++)
      for (size_t i = 0; i < cols; i++)
        means.push_back(m.counts[e] > 0 ? static_cast<float>(m.sums[e * cols + i] / m.counts[e]) : 1);
  }
  return all;
}

}  // namespace quantize

Importance read_importance(const std::string& path) {
  using namespace quantize;
  const container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  Importance all;
  for (const container::Tensor& t : file.tensors()) {
    if (!std::string_view(t.name).ends_with(sums_end)) continue;
    const std::string name = t.name.substr(0, t.name.size() - sums_end.size());
    const container::Tensor* counts = file.find_tensor(name + std::string(counts_end));
    const uint64_t experts = t.elements / t.shape[0];
    if (!counts || counts->elements != experts)
      throw Error("quantize", path + ": " + t.name + " has no count for each expert", "",
                  std::to_string(experts) + " numbers in " + name + std::string(counts_end));
    all.matrices.emplace(name, MatrixImportance{numbers_of(file, t), numbers_of(file, *counts)});
  }
  if (all.matrices.empty())
    throw Error("quantize", path + " has no importances", "a file without tensors named NAME.in_sum2",
                "what `ingot imatrix` or the imatrix tool of llama.cpp writes as GGUF");
  if (file.find(texts_key))
    for (std::string_view text : file.strings_at(texts_key)) all.texts.emplace_back(text);
  all.windows = file.find_unsigned(windows_key).value_or(0);
  all.context = narrow<int>(file.find_unsigned(context_key, INT32_MAX).value_or(0));
  return all;
}

void write_importance(const std::string& path, const Importance& importance) {
  using namespace quantize;
  using container::NewValue;
  if (importance.matrices.empty()) throw Error("quantize", "there are no importances to write", "", "some, of a model");
  check(importance);
  const std::vector<NewValue> metadata = {NewValue::of("general.type", "imatrix"),
                                          NewValue::of(texts_key, importance.texts),
                                          NewValue::of(windows_key, narrow<uint32_t>(importance.windows)),
                                          NewValue::of(context_key, narrow<uint32_t>(importance.context))};
  std::vector<FloatTensor> tensors;
  for (const auto& [name, m] : importance.matrices) {
    const uint64_t experts = m.counts.size();
    tensors.emplace_back(name + std::string(sums_end), std::vector<uint64_t>{m.sums.size() / experts, experts}, m.sums);
    tensors.emplace_back(name + std::string(counts_end), std::vector<uint64_t>{1, experts}, m.counts);
  }
  std::vector<container::NewTensor> table;
  for (const FloatTensor& t : tensors) table.push_back(t.entry);
  container::GgufWriter writer(path, metadata, table, alignment);
  for (const FloatTensor& t : tensors) writer.write(std::as_bytes(std::span(t.values)));
  writer.commit();
}

}  // namespace ingot
