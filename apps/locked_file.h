// A file that one process at a time may read and replace: two that change it at once would lose what one of them wrote.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ingot::apps {

/// Changes whenever the file at a path is replaced or written.
struct FileVersion {
  uint64_t device, inode, bytes;
  int64_t seconds, nanoseconds;  // of the last write
  bool operator==(const FileVersion&) const = default;
  /// Nothing where there is no file.
  static std::optional<FileVersion> of(const std::string& path);
};

class LockedFile {
 public:
  enum class If { busy_fail, busy_wait };
  /// Locks the file at `path` (symbolic links are followed), which need not exist yet. `room` is whose error it is.
  /// Errors: it cannot be read or written; another process holds it, with busy_wait for a second.
  LockedFile(const char* room, const std::string& path, If when);
  ~LockedFile();
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;
  /// Was there anything in it?
  bool holds_text() const { return holds_text_; }
  /// Call before it is replaced: where there was no file, the empty one that was made to hold the lock is otherwise
  /// removed again.
  void keep();

 private:
  struct Taken;
  bool take(const char* room, const std::string& path);
  std::unique_ptr<Taken> taken_;
  bool holds_text_ = false;
};

}  // namespace ingot::apps
