// The file of --session, which belongs to one process at a time.
#pragma once
#include <optional>
#include <string>

#include "ingot/ingot.h"
#include "locked_file.h"

namespace ingot::apps {

class SessionFile {
 public:
  /// Locks the file at `path`, which need not exist yet; "": none, and nothing is loaded or saved. Errors: those of
  /// LockedFile.
  explicit SessionFile(const std::string& path);
  /// Is there a text to continue?
  bool holds_text() const { return file_ && file_->holds_text(); }
  /// Into `session`, where there is a text. Errors: those of Session::load.
  void load(Session& session) const;
  /// Errors: those of Session::save; then what was in the file still is.
  void save(const Session& session);

 private:
  std::string path_;
  std::optional<LockedFile> file_;
};

}  // namespace ingot::apps
