// Whole files: read into memory up to a limit, and written so that readers never see a partial one. For model files see
// container.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// The regular file at `path`. Errors: it cannot be read, or holds more than `most` bytes.
std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes);

/// The folder that holds `path`, with the slash at its end; "./" where none is named.
std::string folder_of(const std::string& path);

/// The target of the symbolic links at `path`, which need not exist; `path` itself if they form a cycle.
std::string link_target(std::string path);

/// A file that is removed on destruction, or when a signal ends the process, unless keep() was called.
class TemporaryFile {
 public:
  /// `path` names a file that exists, or "" for none.
  explicit TemporaryFile(std::string path);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  void keep() noexcept;

  /// Removes all existing ones. For a process that is about to be ended by a signal: async-signal-safe. Nothing may be
  /// written afterwards.
  static void discard_all() noexcept;

 private:
  std::string path_;
  int slot_ = -1;  // among the files that discard_all removes
};

/// Who may read a new file: only its owner (for private content), or everyone that the umask permits.
enum class Access { owner, everyone };

/// Writes a temporary file next to `path`; commit() syncs it and atomically replaces `path`. Without `commit`, nothing
/// remains. If `path` is a symbolic link, its target is replaced. One object is not thread-safe, but it changes no
/// process-wide state.
class NewFile {
 public:
  /// Errors: `path` exists and is not a regular file, or its folder is not writable.
  NewFile(const std::string& path, Access access);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  /// Errors: the bytes cannot be written (disk full).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// `sync`, then `take_name`.
  void commit();
  /// Puts all bytes on the disk; none can be written after it. Errors: as `write`; `path` is then unchanged.
  void sync();
  /// Removes what `path` was before, where there is anything. Errors: it cannot be removed.
  void remove_previous();
  /// After `sync`: the file is called `path`. Errors: it cannot be; `path` is then unchanged.
  void take_name();

 private:
  [[noreturn]] void fail(int error) const;
  std::string path_, target_;  // as given; with links resolved
  int file_ = -1;
  std::optional<TemporaryFile> written_;  // where it is being written
};

}  // namespace ingot
