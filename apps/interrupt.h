// Signals. Ctrl-C usually ends the process at once, with status 130. While an InterruptWatch lives, the first one is only noted, so
// that what was made so far can be handed out; the second ends the process. A watch may live within another one: it counts anew.
// Whatever signal ends the process, no half-written file stays behind.
#pragma once
#include <string>

namespace ingot::apps {

/// Call once, early. What our parent told us to ignore stays ignored.
void handle_signals();

/// A file that is mapped from now on: named when it can no longer be read (it became shorter, its storage failed), which ends the process.
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
