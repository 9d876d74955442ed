// Whole files: read into memory with a bound, written so that a reader never sees half of one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot {

/// The regular file at `path`. Errors: it cannot be read, or holds more than `most` bytes.
std::vector<std::byte> read_file(const std::string& path, uint64_t most);

/// Writes beside `path`, and takes its place in one step when all is on the disk. Without `commit`, nothing remains.
class NewFile {
 public:
  /// Errors: what stands at `path` is no regular file, or nothing can be written there.
  explicit NewFile(const std::string& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  /// Errors: the bytes cannot be written (disk full).
  void write(std::span<const std::byte> bytes);
  /// Errors: as `write`; then what stood at `path` still does.
  void commit();

 private:
  [[noreturn]] void fail() const;
  std::string path_, written_;  // where it will stand; where it is being written, "" once it is there
  int file_ = -1;
};

}  // namespace ingot
