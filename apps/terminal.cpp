// Properties of the terminal from isatty, ioctl and the environment; colour and the bar by ANSI sequences.
#include "terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "output.h"

namespace ingot::apps {
namespace {

constexpr std::chrono::seconds patience{2};  // shorter work needs no bar
bool color_refused = false;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

/// "0:07", "12:34" or "3:05:00".
std::string time_text(double seconds) {
  long s = std::lround(std::min(seconds, 1e8));
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

bool is_terminal(Stream stream) { return isatty(stream == Stream::answers ? STDOUT_FILENO : STDERR_FILENO); }

bool input_is_terminal() { return isatty(STDIN_FILENO); }

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

ProgressBar::ProgressBar(const char* work)
    : work_(work), start_(std::chrono::steady_clock::now()), wanted_(is_terminal(Stream::notes)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) control_terminal("\r\033[K");
}

void ProgressBar::show(double done) {
  if (!wanted_) return;
  std::lock_guard lock(mutex_);
  done = std::clamp(done, 0.0, 1.0);
  auto spent = std::chrono::steady_clock::now() - start_;
  std::string left = done > 0 ? time_text(std::chrono::duration<double>(spent).count() * (1 - done) / done) : "";
  int percent = static_cast<int>(100 * done);
  if ((percent == percent_ && left == left_) || spent < patience) return;
  percent_ = percent;
  left_ = left;
  drawn_ = true;
  int width = std::clamp(terminal_columns() - 30, 10, 50), filled = width * percent / 100;
  control_terminal(fmt::format("\r{} [{:=<{}}{:{}}] {:3}%{}\033[K", work_, "", filled, "", width - filled, percent,
                               left.empty() ? "" : ", " + left + " left"));
}

}  // namespace ingot::apps
