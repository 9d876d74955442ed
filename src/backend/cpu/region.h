// Anonymous memory in huge pages where the system has them, zero at first.
#pragma once
#include <cstdint>

namespace ingot::cpu {

class Region {
 public:
  /// Errors: the system grants no such address space; `purpose` ("the weights", …) and `advice` word the message.
  Region(uint64_t bytes, const char* purpose, const char* advice);
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
