#include "base/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <random>
#include <system_error>
#include <utility>

#include "ingot/error.h"

namespace ingot {
namespace {

constexpr int max_links = 40;   // as Linux follows them
constexpr int max_names = 100;  // tried at random for a new file

/// Closes on the way out.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

std::string reason(int error) { return std::system_category().message(error); }

/// Makes names durable; not every file system supports it.
void sync_folder_of(const std::string& path) {
  Descriptor folder{open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.number >= 0) fsync(folder.number);
}

// Files to remove when a signal ends the process. Any beyond this number are left behind.
std::array<std::atomic<const char*>, 512> temporary{};  // more than the parts of a model that may be open
static_assert(std::atomic<const char*>::is_always_lock_free, "a signal handler may take no lock");

}  // namespace

std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes) {
  auto cannot = [&](int error) { return Error("files", "cannot read " + path, reason(error), "a readable file"); };
  Descriptor file{
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // opening a pipe must not wait for its writer
  struct stat status = {};
  if (file.number < 0 || fstat(file.number, &status) != 0) throw cannot(errno);
  if (!S_ISREG(status.st_mode)) throw Error("files", "cannot read " + path, "not a regular file", "a regular file");
  uint64_t size = static_cast<uint64_t>(status.st_size), got = 0;
  if (size > max_bytes)
    throw Error("files", path + " is too long", fmt::format("{} bytes", size), fmt::format("at most {}", max_bytes));
  std::vector<std::byte> bytes(size);
  while (got < size) {
    ssize_t n = read(file.number, bytes.data() + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw cannot(errno);
    if (n == 0) break;  // it became shorter
    got += static_cast<uint64_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

std::string link_target(std::string path) {
  char buffer[PATH_MAX];
  for (int i = 0; i < max_links; i++) {
    ssize_t n = readlink(path.c_str(), buffer, sizeof buffer);
    if (n < 0 || n == sizeof buffer) return path;
    std::string to(buffer, static_cast<size_t>(n));
    path = to.starts_with('/') ? to : folder_of(path) + to;
  }
  return path;
}

TemporaryFile::TemporaryFile(std::string path) : path_(std::move(path)) {
  for (size_t i = 0; i < temporary.size() && slot_ < 0 && !path_.empty(); i++) {
    const char* none = nullptr;
    if (temporary[i].compare_exchange_strong(none, path_.c_str())) slot_ = static_cast<int>(i);
  }
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
  keep();
}

void TemporaryFile::keep() noexcept {
  if (slot_ >= 0) temporary[static_cast<size_t>(std::exchange(slot_, -1))] = nullptr;
  path_.clear();
}

void TemporaryFile::discard_all() noexcept {
  for (std::atomic<const char*>& file : temporary)
    if (const char* path = file.exchange(nullptr)) unlink(path);
}

NewFile::NewFile(const std::string& path, Access access) : path_(path), target_(link_target(path)) {
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw Error("files", "cannot write " + path, "not a regular file", "a regular file, or a new name");
  if (lstat(target_.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) fail(ELOOP);
  // The mode is given at creation, so that the system applies the umask: reading it would mean setting it, for every
  // thread.
  const mode_t mode = access == Access::owner ? 0600 : 0666;
  std::random_device random;
  std::string name;
  for (int i = 0; i < max_names && file_ < 0; i++) {
    name = fmt::format("{}.ingot-{:08x}", folder_of(target_), random());  // its length does not depend on the target's
    file_ = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file_ < 0 && errno != EEXIST) break;
  }
  if (file_ < 0) fail(errno);
  written_.emplace(std::move(name));
}

NewFile::~NewFile() {
  if (file_ >= 0) close(file_);
}

void NewFile::fail(int error) const {
  throw Error("files", "cannot write " + path_, reason(error), "a writable folder");
}

void NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void NewFile::commit() { sync(), take_name(); }

void NewFile::sync() {
  if (fsync(file_) != 0) fail(errno);
  if (int file = std::exchange(file_, -1); close(file) != 0) fail(errno);
}

void NewFile::remove_previous() {
  if (unlink(target_.c_str()) == 0)
    sync_folder_of(target_);
  else if (errno != ENOENT)
    fail(errno);
}

void NewFile::take_name() {
  if (rename(written_->path().c_str(), target_.c_str()) != 0) fail(errno);
  written_->keep();  // a signal before this point finds no file of that name
  sync_folder_of(target_);
}

}  // namespace ingot
