// Composed texts as programs of this machine: clang behind a shim for each dialect. A text is compiled once; its
// library is kept, under the hash of all that it was made of, in a folder that goes with the process.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "emulator/executor.h"

namespace ingot::emulator {

enum class Dialect { cuda, metal };
enum class Watch {
  nothing,
  accesses,   ///< every access to memory is seen by the executor
  arithmetic  ///< overflow, shifts, indices and alignments without a meaning are faults
};

/// What keeps texts from being compiled here, "" if nothing does.
std::string missing_compiler();

/// The bytes of a shared library. Errors: `ingot::Error` with the compiler's log.
std::vector<std::byte> compile_to_bytes(Dialect dialect, const std::string& text, Watch watch = Watch::nothing);

/// A loaded one.
class Library {
 public:
  explicit Library(const std::vector<std::byte>& bytes);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  /// nullptr: there is none of that name.
  decltype(Grid::entry) entry(const std::string& name) const;
  /// Of the entry's parameter struct; 0: there is none of that name.
  uint32_t parameter_bytes(const std::string& name) const;

 private:
  int file_ = -1;  // open as long as the library is loaded: by its path the loader tells libraries apart
  void* handle_ = nullptr;
};

inline std::shared_ptr<const Library> compile(Dialect dialect, const std::string& text, Watch watch = Watch::nothing) {
  return std::make_shared<const Library>(compile_to_bytes(dialect, text, watch));
}

}  // namespace ingot::emulator
