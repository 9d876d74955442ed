// A device that several threads share: those that run a program, and those that read and write its pages. It can only
// be reached through its lock.
#pragma once
#include <memory>
#include <mutex>

#include "backends/gpu/device.h"

namespace ingot::gpu {

class SharedDevice {
 public:
  explicit SharedDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  /// Exclusive use of the device, as long as this object lives. A thread holds one at a time.
  class Use {
   public:
    Device* operator->() const { return &device_; }
    Device& operator*() const { return device_; }

   private:
    friend class SharedDevice;
    explicit Use(SharedDevice& shared) : lock_(shared.mutex_), device_(*shared.device_) {}
    std::lock_guard<std::mutex> lock_;
    Device& device_;
  };
  Use use() { return Use(*this); }

 private:
  std::mutex mutex_;
  std::unique_ptr<Device> device_;
};

}  // namespace ingot::gpu
