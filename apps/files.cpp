// Through stdio, with every step checked.
#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "ingot/error.h"

namespace ingot::apps {

std::string read_text(const std::string& file) {
  auto cannot = [&] { return Error("input", "cannot read " + (file == "-" ? "stdin" : file), std::strerror(errno), "a readable file"); };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(nullptr, std::fclose);
  if (file != "-") opened.reset(std::fopen(file.c_str(), "rb"));
  std::FILE* source = file == "-" ? stdin : opened.get();
  if (!source) throw cannot();
  std::string bytes;
  char buffer[1 << 16];
  while (size_t n = std::fread(buffer, 1, sizeof buffer, source)) bytes.append(buffer, n);
  if (std::ferror(source)) throw cannot();
  return bytes;
}

void write_text(const std::string& file, std::string_view text) {
  std::string part = file + ".XXXXXX";
  int made = mkstemp(part.data());
  bool whole = made >= 0;
  for (size_t at = 0; whole && at < text.size();) {
    ssize_t n = write(made, text.data() + at, text.size() - at);
    whole = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) at += static_cast<size_t>(n);
  }
  mode_t mask = umask(0);
  umask(mask);
  whole = whole && fchmod(made, 0666 & ~mask) == 0 && fsync(made) == 0;
  int error = errno;
  if (made >= 0 && close(made) != 0 && whole) error = errno, whole = false;
  if (whole && std::rename(part.c_str(), file.c_str()) != 0) error = errno, whole = false;
  if (whole) return;
  if (made >= 0) unlink(part.c_str());
  throw Error("output", "cannot write " + file, std::strerror(error), "a folder that takes it");
}

}  // namespace ingot::apps
