// Signals. Ctrl-C usually ends the process immediately, with status 130. While an InterruptWatch exists, the first
// Ctrl-C is only noted, so that partial results can be output; the second ends the process. Watches may be nested: an
// inner one starts counting from zero. Whatever signal ends the process, no partially written file remains.
#pragma once
#include <string>

namespace ingot::apps {

/// Call once, early. Signals ignored by the parent process stay ignored.
void handle_signals();

/// A file that is mapped from now on: named when it can no longer be read (it became shorter, its storage failed),
/// which ends the process.
void name_mapped_file(const std::string& path);

class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  /// Was there a Ctrl-C since the watch began?
  bool noted() const;

 private:
  bool within_another_;
};

}  // namespace ingot::apps
