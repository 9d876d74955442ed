#include "container/split_writer.h"

#include <fmt/core.h>

#include "base/checked.h"
#include "container/limits.h"
#include "ingot/error.h"

namespace ingot::container {

namespace {

constexpr size_t max_open_files = 500;  // all are open until the last is whole

/// At least the bytes that a tensor takes of a file: its own, padded, and its entry in the table.
uint64_t bytes_with_entry(const NewTensor& t, uint64_t alignment) {
  constexpr uint64_t numbers = 8 + 4 + 4 + 8;  // of an entry: length of the name, dimensions, type, offset
  return capped_sum(t.bytes, alignment, numbers, t.name.size(), capped_product(t.shape.size(), sizeof(uint64_t)));
}

std::vector<NewValue> split_keys(size_t index, size_t count, size_t tensors) {
  return {NewValue::of("split.no", narrow<uint16_t>(index)), NewValue::of("split.count", narrow<uint16_t>(count)),
          NewValue::of("split.tensors.count", narrow<int32_t>(tensors))};
}

NewValue alignment_key(uint64_t alignment) { return NewValue::of("general.alignment", narrow<uint32_t>(alignment)); }

}  // namespace

std::vector<NewPart> parts_of(const std::string& path, const std::vector<NewValue>& metadata,
                              const std::vector<NewTensor>& tensors, uint64_t alignment, uint64_t max_bytes) {
  std::vector<NewPart> parts(1);
  parts[0].metadata = metadata;
  // No part has more bytes than `size` says: with its keys, and where the table of tensors is padded at its end.
  std::vector<NewValue> own = split_keys(0, 1, 0);
  if (alignment != default_alignment) own.push_back(alignment_key(alignment));
  const uint64_t keys = capped_sum(GgufWriter::size_of(own, {}, alignment), alignment);
  uint64_t size = capped_sum(GgufWriter::size_of(metadata, {}, alignment), keys);
  if (max_bytes == 0 || GgufWriter::size_of(metadata, tensors, alignment) <= max_bytes) {
    parts[0].tensors = tensors;
  } else {
    for (const NewTensor& t : tensors) {
      const uint64_t more = bytes_with_entry(t, alignment);
      if (!parts.back().tensors.empty() && capped_sum(size, more) > max_bytes) parts.emplace_back(), size = keys;
      parts.back().tensors.push_back(t);
      size = capped_sum(size, more);
    }
  }
  if (parts.size() > max_open_files)
    throw Error("container", "the model would have too many parts", std::to_string(parts.size()),
                fmt::format("at most {}", max_open_files), "allow larger parts");
  const std::string_view ending = ".gguf";
  const std::string name = path.ends_with(ending) ? path.substr(0, path.size() - ending.size()) : path;
  for (size_t i = 0; i < parts.size(); i++) {
    NewPart& part = parts[i];
    part.path = path;
    if (parts.size() > 1) {
      part.path = fmt::format("{}-{:05}-of-{:05}{}", name, i + 1, parts.size(), ending);
      if (i > 0 && alignment != default_alignment) part.metadata.push_back(alignment_key(alignment));
      for (NewValue& v : split_keys(i, parts.size(), tensors.size())) part.metadata.push_back(std::move(v));
    }
    part.bytes = GgufWriter::size_of(part.metadata, part.tensors, alignment);
  }
  return parts;
}

SplitWriter::SplitWriter(const std::vector<NewPart>& parts, uint64_t alignment) {
  for (const NewPart& part : parts) {
    writers_.push_back(std::make_unique<GgufWriter>(part.path, part.metadata, part.tensors, alignment));
    uint64_t bytes = 0;
    for (const NewTensor& t : part.tensors) bytes = capped_sum(bytes, t.bytes);
    left_.push_back(bytes);
  }
}

void SplitWriter::write(std::span<const std::byte> bytes) {
  while (current_ + 1 < writers_.size() && left_[current_] == 0) current_++;
  writers_[current_]->write(bytes);
  left_[current_] -= bytes.size();
}

void SplitWriter::commit() {
  for (const auto& writer : writers_) writer->sync();
  // Without its first part a model is none: files of an older one beside new ones are not read as if they belonged.
  if (writers_.size() > 1) writers_[0]->remove_previous();
  for (size_t i = writers_.size(); i-- > 0;) writers_[i]->take_name();
}

}  // namespace ingot::container
