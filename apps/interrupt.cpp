// The handler of SIGINT; it touches nothing but lock-free flags.
#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "commands.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

std::atomic<bool> watched = false, seen = false, on_terminal = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may take no lock");

void on_interrupt(int) {
  if (watched && !seen.exchange(true)) return;
  if (on_terminal && write(STDERR_FILENO, "\n", 1)) {}  // the next prompt starts on a line of its own
  _exit(interrupted);
}

}  // namespace

void end_on_interrupt() {
  on_terminal = is_terminal(Stream::notes);
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  if (action.sa_handler == SIG_IGN) return;
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

InterruptWatch::InterruptWatch() : within_another_(watched) {
  seen = false;
  watched = true;
}
InterruptWatch::~InterruptWatch() {
  watched = within_another_;
  seen = false;
}
bool InterruptWatch::noted() const { return seen; }

}  // namespace ingot::apps
