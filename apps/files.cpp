// Through stdio, with every step checked.
#include "files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <new>
#include <system_error>

#include "ingot/error.h"

namespace ingot::apps {

std::string read_text(const std::string& file) {
  const std::string name = file == "-" ? "stdin" : file;
  auto cannot = [&] {
    return Error("input", "cannot read " + name, std::system_category().message(errno), "a readable file");
  };
  auto too_long = [&](const std::string& got, const std::string& expected) {
    return Error("input", name + " is too long", got, expected, "pass only a part of it");
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(nullptr, std::fclose);
  if (file != "-") opened.reset(std::fopen(file.c_str(), "rb"));
  std::FILE* source = file == "-" ? stdin : opened.get();
  if (!source) throw cannot();
  std::string bytes;
  char buffer[1 << 16];
  try {
    while (size_t n = std::fread(buffer, 1, sizeof buffer, source)) {
      bytes.append(buffer, n);
      if (bytes.size() > max_text_bytes)
        throw too_long("more than that", fmt::format("at most {} MiB", max_text_bytes >> 20));
    }
  } catch (const std::bad_alloc&) {
    throw too_long(fmt::format("more than {} MiB", bytes.size() >> 20), "what fits into memory");
  }
  if (std::ferror(source)) throw cannot();
  return bytes;
}

void write_text(const std::string& file, std::string_view text, Access access) {
  NewFile written(file, access);
  written.write(text);
  written.commit();
}

}  // namespace ingot::apps
