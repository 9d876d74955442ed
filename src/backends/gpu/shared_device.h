// A device that sessions in several threads share. There is no way to it but through its lock, and what lives on it
// for a session (memory, recorded launches) goes under the same lock.
#pragma once
#include <memory>
#include <mutex>

#include "backends/gpu/device.h"

namespace ingot::gpu {

class SharedDevice {
 public:
  explicit SharedDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  /// The device, for this thread alone as long as this lives. A thread holds one at a time.
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

/// Owns something that lives on a shared device, and lets go of it under the device's lock.
template <class T> class OnDevice {
 public:
  explicit OnDevice(std::shared_ptr<SharedDevice> device) : device_(std::move(device)) {}
  ~OnDevice() {
    if (!what_) return;
    SharedDevice::Use use = device_->use();
    what_.reset();
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  /// Takes what was made by the holder of `use`, in place of nothing.
  void take(const SharedDevice::Use&, std::unique_ptr<T> what) { what_ = std::move(what); }
  explicit operator bool() const { return what_ != nullptr; }
  T& operator*() const { return *what_; }
  T* operator->() const { return what_.get(); }

 private:
  std::shared_ptr<SharedDevice> device_;
  std::unique_ptr<T> what_;
};

}  // namespace ingot::gpu
