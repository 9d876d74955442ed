// Fuzzes the container: any bytes give a model or an ingot::Error, and what a model hands out can be read.
// More inputs to begin with: python3 tools/make_malformed.py --out build/fuzz/corpus/container --small
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "container/gguf.h"

namespace {

using namespace ingot::container;

/// Some geometries of real files, by number: plain, small blocks, a large block.
std::optional<Geometry> geometry(uint32_t type) {
  switch (type) {
    case 0: return Geometry{1, 4, "one"};
    case 1: return Geometry{1, 2, "two"};
    case 2: return Geometry{32, 18, "small"};
    case 8: return Geometry{32, 34, "small"};
    case 12: return Geometry{256, 144, "large"};
    default: return std::nullopt;
  }
}

/// Runs `get`; a refusal is an answer like any other.
template <class Get> void attempt(Get get) {
  try {
    get();
  } catch (const ingot::Error&) {}
}

/// Reads everything that `model` promises to be readable.
unsigned read_all(const Gguf& model) {
  unsigned sum = 0;
  for (const auto& [key, value] : model.metadata()) {
    if (model.find(key) != &value) std::abort();
    sum += static_cast<unsigned>(Gguf::elements(value).size());
    attempt([&] { sum += static_cast<unsigned>(model.unsigned_at(key)); });
    attempt([&] { sum += model.number_at(key) > 0; });
    attempt([&] { sum += model.find_bool(key).value_or(false); });
    attempt([&] { sum += static_cast<unsigned>(model.string_at(key).size()); });
    attempt([&] {
      for (std::string_view s : model.strings_at(key))
        for (char c : s) sum += static_cast<unsigned char>(c);
    });
    attempt([&] { sum += static_cast<unsigned>(model.floats_at(key).size()); });
    attempt([&] { sum += static_cast<unsigned>(model.integers_at(key).size()); });
    attempt([&] { sum += static_cast<unsigned>(model.unsigneds_at(key).size()); });
  }
  for (const Tensor& tensor : model.tensors()) {
    if (model.find_tensor(tensor.name) != &tensor) std::abort();
    for (uint64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<unsigned>(tensor.data[i]);
    model.release(tensor);
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of exactly this size: a read past its end is seen.
  auto copy = std::make_unique<std::byte[]>(size);
  std::copy_n(reinterpret_cast<const std::byte*>(data), size, copy.get());
  volatile unsigned sink = 0;
  attempt([&] { sink = read_all(Gguf::parse({copy.get(), size}, geometry)); });
  return 0;
}
