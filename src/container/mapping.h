// A file mapped into memory, read-only.
//
// Some file systems refuse shared mappings because they cannot keep them coherent (FUSE with direct_io, parts of
// sysfs); for a file that is only read, a private mapping is equivalent. Files that can be mapped in neither way are
// not in the page cache (procfs, most of sysfs) and hold no models: they are refused rather than kept in memory a
// second time next to the repacked weights.
//
// A file that shrinks while it is mapped makes later reads of the lost pages fail with SIGBUS. The size is therefore
// checked again after mapping and after parsing, which covers a download still in progress. Beyond that, what is needed
// after loading can be read from the file, which raises no signal. Installing a signal handler is up to the host
// program, and reading whole models into memory would cost every user their size in RAM.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ingot::container {

class Mapping {
 public:
  Mapping() = default;  ///< holds nothing
  /// Maps the regular file at `path`. Throws if it cannot be opened or is not a regular file.
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
  /// Reads bytes from the file at offset `at`, not from the mapping. False if the file no longer has them.
  bool read(uint64_t at, std::span<std::byte> to) const;
  /// Tells the system that the pages entirely inside `bytes`, a part of this mapping, are no longer needed in memory.
  static void release(std::span<const std::byte> bytes);

 private:
  void swap(Mapping& other) noexcept;
  void check_size() const;

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int file_ = -1;
};

/// `path` with its links resolved. Throws if it does not exist.
std::string resolved(const std::string& path);

}  // namespace ingot::container
