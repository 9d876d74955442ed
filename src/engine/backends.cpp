#include "engine/backends.h"

#include "ingot/error.h"

namespace ingot::engine {

const plan::Backend& named_backend(const std::string& name) {
  std::string known = "auto";
  for (const plan::Backend* b : backends()) {
    known += std::string(", ") + b->name();
    if (name == b->name() || (name == "auto" && b->device().available)) return *b;
  }
  if (name == "auto") return *backends().back();  // its error says why it cannot be used
  throw Error("engine", "unknown device", name, known);
}

const plan::Backend& find_backend(const std::string& name) {
  const plan::Backend& b = named_backend(name);
  if (!b.device().available) throw Error("engine", "device cannot be used", name, "", b.device().description);
  return b;
}

}  // namespace ingot::engine
