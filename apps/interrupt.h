// Ctrl-C. Usually it ends the process at once, with status 130. While an InterruptWatch lives, the first one is only noted, so
// that what was made so far can be handed out; the second ends the process. A watch may live within another one: it counts anew.
#pragma once

namespace ingot::apps {

/// Call once, early. A SIGINT that our parent told us to ignore stays ignored.
void end_on_interrupt();

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
