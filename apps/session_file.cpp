// A locked file with a session in it.
#include "session_file.h"

namespace ingot::apps {

SessionFile::SessionFile(const std::string& path) : path_(path) {
  if (!path_.empty()) file_.emplace("run", path_, LockedFile::If::busy_fail);
}

void SessionFile::load(Session& session) const {
  if (holds_text()) session.load(path_);
}

void SessionFile::save(const Session& session) {
  if (path_.empty()) return;
  file_->keep();
  session.save(path_);
}

}  // namespace ingot::apps
