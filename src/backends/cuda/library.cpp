#include "backends/cuda/library.h"

#include <dlfcn.h>

namespace ingot::cuda {

Library::Library(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if ((handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))) {
      name_ = name;
      return;
    }
    if (const char* said = dlerror(); said && refusal_.empty()) refusal_ = said;
  }
}

Library::~Library() {
  if (handle_) dlclose(handle_);
}

void* Library::address(const char* symbol) const { return handle_ ? dlsym(handle_, symbol) : nullptr; }

}  // namespace ingot::cuda
