// One file of a model, parsed and checked: the data of gguf.h before the parts of a split model are joined.
//   parse.cpp   bytes -> metadata and tensor table
//   layout.cpp  where the tensors lie: sizes, offsets, gaps
//   values.cpp  values -> numbers and strings
//   parts.cpp   which files belong together
#pragma once
#include "container/cursor.h"
#include "container/gguf.h"
#include "container/names.h"

namespace ingot::container {

using Entry = std::pair<std::string_view, Value>;
inline std::string_view entry_name(const Entry& entry) { return entry.first; }
inline std::string_view tensor_name(const Tensor& tensor) { return tensor.name; }

struct Part {
  std::string path;  ///< for messages
  uint32_t version = 0;
  std::vector<Entry> metadata;           ///< file order
  std::vector<uint32_t> metadata_order;  ///< by name
  std::vector<Tensor> tensors;           ///< file order; `file` not yet set
  uint64_t alignment = default_alignment;

  const Value* find(std::string_view key) const {
    const Entry* entry = find_name(metadata, metadata_order, key, entry_name);
    return entry ? &entry->second : nullptr;
  }
};

/// Parses the whole of `bytes`; `path` names it in messages.
Part parse_part(std::span<const std::byte> bytes, const std::string& path, const GeometryOf& geometry);

/// A tensor as in the table, before its position is checked.
struct TensorRow {
  uint64_t table_offset;  ///< of its entry in the file, for messages
  uint64_t data_offset;   ///< as stated, from the start of the data
};
/// Fills elements, bytes, offset and data of `part.tensors` (`rows` in the same order), and checks that they lie in the
/// file one after another without overlap or gap. `table_end`: first byte after the tensor table.
void place_tensors(Part& part, const std::vector<TensorRow>& rows, uint64_t table_end, std::span<const std::byte> file,
                   const GeometryOf& geometry);

/// The place of a value, for messages.
struct ValueAt {
  std::string_view file, key;
  const Value& value;
};
bool is_integer(Type type);
uint64_t type_bytes(Type type);  ///< of a number or boolean; 0 for strings and arrays
uint64_t unsigned_of(const ValueAt& at, uint64_t max);
double number_of(const ValueAt& at);
bool bool_of(const ValueAt& at);
std::string_view string_of(const ValueAt& at);
std::vector<std::string_view> strings_of(const ValueAt& at);
std::vector<float> floats_of(const ValueAt& at);
std::vector<int32_t> integers_of(const ValueAt& at);
std::vector<uint64_t> unsigneds_of(const ValueAt& at);

/// What `part` says about the model it belongs to; count is 1 for a complete model.
struct Cut {
  uint64_t index, count, tensors;
};
Cut cut_of(const Part& part);

/// The paths of all parts of a model of `count` parts, one of which is `path`, by the naming rule
/// NAME-00001-of-0000N.gguf in one directory. `index` is the position of `path`. Throws if the name does not follow the
/// rule or has other numbers.
std::vector<std::string> part_paths(const std::string& path, const Cut& cut);
/// Throws unless `path`, after following links, lies in the same directory as `first`, after following links.
void check_same_directory(const std::string& path, const std::string& first);

}  // namespace ingot::container
