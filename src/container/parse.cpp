// The file from its first byte to the end of the tensor table, in file order (GGUF specification, versions 2 and 3):
//   magic "GGUF" · u32 version · u64 tensors · u64 keys
//   keys:     string name · u32 type · value
//   tensors:  string name · u32 dimensions · u64 each · u32 type · u64 offset from the start of the data
#include <fmt/core.h>

#include "base/checked.h"
#include "container/part.h"

namespace ingot::container {
namespace {

constexpr uint64_t min_key_bytes = 8 + 1 + 4 + 1;             // name, type, value
constexpr uint64_t min_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8;  // name, dimensions, one dimension, type, offset
constexpr uint64_t min_string_bytes = 8;

struct Header {
  uint32_t version;
  uint64_t tensors, keys;
};

/// Says what the file is instead, when that is known.
[[noreturn]] void not_gguf(const Cursor& cursor, std::string_view head, std::string_view path) {
  const Subject subject{path};
  const auto starts = [&](std::string_view with) { return head.substr(0, with.size()) == with; };
  if (starts("FUGG"))
    fail(subject, 0, "a big-endian file", "magic \"FUGG\"", "little endian", "convert the model for this machine");
  if (starts("tjgg") || starts("lmgg") || starts("algg") || starts("fmgg"))
    fail(subject, 0, "an older model format than GGUF", quoted(head), "magic \"GGUF\"", "convert the model to GGUF");
  if (starts("vers"))
    fail(subject, 0, "a Git LFS pointer instead of the file", "", "magic \"GGUF\"",
         "fetch the file itself, for example with git lfs pull");
  if (head.empty()) fail(subject, 0, "the file is empty", "0 bytes", "a model file");
  fail(subject, 0, "not a GGUF file",
       fmt::format("{} and {} more bytes", quoted(head), cursor.remaining() - head.size()), "magic \"GGUF\"",
       "check that this is the model file");
}

Header parse_header(Cursor& cursor, std::string_view path) {
  const auto head_bytes = std::min<uint64_t>(4, cursor.remaining());
  const std::string_view head{reinterpret_cast<const char*>(cursor.data()), head_bytes};
  if (head != "GGUF") not_gguf(cursor, head, path);
  cursor.take(4, "magic");

  const uint64_t at = cursor.offset();
  const auto version = cursor.read<uint32_t>("version");
  if (version != 2 && version != 3) {
    const uint32_t swapped = __builtin_bswap32(version);
    if (swapped >= 1 && swapped <= 3)
      fail(cursor.subject(), at, "a big-endian file", fmt::format("version {} with its bytes swapped", swapped),
           "little endian", "convert the model for this machine");
    fail(cursor.subject(), at, "unknown GGUF version", std::to_string(version), "2 or 3",
         version == 1 ? "convert the model anew" : "the file may be newer than this program, or damaged");
  }
  const uint64_t tensors_at = cursor.offset();
  const auto tensors = cursor.read<uint64_t>("number of tensors");
  const uint64_t keys_at = cursor.offset();
  const auto keys = cursor.read<uint64_t>("number of keys");
  cursor.expect_remaining(keys, min_key_bytes, "keys");
  cursor.expect_remaining(tensors, min_tensor_bytes, "tensors");
  if (keys > max_keys)
    fail(cursor.subject(), keys_at, "too many keys", std::to_string(keys), fmt::format("at most {}", max_keys));
  if (tensors > max_tensors)
    fail(cursor.subject(), tensors_at, "too many tensors", std::to_string(tensors),
         fmt::format("at most {}", max_tensors));
  return {version, tensors, keys};
}

Type parse_type(Cursor& cursor, const char* what) {
  const uint64_t at = cursor.offset();
  const auto type = cursor.read<uint32_t>(what);
  if (type > static_cast<uint32_t>(Type::f64))
    fail(cursor.subject(), at, fmt::format("unknown {}", what), std::to_string(type), "0 to 12");
  return static_cast<Type>(type);
}

void check_booleans(const Cursor& cursor, const std::byte* first, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i)
    if (first[i] > std::byte{1})
      fail(cursor.subject(), cursor.offset() - count + i, "a boolean is neither 0 nor 1",
           std::to_string(static_cast<int>(first[i])), "0 or 1");
}

Value parse_value(Cursor& cursor) {
  Value value{};
  value.type = value.element = parse_type(cursor, "value type");
  value.count = 1;
  if (value.type == Type::array) {
    const uint64_t at = cursor.offset();
    value.element = parse_type(cursor, "element type");
    if (value.element == Type::array)
      fail(cursor.subject(), at, "an array of arrays", "", "an array of numbers, booleans or strings");
    value.count = cursor.read<uint64_t>("array length");
  }
  value.data = cursor.data();
  value.offset = cursor.offset();
  if (value.element == Type::string) {
    cursor.expect_remaining(value.count, min_string_bytes, "strings");
    for (uint64_t i = 0; i < value.count; ++i) cursor.text("string");
  } else {
    const uint64_t each = type_bytes(value.element);
    cursor.expect_remaining(value.count, each, "array elements");
    const std::byte* first = cursor.take(value.count * each, "value");  // the product is at most what remains
    if (value.element == Type::boolean) check_booleans(cursor, first, value.count);
  }
  value.bytes = cursor.offset() - value.offset;
  return value;
}

/// A key's or tensor's name, which becomes the subject of messages.
std::string_view parse_name(Cursor& cursor, const char* kind, uint64_t max_bytes) {
  const uint64_t at = cursor.offset();
  cursor.subject() = {cursor.subject().file, kind};
  const std::string_view name = cursor.text("name");
  cursor.subject().name = name;
  if (const char* fault = name_fault(name, max_bytes))
    fail(cursor.subject(), at, fault, fmt::format("{} bytes", name.size()),
         fmt::format("1 to {} bytes of UTF-8 without control characters", max_bytes));
  return name;
}

void parse_metadata(Part& part, Cursor& cursor, uint64_t keys) {
  part.metadata.reserve(keys);
  for (uint64_t i = 0; i < keys; ++i) {
    const std::string_view name = parse_name(cursor, "key", max_key_bytes);
    part.metadata.emplace_back(name, parse_value(cursor));
  }
  part.metadata_order = name_order(part.metadata, entry_name);
  if (auto twice = duplicate(part.metadata, part.metadata_order, entry_name))
    fail({part.path, "key", part.metadata[twice->second].first}, part.metadata[twice->second].second.offset,
         "the key occurs twice", "", fmt::format("only the one at byte {}", part.metadata[twice->first].second.offset));
}

void parse_alignment(Part& part) {
  const char* key = "general.alignment";
  const Value* value = part.find(key);
  if (!value) return;
  const Subject subject{part.path, "key", key};
  if (value->type != Type::u32)
    fail(subject, value->offset, "the alignment has the wrong type", type_name(value->type), "u32");
  part.alignment = load<uint32_t>(value->data);
  if (!std::has_single_bit(part.alignment) || part.alignment > max_alignment)
    fail(subject, value->offset, "impossible alignment", std::to_string(part.alignment),
         fmt::format("a power of two from 1 to {}", max_alignment));
}

std::vector<uint64_t> parse_shape(Cursor& cursor) {
  const uint64_t at = cursor.offset();
  const auto dimensions = cursor.read<uint32_t>("number of dimensions");
  if (dimensions < 1 || dimensions > max_dimensions)
    fail(cursor.subject(), at, "impossible number of dimensions", std::to_string(dimensions), "1 to 4");
  std::vector<uint64_t> shape(dimensions);
  for (uint64_t& size : shape) {
    const uint64_t size_at = cursor.offset();
    size = cursor.read<uint64_t>("dimension");
    if (size == 0 || size >> 63)
      fail(cursor.subject(), size_at, "impossible dimension", fmt::format("{}", static_cast<int64_t>(size)),
           "more than 0");
  }
  return shape;
}

std::vector<TensorRow> parse_tensors(Part& part, Cursor& cursor, uint64_t tensors) {
  std::vector<TensorRow> rows;
  part.tensors.reserve(tensors);
  rows.reserve(tensors);
  for (uint64_t i = 0; i < tensors; ++i) {
    TensorRow row{cursor.offset(), 0};
    Tensor tensor{};
    tensor.name = parse_name(cursor, "tensor", max_name_bytes);
    tensor.shape = parse_shape(cursor);
    tensor.type = cursor.read<uint32_t>("tensor type");
    row.data_offset = cursor.read<uint64_t>("tensor offset");
    part.tensors.push_back(std::move(tensor));
    rows.push_back(row);
  }
  const auto order = name_order(part.tensors, tensor_name);
  if (auto twice = duplicate(part.tensors, order, tensor_name))
    fail({part.path, "tensor", part.tensors[twice->second].name}, rows[twice->second].table_offset,
         "the tensor occurs twice", "", fmt::format("only the one at byte {}", rows[twice->first].table_offset));
  return rows;
}

}  // namespace

const char* type_name(Type type) {
  static constexpr const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                          "bool", "string", "array", "u64", "i64", "f64"};
  return static_cast<uint32_t>(type) < std::size(names) ? names[static_cast<uint32_t>(type)] : "unknown";
}

Part parse_part(std::span<const std::byte> bytes, const std::string& path, const GeometryOf& geometry) {
  Part part;
  part.path = path;
  Cursor cursor(bytes, part.path);
  const Header header = parse_header(cursor, part.path);
  part.version = header.version;
  parse_metadata(part, cursor, header.keys);
  parse_alignment(part);
  const std::vector<TensorRow> rows = parse_tensors(part, cursor, header.tensors);
  place_tensors(part, rows, cursor.offset(), bytes, geometry);
  return part;
}

}  // namespace ingot::container
