// A device without kernels: memory of this machine, launches that do nothing, and counts of what is asked of it.
#pragma once
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "backends/gpu/device.h"

namespace ingot::gpu {

struct FakeCounts {
  std::atomic<int> allocations{0}, compilations{0}, recordings{0}, runs{0}, uploads{0};
  std::atomic<uint64_t> uploaded_bytes{0};
  std::function<void()> entered = [] {};  ///< at the beginning of every call
};

class FakeDevice : public Device {
  struct FakeMemory : Memory {
    FakeMemory(FakeCounts& counts, uint64_t bytes) : counts(counts), content(bytes + 255) {}
    ~FakeMemory() override { counts.entered(); }
    Address address() const override { return (reinterpret_cast<Address>(content.data()) + 255) / 256 * 256; }
    uint64_t bytes() const override { return content.size() - 255; }
    FakeCounts& counts;
    std::vector<std::byte> content;
  };

 public:
  explicit FakeDevice(FakeCounts& counts, uint64_t free_bytes = uint64_t{1} << 30) : counts_(counts) {
    facts_.name = "fake", facts_.free_bytes = free_bytes;
  }
  const Facts& facts() const override { return facts_; }
  const char* dialect() const override { return "cuda"; }
  std::unique_ptr<Memory> allocate(uint64_t bytes, const std::string&) override {
    counts_.entered();
    counts_.allocations++;
    return std::make_unique<FakeMemory>(counts_, bytes);
  }
  void upload(Memory& to, uint64_t at, std::span<const std::byte> from) override {
    counts_.entered();
    counts_.uploads++, counts_.uploaded_bytes += from.size();
    if (!from.empty()) std::memcpy(reinterpret_cast<void*>(to.address() + at), from.data(), from.size());
  }
  void download(const Memory& from, uint64_t at, std::span<std::byte> to) override {
    counts_.entered();
    if (!to.empty()) std::memcpy(to.data(), reinterpret_cast<const void*>(from.address() + at), to.size());
  }
  void copy(Memory& to, uint64_t to_at, const Memory& from, uint64_t from_at, uint64_t bytes) override {
    counts_.entered();
    std::memcpy(reinterpret_cast<void*>(to.address() + to_at), reinterpret_cast<const void*>(from.address() + from_at),
                bytes);
  }
  std::vector<std::unique_ptr<Kernel>> compile(const Source& source) override {
    counts_.entered();
    counts_.compilations++;
    std::vector<std::unique_ptr<Kernel>> kernels;
    for (size_t i = 0; i < source.entries.size(); i++) kernels.push_back(std::make_unique<Kernel>());
    return kernels;
  }
  std::unique_ptr<gpu::Sequence> record(std::span<const Launch>) override {
    counts_.entered();
    counts_.recordings++;
    return std::make_unique<gpu::Sequence>();
  }
  void run(const gpu::Sequence&) override {
    counts_.entered();
    counts_.runs++;
  }
  void wait() override { counts_.entered(); }

 private:
  FakeCounts& counts_;
  Facts facts_;
};

}  // namespace ingot::gpu
