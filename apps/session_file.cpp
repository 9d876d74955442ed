// By flock on the file itself. Where there is none yet, an empty one is made to hold the lock, and goes away when nothing is saved.
#include "session_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/files.h"

namespace ingot::apps {

/// The open file, whose lock ends with the process; and its name, while it is only a place to lock.
struct SessionFile::Taken {
  struct Descriptor {
    int number;
    ~Descriptor() { close(number); }
  } file;               // closed last: the name goes away while it is locked
  TemporaryFile empty;
  Taken(int opened, std::string made) : file{opened}, empty(std::move(made)) {}
};

namespace {

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

SessionFile::SessionFile(const std::string& path) : path_(path) {
  if (!path_.empty()) take();
}

SessionFile::~SessionFile() = default;

void SessionFile::take() {
  auto cannot = [&](const std::string& got, const std::string& advice = "") {
    return Error("run", "cannot write " + path_, got, "a regular file, or a new name in a folder that takes it", advice);
  };
  auto reason = [](int error) { return std::system_category().message(error); };
  const std::string target = link_target(path_);
  if (access(folder_of(target).c_str(), W_OK) != 0) throw cannot(reason(errno));
  for (;;) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int file = open(target.c_str(), flags | O_CREAT | O_EXCL, 0600);
    const bool made = file >= 0;
    if (!made && errno == EEXIST) file = open(target.c_str(), flags);
    if (file < 0) throw cannot(reason(errno));
    auto taken = std::make_unique<Taken>(file, made ? target : "");
    struct stat opened = {}, there = {};
    if (fstat(file, &opened) != 0) throw cannot(reason(errno));
    if (!S_ISREG(opened.st_mode)) throw cannot("something else of that name");
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK) {
      taken->empty.keep();  // not ours to remove
      throw cannot("one that another process is using", "wait until it has ended, or use another file");
    }
    // Between opening and locking, who had it may have replaced or removed it.
    if (stat(target.c_str(), &there) != 0 || there.st_ino != opened.st_ino || there.st_dev != opened.st_dev) {
      taken->empty.keep();
      continue;
    }
    holds_text_ = opened.st_size > 0;
    taken_ = std::move(taken);
    return;
  }
}

void SessionFile::load(Session& session) const {
  if (holds_text_) session.load(path_);
}

void SessionFile::save(const Session& session) {
  if (path_.empty()) return;
  taken_->empty.keep();
  session.save(path_);
}

}  // namespace ingot::apps
