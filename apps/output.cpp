// stdout and stderr through stdio, with every write to stdout checked.
#include "output.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/printable.h"
#include "ingot/error.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

void check(bool written) {
  if (written) return;
  if (errno == EPIPE) throw ReaderGone();
  throw Error("output", "cannot write the answer", std::system_category().message(errno), "a writable stdout");
}

/// The pieces with their colours as `stream` takes them.
std::string colored(const Styled& text, Stream stream, bool with_controls) {
  static const char* const codes[] = {"\033[1m", "\033[2m", "\033[31m", "\033[33m"};  // SGR, in the order of Color
  std::string all;
  for (const Styled::Piece& piece : text.pieces()) {
    const bool color = piece.color && takes_color(stream);
    if (color) all += codes[static_cast<int>(*piece.color)];
    all += with_controls ? piece.text : without_controls(piece.text);
    if (color) all += "\033[0m";
  }
  return all;
}

}  // namespace

Styled& Styled::operator+=(const Styled& more) {
  pieces_.insert(pieces_.end(), more.pieces_.begin(), more.pieces_.end());
  return *this;
}

void answer(const Styled& text) {
  std::string all = colored(text, Stream::answers, !is_terminal(Stream::answers));
  check(std::fwrite(all.data(), 1, all.size(), stdout) == all.size());
}

void flush_answer() { check(std::fflush(stdout) == 0); }

void note(const Styled& line) {
  std::string all = colored(line, Stream::notes, false);
  if (!all.ends_with('\n')) all += '\n';
  std::fwrite(all.data(), 1, all.size(), stderr);
}

void control_terminal(std::string_view sequence) { std::fwrite(sequence.data(), 1, sequence.size(), stderr); }

}  // namespace ingot::apps
