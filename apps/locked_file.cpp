// By flock on the file itself, which ends with the process, however that ends.
#include "locked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/files.h"
#include "ingot/error.h"

namespace ingot::apps {

struct LockedFile::Taken {
  struct Descriptor {
    int number;
    ~Descriptor() { close(number); }
  } file;               // closed last: the name goes away while it is locked
  TemporaryFile empty;  // the name, while there is only a place to lock
  Taken(int opened, std::string made) : file{opened}, empty(std::move(made)) {}
};

namespace {

constexpr int max_waits = 100;
constexpr std::chrono::milliseconds wait{10};

#ifdef __APPLE__
const timespec& modified(const struct stat& status) { return status.st_mtimespec; }
#else
const timespec& modified(const struct stat& status) { return status.st_mtim; }
#endif

Error cannot_write(const char* room, const std::string& path, const std::string& got, const std::string& advice = "") {
  return {room, "cannot write " + path, got, "a regular file, or a new name in a writable folder", advice};
}

}  // namespace

std::optional<FileVersion> FileVersion::of(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileVersion{.device = status.st_dev,
                     .inode = status.st_ino,
                     .bytes = static_cast<uint64_t>(status.st_size),
                     .seconds = modified(status).tv_sec,
                     .nanoseconds = modified(status).tv_nsec};
}

LockedFile::LockedFile(const char* room, const std::string& path, If when) {
  for (int i = 0; !take(room, path); i++) {
    if (when == If::busy_fail || i == max_waits)
      throw cannot_write(room, path, "a file that another process is using",
                         "wait until it has ended, or use another file");
    std::this_thread::sleep_for(wait);
  }
}

LockedFile::~LockedFile() = default;

void LockedFile::keep() { taken_->empty.keep(); }

/// False when another process holds it.
bool LockedFile::take(const char* room, const std::string& path) {
  auto reason = [](int error) { return std::system_category().message(error); };
  const std::string target = link_target(path);
  if (access(folder_of(target).c_str(), W_OK) != 0) throw cannot_write(room, path, reason(errno));
  for (;;) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int file = open(target.c_str(), flags | O_CREAT | O_EXCL, 0600);
    const bool made = file >= 0;
    if (!made && errno == EEXIST) file = open(target.c_str(), flags);
    if (file < 0) throw cannot_write(room, path, reason(errno));
    auto taken = std::make_unique<Taken>(file, made ? target : "");
    struct stat opened = {}, there = {};
    if (fstat(file, &opened) != 0) throw cannot_write(room, path, reason(errno));
    if (!S_ISREG(opened.st_mode)) throw cannot_write(room, path, "not a regular file");
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK) {
      taken->empty.keep();  // not ours to remove
      return false;
    }
    // Between opening and locking, whoever held it may have replaced or removed it.
    if (stat(target.c_str(), &there) != 0 || there.st_ino != opened.st_ino || there.st_dev != opened.st_dev) {
      taken->empty.keep();
      continue;
    }
    holds_text_ = opened.st_size > 0;
    taken_ = std::move(taken);
    return true;
  }
}

}  // namespace ingot::apps
