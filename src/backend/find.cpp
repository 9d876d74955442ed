#include "backend/backend.h"
#include "ingot/error.h"

namespace ingot::backend {

const Backend& find_backend(const std::string& name) {
  std::string known = "auto";
  for (const Backend* b : backends()) {
    known += std::string(", ") + b->name();
    if (name == b->name() || (name == "auto" && b->device().available)) {
      if (!b->device().available) throw Error("backend", "device cannot be used", name, "", b->device().description);
      return *b;
    }
  }
  throw Error("backend", "unknown device", name, known);
}

}  // namespace ingot::backend
