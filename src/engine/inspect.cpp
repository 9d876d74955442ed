// Answers about files, formats and machines that need no model.
#include <algorithm>

#include "engine/backends.h"
#include "engine/load.h"

namespace ingot {

namespace {

std::string type_text(const container::Value& v) {
  if (v.type != container::Type::array) return container::type_name(v.type);
  return std::string("array[") + container::type_name(v.element) + "]";
}

Scalar owned(const container::Scalar& scalar) {
  return std::visit(
      [](const auto& x) -> Scalar {
        if constexpr (std::is_same_v<std::decay_t<decltype(x)>, std::string_view>)
          return std::string(x);
        else
          return x;
      },
      scalar);
}

std::string scale_text(const quant::Format& f) {
  std::string s = f.scale_type;
  if (f.has_sub) s += " x sub";
  if (f.has_tensor_scale) s += " x tensor";
  return s;
}

}  // namespace

std::string version() { return INGOT_VERSION; }

std::vector<FormatInfo> formats() {
  std::vector<FormatInfo> list;
  const plan::Backend& backend = engine::find_backend("auto");
  for (const quant::Format& f : quant::formats()) {
    static const char* const kinds[] = {"affine", "table", "vector", "float"};
    plan::FormatChoice choice = backend.choose(f);
    FormatInfo info{f.name,
                    f.space,
                    f.id,
                    f.block,
                    f.block_bytes,
                    f.group,
                    f.code_bits,
                    f.bits_per_weight(),
                    kinds[static_cast<int>(f.kind)],
                    scale_text(f),
                    f.has_min,
                    choice.resident_class,
                    choice.resident_bits,
                    {"decode"}};
    if (f.integers) info.views.push_back("int8");
    if (choice.resident_bits > 0) info.views.push_back("resident");
    list.push_back(std::move(info));
  }
  std::sort(list.begin(), list.end(), [](const FormatInfo& a, const FormatInfo& b) {
    return a.space != b.space ? a.space < b.space : a.id < b.id;
  });
  return list;
}

FileInfo inspect(const std::string& path, uint64_t max_array) {
  container::Gguf file = container::Gguf::open(path, foundry::geometry_of);
  FileInfo info{file.path(), file.version(), file.bytes(), {}, {}};
  for (const auto& [key, value] : file.metadata()) {
    MetadataInfo m{std::string(key), type_text(value), value.count, {}};
    for (const container::Scalar& scalar : container::Gguf::elements(value, max_array))
      m.values.push_back(owned(scalar));
    info.metadata.push_back(std::move(m));
  }
  for (const container::Tensor& t : file.tensors())
    info.tensors.push_back({t.name, quant::find_format("ggml", t.type)->name, t.shape, t.bytes, t.offset, t.file});
  return info;
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> list;
  for (const plan::Backend* b : engine::backends()) {
    plan::Device d = b->device();
    list.push_back({.name = d.name,
                    .available = d.available,
                    .description = d.description,
                    .isas = d.isas,
                    .missing_isas = d.missing_isas,
                    .cores = d.cores,
                    .threads = d.threads,
                    .memory_bytes = d.memory_bytes,
                    .free_bytes = d.free_bytes});
  }
  return list;
}

int usable_threads(const std::string& device) {
  const plan::Device found = engine::find_backend(device).device();
  return found.threads ? found.cores : 0;
}

std::vector<FormatSpeed> format_speeds(const LoadOptions& options) {
  std::vector<FormatSpeed> list;
  for (const plan::FormatSpeed& s :
       engine::find_backend(options.device).format_speeds(engine::backend_options(options)))
    list.push_back({s.format->name, s.resident_class, s.slow, s.bytes_per_weight, s.cached, s.streamed, s.batched,
                    s.share_of_peak});
  return list;
}

double read_bandwidth(int threads, const std::string& device) {
  const plan::Backend& backend = engine::named_backend(device);
  return backend.device().available ? backend.read_bandwidth(threads) : 0;
}

}  // namespace ingot
