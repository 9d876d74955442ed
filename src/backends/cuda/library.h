// A shared library that may be missing: found at run time, so that one ingot runs with and without a GPU.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace ingot::cuda {

class Library {
 public:
  /// Opens the first of `names` that the loader takes. Its code stays until the program ends: what it started may
  /// outlive this.
  explicit Library(const std::vector<std::string>& names);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  bool is_open() const { return handle_ != nullptr; }
  /// The name that was opened; where there is none, what the loader said to the first.
  const std::string& name() const { return name_; }
  const std::string& refusal() const { return refusal_; }
  /// Sets `function` to what is called `symbol`. False, and null, when there is none.
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
