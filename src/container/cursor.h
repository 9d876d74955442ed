// Reads the metadata of one file from front to back. Nothing is read, skipped or counted before it is known to exist;
// every error names the file, what was being read (a key, a tensor) and the byte offset.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "container/limits.h"

namespace ingot::container {

static_assert(std::endian::native == std::endian::little, "files are little endian and read in place");
static_assert(sizeof(size_t) == 8, "offsets are 64 bits wide");

/// A number at `data`, which need not be aligned.
template <class T> T load(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

/// What a message is about.
struct Subject {
  std::string_view file;        ///< path
  const char* kind = "header";  ///< "header", "key", "tensor"
  std::string_view name = {};   ///< of the key or tensor; empty while unknown
};
/// Throws the Error `FILE: KIND "NAME": what (byte OFFSET); got …; expected …; advice`.
[[noreturn]] void fail(const Subject& subject, uint64_t offset, const std::string& what, const std::string& got = "",
                       const std::string& expected = "", const std::string& advice = "");

class Cursor {
 public:
  Cursor(std::span<const std::byte> file, std::string_view path)
      : file_(file), end_(std::min<uint64_t>(file.size(), max_metadata_bytes)), subject_{path} {}

  uint64_t offset() const { return at_; }
  /// Bytes that the metadata may still have.
  uint64_t remaining() const { return end_ - at_; }
  const std::byte* data() const { return file_.data() + at_; }
  Subject& subject() { return subject_; }
  const Subject& subject() const { return subject_; }

  /// Steps over `bytes` bytes and returns the first of them.
  const std::byte* take(uint64_t bytes, const char* what) {
    if (bytes > remaining()) past_end(bytes, what);
    const std::byte* first = data();
    at_ += bytes;
    return first;
  }
  template <class T> T read(const char* what) { return load<T>(take(sizeof(T), what)); }
  /// A string: length as u64, then the bytes.
  std::string_view text(const char* what) {
    const uint64_t bytes = read<uint64_t>(what);
    return {reinterpret_cast<const char*>(take(bytes, what)), bytes};
  }
  /// Throws if `count` items of at least `min_bytes` each cannot fit into the rest.
  void expect_remaining(uint64_t count, uint64_t min_bytes, const char* what) const {
    if (count > remaining() / min_bytes) too_few_remaining(count, min_bytes, what);
  }

 private:
  [[noreturn]] void past_end(uint64_t bytes, const char* what) const;
  [[noreturn]] void too_few_remaining(uint64_t count, uint64_t min_bytes, const char* what) const;

  std::span<const std::byte> file_;
  uint64_t end_, at_ = 0;
  Subject subject_;
};

}  // namespace ingot::container
