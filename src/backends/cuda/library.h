// A shared library that may be missing: loaded at run time, so that one ingot runs with and without a GPU.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace ingot::cuda {

class Library {
 public:
  /// Opens the first of `names` that the loader accepts. It is never unloaded: what it started may outlive this object.
  explicit Library(const std::vector<std::string>& names);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  bool is_open() const { return handle_ != nullptr; }
  /// The name that was opened; if none was, the loader's message for the first.
  const std::string& name() const { return name_; }
  const std::string& refusal() const { return refusal_; }
  /// Sets `function` to the address of `symbol`. False, and null, if there is none.
  template <class Function> bool find(const char* symbol, Function*& function) const {
    function = reinterpret_cast<Function*>(address(symbol));
    return function != nullptr;
  }

 private:
  void* address(const char* symbol) const;
  void* handle_ = nullptr;
  std::string name_, refusal_;
};

}  // namespace ingot::cuda
