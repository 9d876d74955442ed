// Anonymous memory, initially zero. Pages are committed when they are first touched.
#pragma once
#include <cstdint>

namespace ingot::cpu {

/// Huge pages, where the system has them, are for what is read from end to end; small ones for what is used a piece at
/// a time, such as a cache, whose first positions would each be committed, and zeroed, as 2 MB.
enum class Pages { huge, small };

class Region {
 public:
  /// Errors: cannot reserve the address space; `purpose` ("the weights", …) and `advice` word the message.
  Region(uint64_t bytes, const char* purpose, const char* advice, Pages pages = Pages::huge);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  unsigned char* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void* mapped_ = nullptr;
  unsigned char* data_ = nullptr;
  uint64_t bytes_;
};

}  // namespace ingot::cpu
