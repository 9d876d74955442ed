// Files and pages (POSIX); see mapping.h.
#include "container/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "container/names.h"
#include "ingot/error.h"

namespace ingot::container {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, const std::string& got, const char* expected = "",
                       const char* advice = "") {
  throw Error("container", fmt::format("{}: {}", printable(path, SIZE_MAX), what), got, expected, advice);
}

std::string reason(int error) { return std::system_category().message(error); }

struct stat status(int file, const std::string& path) {
  struct stat s;
  if (fstat(file, &s) != 0) fail(path, "cannot read the file status", reason(errno));
  return s;
}

}  // namespace

Mapping::Mapping(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) fail(path, "the path contains a NUL character", "");
  // Not blocking: opening a named pipe must not wait for its writer.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) fail(path, "the file cannot be opened", reason(errno), "", "check the path and its permissions");
  Mapping opened;  // owns the file from here on; *this has no destructor call if this constructor throws
  opened.path_ = path;
  opened.file_ = file;
  const struct stat s = status(file, path);
  if (S_ISDIR(s.st_mode)) fail(path, "not a regular file", "a directory", "a model file");
  if (!S_ISREG(s.st_mode))
    fail(path, "not a regular file", "a device, pipe or socket", "a model file",
         "a model is read in any order and more than once: write it to a file first");
  if (s.st_size > 0) {
    auto map = [&](int how) { return mmap(nullptr, static_cast<size_t>(s.st_size), PROT_READ, how, file, 0); };
    void* data = map(MAP_SHARED);
    if (data == MAP_FAILED) data = map(MAP_PRIVATE);
    if (data == MAP_FAILED)
      fail(path, "the file cannot be mapped", reason(errno), "a file system that can map files",
           "copy the model to a local disk");
    opened.data_ = static_cast<const std::byte*>(data);
    opened.size_ = static_cast<size_t>(s.st_size);
  }
  opened.check_size();
  swap(opened);
}

Mapping::~Mapping() {
  if (data_) munmap(const_cast<std::byte*>(data_), size_);
  if (file_ >= 0) close(file_);
}

void Mapping::swap(Mapping& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(file_, other.file_);
}

void Mapping::check_size() const {
  const auto size = static_cast<uint64_t>(status(file_, path_).st_size);
  if (size != size_)
    fail(path_, "the file changed its size while it was opened", fmt::format("{} bytes, before {}", size, size_),
         "a complete file that is not being written", "wait until its download or conversion has ended");
}

bool Mapping::read(uint64_t at, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t n = pread(file_, to.data(), to.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<uint64_t>(n);
    to = to.subspan(static_cast<size_t>(n));
  }
  return true;
}

void Mapping::release(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) & ~(page - 1);
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) & ~(page - 1);
  // Only a hint: failure costs memory, nothing else.
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string resolved(const std::string& path) {
  char* real = path.find('\0') == std::string::npos ? realpath(path.c_str(), nullptr) : nullptr;
  if (!real) fail(path, "the file cannot be opened", reason(errno), "", "check the path and its permissions");
  std::string result = real;
  std::free(real);
  return result;
}

}  // namespace ingot::container
