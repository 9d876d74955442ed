// Writes GGUF files for tests, sound ones and broken ones. Sound:
//
//   GgufBuilder file;
//   file.kv("general.architecture", "llama").kv("llama.block_count", uint32_t{2});
//   file.tensor("output_norm.weight", {64}, 0, bytes_of(std::vector<float>(64, 1.0f)));
//   file.write(path);
//
// Broken: every number that the builder would compute can be overridden (`n_keys`, `n_tensors`, a tensor's `n_dims` and
// `offset`), `raw_kv` takes a value of any type number and bytes, and `bytes()` can be edited before it is written.
#pragma once
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ingot::test {

/// `value` as the file has it: little endian, no padding.
template <class T> std::string raw(T value) {
  static_assert(std::is_arithmetic_v<T>);
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}
template <class T> std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}
/// A string as the file has it: length, then the bytes.
inline std::string raw_string(std::string_view text) { return raw<uint64_t>(text.size()) + std::string(text); }

/// The type number of metadata for a C++ type.
template <class T> constexpr uint32_t gguf_type() {
  if constexpr (std::is_same_v<T, uint8_t>)
    return 0;
  else if constexpr (std::is_same_v<T, int8_t>)
    return 1;
  else if constexpr (std::is_same_v<T, uint16_t>)
    return 2;
  else if constexpr (std::is_same_v<T, int16_t>)
    return 3;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return 4;
  else if constexpr (std::is_same_v<T, int32_t>)
    return 5;
  else if constexpr (std::is_same_v<T, float>)
    return 6;
  else if constexpr (std::is_same_v<T, bool>)
    return 7;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return 10;
  else if constexpr (std::is_same_v<T, int64_t>)
    return 11;
  else if constexpr (std::is_same_v<T, double>)
    return 12;
  else
    static_assert(!sizeof(T), "no metadata type for this C++ type");
}

class GgufBuilder {
 public:
  struct Tensor {
    std::string name;
    std::vector<uint64_t> shape;                    ///< fastest-running dimension first
    uint32_t type;                                  ///< number in the file
    std::string data;                               ///< its bytes; padded to the alignment when written
    std::optional<uint32_t> n_dims = std::nullopt;  ///< stated instead of shape.size()
    std::optional<uint64_t> offset = std::nullopt;  ///< stated instead of the true one
  };

  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> n_keys, n_tensors;  ///< stated instead of the true ones
  uint64_t alignment = 32;                    ///< of the data; `align` also writes the key
  bool pad_end = true;                        ///< pad after the last tensor, as ggml does
  std::vector<Tensor> tensors;

  template <class T> GgufBuilder& kv(std::string_view key, T value) {
    if constexpr (std::is_convertible_v<T, std::string_view>)
      return raw_kv(key, 8, raw_string(value));
    else
      return raw_kv(key, gguf_type<T>(), raw(value));
  }
  template <class T> GgufBuilder& array(std::string_view key, const std::vector<T>& values) {
    std::string elements;
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      for (const auto& v : values) elements += raw_string(v);
      return raw_array(key, 8, values.size(), elements);
    } else {
      for (T v : values) elements += raw<T>(v);
      return raw_array(key, gguf_type<T>(), values.size(), elements);
    }
  }
  /// An array whose element type, length and bytes are taken as they are.
  GgufBuilder& raw_array(std::string_view key, uint32_t element, uint64_t count, std::string_view bytes) {
    return raw_kv(key, 9, raw(element) + raw(count) + std::string(bytes));
  }
  /// A value whose type number and bytes are taken as they are.
  GgufBuilder& raw_kv(std::string_view key, uint32_t type, std::string_view bytes) {
    keys_ += raw_string(key) + raw(type) + std::string(bytes);
    ++keys_written_;
    return *this;
  }
  GgufBuilder& align(uint32_t bytes) {
    alignment = bytes;
    return kv("general.alignment", bytes);
  }
  GgufBuilder& tensor(std::string name, std::vector<uint64_t> shape, uint32_t type, std::string data) {
    tensors.push_back({std::move(name), std::move(shape), type, std::move(data)});
    return *this;
  }

  /// Header, metadata and tensor table, unpadded.
  std::string table() const {
    std::string out =
        magic + raw(version) + raw(n_tensors.value_or(tensors.size())) + raw(n_keys.value_or(keys_written_)) + keys_;
    uint64_t offset = 0;
    for (const Tensor& t : tensors) {
      out += raw_string(t.name) + raw<uint32_t>(t.n_dims.value_or(static_cast<uint32_t>(t.shape.size())));
      for (uint64_t n : t.shape) out += raw(n);
      out += raw(t.type) + raw(t.offset.value_or(offset));
      offset += padded(t.data.size());
    }
    return out;
  }
  /// The whole file.
  std::string bytes() const {
    std::string out = table();
    if (tensors.empty()) return out;
    out.resize(padded(out.size()));
    for (size_t i = 0; i < tensors.size(); ++i) {
      out += tensors[i].data;
      if (pad_end || i + 1 < tensors.size())
        out.resize(out.size() + padded(tensors[i].data.size()) - tensors[i].data.size());
    }
    return out;
  }
  void write(const std::string& path) const { write_file(path, bytes()); }
  static void write_file(const std::string& path, const std::string& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path);
  }

 private:
  uint64_t padded(uint64_t n) const { return (n + alignment - 1) / alignment * alignment; }

  std::string keys_;
  uint64_t keys_written_ = 0;
};

}  // namespace ingot::test
