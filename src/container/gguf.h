// A model file opened, checked and mapped: typed metadata and tensors. Everything the file says is checked before use;
// what it returns can be trusted: names are unique, tensors lie inside their file, do not overlap, and have the size
// that their type's geometry gives. It has no list of types: the caller supplies the geometry of a type number.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ingot/error.h"

namespace ingot::container {

/// Value types of metadata, numbered as in the file (GGUF specification, "gguf_metadata_value_type").
enum class Type : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
const char* type_name(Type type);

/// One metadata value, still in the mapped file. Numbers are read on demand; strings and arrays are views.
struct Value {
  Type type;              ///< of the value; for arrays Type::array
  Type element;           ///< of the elements of an array; otherwise equal to `type`
  uint64_t count;         ///< elements of an array, 1 otherwise
  const std::byte* data;  ///< first byte of the value (of the first element); unaligned, little endian
  uint64_t bytes;         ///< bytes from `data` to the end of the value
  uint64_t offset;        ///< of `data` in its file, for messages
};
/// A value, or one element of an array. Integers are int64_t when negative, else uint64_t.
using Scalar = std::variant<bool, int64_t, uint64_t, double, std::string_view>;

/// Weights in a block and bytes of a block, of a tensor type.
struct Geometry {
  uint64_t block, block_bytes;
  std::string name;  ///< for messages
};
/// Geometry of a tensor type number; nothing when unknown.
using GeometryOf = std::function<std::optional<Geometry>(uint32_t type)>;

struct Tensor {
  std::string name;
  uint32_t type;                ///< number in the file
  std::vector<uint64_t> shape;  ///< 1–4 dimensions, all > 0, fastest-running first; shape[0] is a multiple of the block
  uint64_t elements, bytes;
  const std::byte* data;  ///< in the mapped file
  uint64_t offset;        ///< of `data` in its file
  int file;               ///< part of a split model, from 0
};

class Gguf {
 public:
  /// Opens `path`, and every other part when it is one part of a split model. Errors name the part, the key or tensor
  /// and the file offset.
  static Gguf open(const std::string& path, const GeometryOf& geometry);
  /// The same for a whole model in memory, which must outlive the result. `name` stands for the path in messages.
  static Gguf parse(std::span<const std::byte> bytes, const GeometryOf& geometry, const std::string& name = "memory");
  Gguf(Gguf&&) noexcept;
  Gguf& operator=(Gguf&&) noexcept;
  ~Gguf();

  uint32_t version() const;
  uint64_t bytes() const;  ///< all parts together
  const std::string& path() const;
  std::vector<std::string> paths() const;  ///< of all parts
  /// Metadata of the first part in file order, keys unique. Keys, like all string views here, point into the mapped
  /// file.
  const std::vector<std::pair<std::string_view, Value>>& metadata() const;
  const std::vector<Tensor>& tensors() const;  ///< in file order, names unique over all parts

  const Value* find(std::string_view key) const;
  const Tensor* find_tensor(std::string_view name) const;
  /// The value, or the first `max` elements of an array, whatever their type; floats may be NaN or infinite.
  static std::vector<Scalar> elements(const Value& value, uint64_t max = UINT64_MAX);

  // Typed access. The first form throws when the key is missing; all throw when the value has another type or is out of
  // range. Integers of any width are accepted where they fit; arrays of up to 2,097,152 elements.
  uint64_t unsigned_at(std::string_view key, uint64_t max = UINT64_MAX) const;
  std::optional<uint64_t> find_unsigned(std::string_view key, uint64_t max = UINT64_MAX) const;
  double number_at(std::string_view key) const;  ///< f32, f64 or an integer; finite
  std::optional<double> find_number(std::string_view key) const;
  std::optional<bool> find_bool(std::string_view key) const;
  std::string_view string_at(std::string_view key) const;
  std::optional<std::string_view> find_string(std::string_view key) const;
  std::vector<std::string_view> strings_at(std::string_view key) const;
  std::vector<float> floats_at(std::string_view key) const;        ///< array of f32, all finite
  std::vector<int32_t> integers_at(std::string_view key) const;    ///< array of any integer type whose values fit
  std::vector<uint64_t> unsigneds_at(std::string_view key) const;  ///< array of integers, or one integer, none negative

  /// Bytes of the tensor from its byte `at` on, from its file and not from the mapping. False where the file no longer
  /// has them.
  bool read(const Tensor& tensor, uint64_t at, std::span<std::byte> to) const;
  /// Tells the system that the bytes of this tensor will not be read soon (their pages may go).
  void release(const Tensor& tensor) const;

 private:
  struct State;
  explicit Gguf(std::unique_ptr<State> state);
  const Value& value_at(std::string_view key) const;
  std::unique_ptr<State> state_;
};

}  // namespace ingot::container
