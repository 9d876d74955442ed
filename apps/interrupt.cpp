// The handlers; they touch nothing but lock-free flags and what they may.
#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <initializer_list>

#include "base/files.h"
#include "base/printable.h"
#include "commands.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

std::atomic<bool> watched = false, seen = false, on_terminal = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may take no lock");

void on_interrupt(int) {
  if (watched && !seen.exchange(true)) return;
  TemporaryFile::discard_all();
  if (on_terminal && write(STDERR_FILENO, "\n", 1)) {}  // the next prompt starts on a line of its own
  _exit(interrupted);
}

/// Ends as without a handler.
void end_by(int signal) {
  TemporaryFile::discard_all();
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  raise(signal);
}

constexpr size_t max_message_bytes = 1024;
char mapped_files[max_message_bytes];  // "a.gguf, b.gguf"
std::atomic<size_t> mapped_files_bytes = 0;

void on_lost_page(int signal, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR || mapped_files_bytes == 0) return end_by(signal);
  auto say = [](const char* text, size_t bytes) {
    if (write(STDERR_FILENO, text, bytes)) {}
  };
  const char head[] = "[files] a file can no longer be read: ";
  const char tail[] = "; it became shorter while it was in use, or its storage failed\n";
  say(head, sizeof head - 1);
  say(mapped_files, mapped_files_bytes);
  say(tail, sizeof tail - 1);
  TemporaryFile::discard_all();
  _exit(failure);
}

/// Unless our parent had it ignored.
void handle(int signal, struct sigaction action) {
  struct sigaction before = {};
  sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void handle_signals() {
  on_terminal = is_terminal(Stream::notes);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  handle(SIGINT, action);
  action.sa_handler = end_by;
  for (int ending : {SIGTERM, SIGHUP, SIGQUIT}) handle(ending, action);
  action.sa_handler = SIG_IGN;
  for (int seen_where_it_is_written : {SIGPIPE, SIGXFSZ}) handle(seen_where_it_is_written, action);
  action.sa_sigaction = on_lost_page;
  action.sa_flags = SA_SIGINFO;
  handle(SIGBUS, action);
}

void name_mapped_file(const std::string& path) {
  std::string more = (mapped_files_bytes ? ", " : "") + printable(path, max_message_bytes / 2);
  size_t bytes = mapped_files_bytes;
  if (bytes + more.size() > max_message_bytes || std::string_view(mapped_files, bytes) == more) return;
  std::memcpy(mapped_files + bytes, more.data(), more.size());
  mapped_files_bytes = bytes + more.size();
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
