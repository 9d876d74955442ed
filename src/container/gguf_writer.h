// A model file, written: the metadata and the table of tensors first, then the tensors one after another, in as many
// pieces as the caller likes, so that no more of a model is in memory than that. The file takes its name when it is
// whole and on the disk.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "container/gguf.h"

namespace ingot::container {

/// A metadata value as the file will have it.
struct NewValue {
  std::string key;
  Type type, element;  ///< element: of arrays; otherwise equal to `type`
  uint64_t count;      ///< elements of an array, 1 otherwise
  std::string bytes;   ///< little endian; strings behind their 64-bit length

  static NewValue of(std::string_view key, uint16_t value);
  static NewValue of(std::string_view key, uint32_t value);
  static NewValue of(std::string_view key, int32_t value);
  static NewValue of(std::string_view key, std::string_view text);
  static NewValue of(std::string_view key, const std::vector<std::string>& texts);
  /// As another file has it.
  static NewValue of(std::string_view key, const Value& value);
};

struct NewTensor {
  std::string name;
  uint32_t type;
  std::vector<uint64_t> shape;  ///< fastest-running first
  uint64_t bytes;
};

class GgufWriter {
 public:
  /// `alignment`: of tensors, a power of two. Errors: as NewFile; sizes that cannot be counted.
  GgufWriter(const std::string& path, const std::vector<NewValue>& metadata, std::vector<NewTensor> tensors,
             uint64_t alignment);
  /// Bytes that such a file has.
  static uint64_t size_of(const std::vector<NewValue>& metadata, const std::vector<NewTensor>& tensors,
                          uint64_t alignment);

  /// The next bytes of the tensors, in the order of the table; a piece ends no later than its tensor. Errors: disk
  /// full.
  void write(std::span<const std::byte> bytes);
  /// After the last byte of the last tensor. Errors: as `write`; the path is then unchanged.
  void commit();
  /// The two halves of `commit`, and what may come between them: as NewFile has them.
  void sync();
  void remove_previous() { file_.remove_previous(); }
  void take_name() { file_.take_name(); }

 private:
  void finish_tensors();

  std::vector<NewTensor> tensors_;
  uint64_t alignment_, written_ = 0;  // of the current tensor
  size_t current_ = 0;
  NewFile file_;
};

}  // namespace ingot::container
