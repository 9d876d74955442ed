// Whole files: read into memory with a bound, written so that a reader never sees half of one. For what a model file is, see container.
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
std::vector<std::byte> read_file(const std::string& path, uint64_t most);

/// The folder that holds `path`, with the slash at its end; "./" where none is named.
std::string folder_of(const std::string& path);

/// Where the symbolic links at `path` lead, also where nothing is there yet; `path` itself where they lead in a circle.
std::string link_target(std::string path);

/// A file that is removed with this object, or when a signal ends the process, unless it was kept.
class TemporaryFile {
 public:
  /// `path` names a file that exists, or "" for none.
  explicit TemporaryFile(std::string path);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  void keep() noexcept;

  /// Removes all that are there, for a process that is about to end by a signal: it does only what a signal handler may. Nothing may be
  /// written afterwards.
  static void discard_all() noexcept;

 private:
  std::string path_;
  int place_ = -1;  // among the files that discard_all removes
};

/// Who may read a new file: only its owner (what a person wrote), or whomever the process lets (umask).
enum class Access { owner, everyone };

/// Writes beside `path`, and takes its place in one step when all is on the disk. Without `commit`, nothing remains. Where a symbolic
/// link stands at `path`, what it leads to is replaced. Not safe to share between threads, but it changes nothing that other threads use.
class NewFile {
 public:
  /// Errors: what stands at `path` is no regular file, or nothing can be written there.
  NewFile(const std::string& path, Access access);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  /// Errors: the bytes cannot be written (disk full).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Errors: as `write`; then what stood at `path` still does.
  void commit();

 private:
  [[noreturn]] void fail(int error) const;
  std::string path_, target_;             // as it was named; where it will stand
  int file_ = -1;
  std::optional<TemporaryFile> written_;  // where it is being written
};

}  // namespace ingot
