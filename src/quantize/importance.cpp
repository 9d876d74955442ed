#include "quantize/importance.h"

#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "foundry/geometry.h"

namespace ingot::quantize {

namespace {

constexpr std::string_view sums_end = ".in_sum2", counts_end = ".counts";

std::vector<float> floats_of(const container::Gguf& file, const container::Tensor& t) {
  const quant::Format* f = quant::find_format("ggml", t.type);
  if (f->kind != quant::ValueKind::floating)
    throw Error("quantize", file.path() + ": " + t.name + " is " + f->name, "", "floats");
  std::vector<float> values(t.elements);
  f->decode(t.data, values.data(), narrow<int64_t>(t.elements));
  for (float v : values)
    if (!(v >= 0) || !std::isfinite(v))
      throw Error("quantize", file.path() + ": " + t.name + " has a number that no sum of squares is",
                  std::to_string(v), "finite, not negative", "make the file again");
  return values;
}

}  // namespace

Importance read_importance(const std::string& path) {
  const container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  Importance all;
  for (const container::Tensor& t : file.tensors()) {
    if (!std::string_view(t.name).ends_with(sums_end)) continue;
    const std::string name = t.name.substr(0, t.name.size() - sums_end.size());
    const container::Tensor* counts = file.find_tensor(name + std::string(counts_end));
    std::vector<float> means = floats_of(file, t);
    const uint64_t experts = t.elements / t.shape[0];
    if (!counts || counts->elements != experts)
      throw Error("quantize", path + ": " + t.name + " has no count for each expert", "",
                  std::to_string(experts) + " numbers in " + name + std::string(counts_end));
    const std::vector<float> n = floats_of(file, *counts);
    for (uint64_t e = 0; e < experts; e++)
      for (uint64_t i = 0; i < t.shape[0]; i++) {
        float& mean = means[e * t.shape[0] + i];
        mean = n[e] > 0 ? mean / n[e] : 1;  // nothing is known of an expert that no token took
      }
    all.emplace(name, std::move(means));
  }
  if (all.empty())
    throw Error("quantize", path + " has no importances", "a file without tensors named NAME.in_sum2",
                "what the imatrix tool of llama.cpp writes as GGUF");
  return all;
}

}  // namespace ingot::quantize
