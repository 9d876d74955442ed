#include "base/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ingot/error.h"

namespace ingot {
namespace {

/// Closes on the way out.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, uint64_t most) {
  auto cannot = [&] { return Error("files", "cannot read " + path, std::strerror(errno), "a readable file"); };
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // opening a pipe must not wait for its writer
  struct stat status = {};
  if (file.number < 0 || fstat(file.number, &status) != 0) throw cannot();
  if (!S_ISREG(status.st_mode)) throw Error("files", "cannot read " + path, "something else", "a regular file");
  uint64_t size = static_cast<uint64_t>(status.st_size), got = 0;
  if (size > most) throw Error("files", path + " is too long", fmt::format("{} bytes", size), fmt::format("at most {}", most));
  std::vector<std::byte> bytes(size);
  while (got < size) {
    ssize_t n = read(file.number, bytes.data() + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw cannot();
    if (n == 0) break;  // it became shorter
    got += static_cast<uint64_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

NewFile::NewFile(const std::string& path) : path_(path) {
  static std::atomic<int> count = 0;
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw Error("files", "cannot write " + path, "something else of that name", "a regular file, or none");
  written_ = fmt::format("{}.{}-{}.part", path, getpid(), count++);
  file_ = open(written_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ >= 0) return;
  written_.clear();
  fail();
}

NewFile::~NewFile() {
  if (file_ >= 0) close(file_);
  if (!written_.empty()) unlink(written_.c_str());
}

void NewFile::fail() const { throw Error("files", "cannot write " + path_, std::strerror(errno), "a folder that takes it"); }

void NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void NewFile::commit() {
  if (fsync(file_) != 0) fail();
  if (int file = std::exchange(file_, -1); close(file) != 0) fail();
  if (rename(written_.c_str(), path_.c_str()) != 0) fail();
  written_.clear();
  Descriptor folder{open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.number >= 0) fsync(folder.number);  // the name; not every file system offers it
}

}  // namespace ingot
