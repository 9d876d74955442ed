// Validity and printing of names; see names.h.
#include "container/names.h"

namespace ingot::container {

std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }

const char* name_fault(std::string_view name, uint64_t max_bytes) {
  if (name.empty()) return "the name is empty";
  if (name.size() > max_bytes) return "the name is too long";
  for (size_t at = 0; at < name.size();) {
    const auto c = utf8_at(name, at);
    if (!c) return "the name is not UTF-8";
    if (is_control(c->second)) return "the name holds a control character";
    at += c->first;
  }
  return nullptr;
}

}  // namespace ingot::container
