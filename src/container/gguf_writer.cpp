#include "container/gguf_writer.h"

#include <cstring>

#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::container {

namespace {

constexpr uint32_t written_version = 3;

template <class T> void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_text(std::string& to, std::string_view text) {
  append(to, uint64_t{text.size()});
  to += text;
}

uint64_t aligned(uint64_t size, uint64_t alignment) {
  const auto sum = checked_align(size, alignment);
  if (!sum) throw Error("container", "the file would have more bytes than can be counted");
  return *sum;
}

// Everything before the tensors' bytes, padded.
std::string head_of(const std::vector<NewValue>& metadata, const std::vector<NewTensor>& tensors, uint64_t alignment) {
  std::string head = "GGUF";
  append(head, written_version);
  append(head, uint64_t{tensors.size()});
  append(head, uint64_t{metadata.size()});
  for (const NewValue& v : metadata) {
    append_text(head, v.key);
    append(head, static_cast<uint32_t>(v.type));
    if (v.type == Type::array) {
      append(head, static_cast<uint32_t>(v.element));
      append(head, v.count);
    }
    head += v.bytes;
  }
  uint64_t offset = 0;
  for (const NewTensor& t : tensors) {
    append_text(head, t.name);
    append(head, narrow<uint32_t>(t.shape.size()));
    for (uint64_t n : t.shape) append(head, n);
    append(head, t.type);
    append(head, offset);
    offset = aligned(capped_sum(offset, t.bytes), alignment);
  }
  head.resize(aligned(head.size(), alignment));
  return head;
}

template <class T> NewValue number(std::string_view key, Type type, T value) {
  NewValue v{std::string(key), type, type, 1, ""};
  append(v.bytes, value);
  return v;
}

}  // namespace

NewValue NewValue::of(std::string_view key, uint16_t value) { return number(key, Type::u16, value); }
NewValue NewValue::of(std::string_view key, uint32_t value) { return number(key, Type::u32, value); }
NewValue NewValue::of(std::string_view key, int32_t value) { return number(key, Type::i32, value); }
NewValue NewValue::of(std::string_view key, std::string_view text) {
  NewValue v{std::string(key), Type::string, Type::string, 1, ""};
  append_text(v.bytes, text);
  return v;
}
NewValue NewValue::of(std::string_view key, const std::vector<std::string>& texts) {
  NewValue v{std::string(key), Type::array, Type::string, texts.size(), ""};
  for (const std::string& text : texts) append_text(v.bytes, text);
  return v;
}
NewValue NewValue::of(std::string_view key, const Value& value) {
  return {std::string(key), value.type, value.element, value.count,
          std::string(reinterpret_cast<const char*>(value.data), value.bytes)};
}

uint64_t GgufWriter::size_of(const std::vector<NewValue>& metadata, const std::vector<NewTensor>& tensors,
                             uint64_t alignment) {
  uint64_t size = head_of(metadata, tensors, alignment).size();
  for (const NewTensor& t : tensors) size = aligned(capped_sum(size, t.bytes), alignment);
  return size;
}

GgufWriter::GgufWriter(const std::string& path, const std::vector<NewValue>& metadata, std::vector<NewTensor> tensors,
                       uint64_t alignment)
    : tensors_(std::move(tensors)), alignment_(alignment), file_(path, Access::everyone) {
  file_.write(head_of(metadata, tensors_, alignment));
  finish_tensors();
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  if (current_ == tensors_.size() || bytes.size() > tensors_[current_].bytes - written_)
    throw Error("container", "a tensor is written with more bytes than it has");
  file_.write(bytes);
  written_ += bytes.size();
  finish_tensors();
}

void GgufWriter::finish_tensors() {
  while (current_ < tensors_.size() && written_ == tensors_[current_].bytes) {
    file_.write(std::string(aligned(written_, alignment_) - written_, '\0'));
    written_ = 0, current_++;
  }
}

void GgufWriter::commit() { sync(), take_name(); }

void GgufWriter::sync() {
  if (current_ != tensors_.size()) throw Error("container", "a tensor is written with fewer bytes than it has");
  file_.sync();
}

}  // namespace ingot::container
