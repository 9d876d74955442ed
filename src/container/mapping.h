// A file mapped into memory, read-only.
//
// Some file systems refuse shared mappings, since they cannot keep them coherent (FUSE with direct_io, some of sysfs); a private one of
// a file that is only read is the same to us. What can be mapped in neither way has no pages in the system's cache (procfs, most of
// sysfs), and no model: it is refused, rather than held in memory a second time beside its repacked weights.
//
// A file that shrinks while it is mapped makes later reads of the lost pages fail with SIGBUS. The size is therefore checked
// again after mapping and after parsing, which covers a download still in progress. Past that, what is read after loading can be read
// from the file instead, where there is no signal. A signal handler is the host program's to install, and reading whole models into
// memory would cost every user their size in RAM.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ingot::container {

class Mapping {
 public:
  Mapping() = default;  ///< holds nothing
  /// Maps the regular file at `path`. Throws when it cannot be opened or is no regular file.
  explicit Mapping(const std::string& path);
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Mapping();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Throws when the file's size is no longer what it was.
  void settle() const { check_size(); }
  /// Bytes of the file from byte `at` on, read and not mapped. False where it no longer has them.
  bool read(uint64_t at, std::span<std::byte> to) const;
  /// The pages that lie entirely inside `bytes`, a part of this mapping, may leave this process's memory.
  static void release(std::span<const std::byte> bytes);

 private:
  void swap(Mapping& other) noexcept;
  void check_size() const;

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int file_ = -1;
};

/// `path` with its links resolved. Throws when nothing is there.
std::string resolved(const std::string& path);

}  // namespace ingot::container
