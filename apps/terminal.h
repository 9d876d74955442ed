// What is known of the terminal: is there one, does it want colour, how wide is it; and the bar that long work shows.
#pragma once
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace ingot::apps {

enum class Stream { answers, notes };  // stdout, stderr

bool is_terminal(Stream stream);
bool input_is_terminal();
/// Width of the terminal behind stderr in columns; 80 when it does not say.
int terminal_columns();

/// Disables colour on all streams.
void refuse_color();
/// Does `stream` take colour? Only a terminal does, and only without --no-color, NO_COLOR and TERM=dumb.
bool takes_color(Stream stream);

/// A bar on stderr, with the time that is left, for work that has taken longer than two seconds. Shows nothing if
/// stderr is not a terminal, and is erased at the end.
class ProgressBar {
 public:
  /// `work`: what is done, one word.
  explicit ProgressBar(const char* work);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// `done`: 0…1. May be called from any thread.
  void show(double done);

 private:
  const char* work_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_;
  bool wanted_, drawn_ = false;
  int percent_ = -1;
  std::string left_;
};

}  // namespace ingot::apps
