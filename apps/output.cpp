// stdout and stderr through stdio, with every write to stdout checked.
#include "output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ingot/error.h"

namespace ingot::apps {
namespace {

void check(bool written) {
  if (written) return;
  if (errno == EPIPE) throw ReaderGone();
  throw Error("output", "cannot write the answer", std::strerror(errno), "a stdout that takes it");
}

}  // namespace

void answer(std::string_view text) { check(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

void flush_answer() { check(std::fflush(stdout) == 0); }

void note(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  if (!line.ends_with('\n')) std::fputc('\n', stderr);
}

}  // namespace ingot::apps
