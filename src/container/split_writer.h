// A model written as one file or as several, which take their names when all of them are whole. The first has
// the metadata; names and keys are those of llama.cpp, so that either program reads the other's.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "container/gguf_writer.h"

namespace ingot::container {

/// One file of a model that is to be written.
struct NewPart {
  std::string path;
  std::vector<NewValue> metadata;
  std::vector<NewTensor> tensors;
  uint64_t bytes = 0;  ///< of the file
};

/// Cuts a model between tensors so that each file has at most `max_bytes`, where no tensor is larger than that; 0: one
/// file. One file is called `path`; several NAME-00001-of-0000N.gguf …, where `path` is NAME.gguf or NAME. Errors: more
/// than 500 files.
std::vector<NewPart> parts_of(const std::string& path, const std::vector<NewValue>& metadata,
                              const std::vector<NewTensor>& tensors, uint64_t alignment, uint64_t max_bytes);

class SplitWriter {
 public:
  /// Errors: as GgufWriter.
  SplitWriter(const std::vector<NewPart>& parts, uint64_t alignment);
  /// The next bytes of the tensors, in the order of the parts; a piece ends no later than its tensor.
  void write(std::span<const std::byte> bytes);
  /// When all files are on the disk, they get their names one after another, the first one last; where there are
  /// several, an older first one is removed before. What ends this between two names leaves no first part, so that
  /// nothing reads a mixture. Errors: as GgufWriter; names are unchanged unless one of them cannot be given.
  void commit();

 private:
  std::vector<std::unique_ptr<GgufWriter>> writers_;
  std::vector<uint64_t> left_;  // bytes of tensors that each still gets
  size_t current_ = 0;
};

}  // namespace ingot::container
