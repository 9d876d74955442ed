// Opening a model: its file or its parts, joined. What the bytes mean is parse.cpp and layout.cpp.
#include "container/gguf.h"

#include <algorithm>
#include <new>

#include <fmt/core.h>

#include "container/mapping.h"
#include "container/part.h"

namespace ingot::container {

struct Gguf::State {
  std::string path;
  std::vector<std::string> part_paths;
  std::vector<Mapping> files;  ///< one per part; empty when parsed from memory
  uint64_t bytes = 0;
  Part first;                          ///< its tensors have moved to `tensors`
  std::vector<Tensor> tensors;         ///< of all parts
  std::vector<uint32_t> tensor_order;  ///< by name

  ValueAt at(std::string_view key, const Value& value) const { return {first.path, key, value}; }

  void add(Part&& part, uint64_t part_bytes, int index) {
    for (Tensor& tensor : part.tensors) {
      tensor.file = index;
      tensors.push_back(std::move(tensor));
    }
    part.tensors = {};
    part_paths.push_back(part.path);
    bytes += part_bytes;
    if (index == 0) first = std::move(part);
  }
};

namespace {

struct OpenPart {
  Mapping file;
  Part part;
};

OpenPart open_part(const std::string& path, const GeometryOf& geometry) {
  Mapping file(path);
  Part part = parse_part(file.bytes(), path, geometry);
  file.settle();
  return {std::move(file), std::move(part)};
}

void check_part(const Part& part, uint64_t index, const Cut& model) {
  const Cut cut = cut_of(part);
  if (cut.index == index && cut.count == model.count && cut.tensors == model.tensors) return;
  throw Error("container",
              fmt::format("{}: the part belongs to another split of a model", printable(part.path, SIZE_MAX)),
              fmt::format("part {} of {} with {} tensors in all", cut.index + 1, cut.count, cut.tensors),
              fmt::format("part {} of {} with {} tensors in all", index + 1, model.count, model.tensors),
              "take all parts from the same source");
}

}  // namespace

Gguf Gguf::open(const std::string& path, const GeometryOf& geometry) try {
  auto state = std::make_unique<State>();
  state->path = path;
  OpenPart named = open_part(path, geometry);
  const Cut model = cut_of(named.part);
  if (model.count == 1) {
    state->add(std::move(named.part), named.file.bytes().size(), 0);
    state->files.push_back(std::move(named.file));
  } else {
    const std::vector<std::string> paths = part_paths(path, model);
    for (uint64_t i = 0; i < paths.size(); ++i) {
      if (i != model.index) check_same_directory(paths[i], paths[model.index]);
      OpenPart opened = i == model.index ? std::move(named) : open_part(paths[i], geometry);
      check_part(opened.part, i, model);
      if (state->tensors.size() + opened.part.tensors.size() > model.tensors)
        throw Error("container",
                    fmt::format("{}: more tensors than the split model has", printable(paths[i], SIZE_MAX)),
                    fmt::format("{} tensors", state->tensors.size() + opened.part.tensors.size()),
                    fmt::format("{} tensors", model.tensors));
      state->add(std::move(opened.part), opened.file.bytes().size(), static_cast<int>(i));
      state->files.push_back(std::move(opened.file));
    }
    if (state->tensors.size() != model.tensors)
      throw Error("container", fmt::format("{}: tensors of the split model are missing", printable(path, SIZE_MAX)),
                  fmt::format("{} tensors in {} parts", state->tensors.size(), model.count),
                  fmt::format("{} tensors", model.tensors));
  }
  return Gguf(std::move(state));
} catch (const std::bad_alloc&) {
  throw Error("container", printable(path, SIZE_MAX) + ": out of memory while the file was opened");
}

Gguf Gguf::parse(std::span<const std::byte> bytes, const GeometryOf& geometry, const std::string& name) try {
  auto state = std::make_unique<State>();
  state->path = name;
  Part part = parse_part(bytes, name, geometry);
  if (const Cut cut = cut_of(part); cut.count > 1)
    throw Error("container", printable(name, SIZE_MAX) + ": one part of a split model",
                fmt::format("part {} of {}", cut.index + 1, cut.count), "a whole model", "open the part as a file");
  state->add(std::move(part), bytes.size(), 0);
  return Gguf(std::move(state));
} catch (const std::bad_alloc&) {
  throw Error("container", printable(name, SIZE_MAX) + ": out of memory while the file was parsed");
}

Gguf::Gguf(std::unique_ptr<State> state) : state_(std::move(state)) {
  State& s = *state_;
  s.tensor_order = name_order(s.tensors, tensor_name);
  if (auto twice = duplicate(s.tensors, s.tensor_order, tensor_name)) {
    const Tensor &a = s.tensors[twice->first], &b = s.tensors[twice->second];
    throw Error("container",
                fmt::format("{}: the tensor {} occurs in two parts", printable(s.path, SIZE_MAX), quoted(a.name)),
                fmt::format("parts {} and {}", a.file + 1, b.file + 1), "each tensor once");
  }
}

Gguf::Gguf(Gguf&&) noexcept = default;
Gguf& Gguf::operator=(Gguf&&) noexcept = default;
Gguf::~Gguf() = default;

uint32_t Gguf::version() const { return state_->first.version; }
uint64_t Gguf::bytes() const { return state_->bytes; }
const std::string& Gguf::path() const { return state_->path; }
std::vector<std::string> Gguf::paths() const { return state_->part_paths; }
const std::vector<std::pair<std::string_view, Value>>& Gguf::metadata() const { return state_->first.metadata; }
const std::vector<Tensor>& Gguf::tensors() const { return state_->tensors; }

const Value* Gguf::find(std::string_view key) const { return state_->first.find(key); }
const Tensor* Gguf::find_tensor(std::string_view name) const {
  return find_name(state_->tensors, state_->tensor_order, name, tensor_name);
}

const Value& Gguf::value_at(std::string_view key) const {
  if (const Value* value = find(key)) return *value;
  throw Error("container",
              fmt::format("{}: the key {} is missing", printable(state_->first.path, SIZE_MAX), quoted(key)), "", "",
              "the file may be incomplete, or made for another kind of model");
}

uint64_t Gguf::unsigned_at(std::string_view key, uint64_t max) const {
  return unsigned_of(state_->at(key, value_at(key)), max);
}
double Gguf::number_at(std::string_view key) const { return number_of(state_->at(key, value_at(key))); }
std::string_view Gguf::string_at(std::string_view key) const { return string_of(state_->at(key, value_at(key))); }
std::vector<std::string_view> Gguf::strings_at(std::string_view key) const {
  return strings_of(state_->at(key, value_at(key)));
}
std::vector<float> Gguf::floats_at(std::string_view key) const { return floats_of(state_->at(key, value_at(key))); }
std::vector<int32_t> Gguf::integers_at(std::string_view key) const {
  return integers_of(state_->at(key, value_at(key)));
}
std::vector<uint64_t> Gguf::unsigneds_at(std::string_view key) const {
  return unsigneds_of(state_->at(key, value_at(key)));
}

std::optional<uint64_t> Gguf::find_unsigned(std::string_view key, uint64_t max) const {
  const Value* value = find(key);
  return value ? std::optional(unsigned_of(state_->at(key, *value), max)) : std::nullopt;
}
std::optional<double> Gguf::find_number(std::string_view key) const {
  const Value* value = find(key);
  return value ? std::optional(number_of(state_->at(key, *value))) : std::nullopt;
}
std::optional<bool> Gguf::find_bool(std::string_view key) const {
  const Value* value = find(key);
  return value ? std::optional(bool_of(state_->at(key, *value))) : std::nullopt;
}
std::optional<std::string_view> Gguf::find_string(std::string_view key) const {
  const Value* value = find(key);
  return value ? std::optional(string_of(state_->at(key, *value))) : std::nullopt;
}

bool Gguf::read(const Tensor& tensor, uint64_t at, std::span<std::byte> to) const {
  if (at > tensor.bytes || to.size() > tensor.bytes - at) return false;
  if (state_->files.empty()) return std::copy_n(tensor.data + at, to.size(), to.data()), true;
  return state_->files[static_cast<size_t>(tensor.file)].read(tensor.offset + at, to);
}

void Gguf::release(const Tensor& tensor) const {
  if (!state_->files.empty()) Mapping::release({tensor.data, tensor.bytes});
}

}  // namespace ingot::container
