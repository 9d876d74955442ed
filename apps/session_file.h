// The file of --session, which belongs to one process at a time: two that continue it at once would lose one of the texts.
#pragma once
#include <memory>
#include <string>

#include "ingot/ingot.h"

namespace ingot::apps {

class SessionFile {
 public:
  /// Takes the file at `path`, which need not be there yet; "": none, and nothing is loaded or saved. Errors: it cannot be read or written,
  /// another process has it.
  explicit SessionFile(const std::string& path);
  ~SessionFile();
  SessionFile(const SessionFile&) = delete;
  SessionFile& operator=(const SessionFile&) = delete;
  /// Is there a text to continue?
  bool holds_text() const { return holds_text_; }
  /// Into `session`, where there is a text. Errors: those of Session::load.
  void load(Session& session) const;
  /// Errors: those of Session::save; then what was in the file still is.
  void save(const Session& session);

 private:
  struct Taken;
  void take();
  std::string path_;
  std::unique_ptr<Taken> taken_;
  bool holds_text_ = false;
};

}  // namespace ingot::apps
