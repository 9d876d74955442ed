// Terminal facts by isatty, ioctl and the environment; colour and the bar by ANSI sequences.
#include "terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ingot::apps {
namespace {

constexpr std::chrono::seconds patience{2};  // a shorter load needs no bar
bool color_refused = false;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

}  // namespace

bool is_terminal(Stream stream) { return isatty(stream == Stream::answers ? STDOUT_FILENO : STDERR_FILENO); }

int terminal_columns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void refuse_color() { color_refused = true; }

bool takes_color(Stream stream) {
  const char* term = std::getenv("TERM");
  return !color_refused && !is_set("NO_COLOR") && !(term && std::string_view(term) == "dumb") && is_terminal(stream);
}

std::string colored(Stream stream, Color color, std::string_view text) {
  static const int codes[] = {1, 2, 31, 33};  // SGR parameters, in the order of Color
  if (!takes_color(stream)) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", codes[static_cast<int>(color)], text);
}

ProgressBar::ProgressBar(const char* work) : work_(work), start_(std::chrono::steady_clock::now()), wanted_(is_terminal(Stream::notes)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::show(double done) {
  if (!wanted_) return;
  std::lock_guard lock(mutex_);
  int percent = static_cast<int>(100 * std::clamp(done, 0.0, 1.0));
  if (percent == percent_ || std::chrono::steady_clock::now() - start_ < patience) return;
  percent_ = percent;
  drawn_ = true;
  int width = std::clamp(terminal_columns() - 16, 10, 50), filled = width * percent / 100;
  fmt::print(stderr, "\r{} [{:=<{}}{:{}}] {:3}%", work_, "", filled, "", width - filled, percent);
}

}  // namespace ingot::apps
