// A shared library that may be missing: found at run time, so that one ingot runs with and without a GPU.
#pragma once
#include <string>
#include <vector>

namespace ingot::cuda {

class Library {
 public:
  /// Opens the first of `names` that is there.
  explicit Library(const std::vector<std::string>& names);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  bool is_open() const { return handle_ != nullptr; }
  const std::string& name() const { return name_; }
  /// Sets `function` to what is called `symbol`. False, and null, when there is none.
  template <class Function> bool find(const char* symbol, Function*& function) const {
    function = reinterpret_cast<Function*>(address(symbol));
    return function != nullptr;
  }

 private:
  void* address(const char* symbol) const;
  void* handle_ = nullptr;
  std::string name_;
};

}  // namespace ingot::cuda
