// Every kernel by itself beside float64, through the Metal backend: on a Mac's GPU, or on the double of the framework.
//   metal_kernel_check (ops | classes | every | FORMAT)
//   metal_kernel_check states (brief | every | FORMAT)     of keys and values that formats keep
// Leaves with 77 where there is no such device.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backends/metal/device.h"
#include "emulator/kernels.h"
#include "backends_gpu/plans.h"
#include "ingot/error.h"

namespace ingot::emulator {
namespace {

// A launch's memory is copied to the device and back; addresses among its parameters are those that it has there.
class OnDevice : public Kernels {
 public:
  OnDevice(gpu::Device& device, std::vector<gpu::Entry> entries)
      : device_(device),
        entries_(std::move(entries)),
        kernels_(device.compile(gpu::compose(device.dialect(), entries_))) {}
  bool copies_overlap() const override { return device_.facts().copies_overlap; }

 protected:
  void launch(const gpu::Entry& entry, const gpu::Launch& l, const Regions& memory) override {
    gpu::Launch launch = l;
    launch.kernel = kernels_[std::ranges::find(entries_, entry) - entries_.begin()].get();
    std::vector<std::unique_ptr<gpu::Memory>> there;
    for (const Region& here : memory.all()) there.push_back(device_.allocate(here.bytes, "a check"));
    for (size_t i = 0; i < there.size(); i++) {
      const Region& here = memory.all()[i];
      std::vector<std::byte> content(static_cast<const std::byte*>(here.at),
                                     static_cast<const std::byte*>(here.at) + here.bytes);
      if (memory.has_addresses(i)) move_all(content, memory, there);
      device_.upload(*there[i], 0, content);
    }
    move_all(launch.parameters, memory, there);
    device_.run(*device_.record({&launch, 1}));
    for (size_t i = 0; i < there.size(); i++)
      if (const Region& here = memory.all()[i]; !memory.has_addresses(i))
        device_.download(*there[i], 0, {static_cast<std::byte*>(const_cast<void*>(here.at)), here.bytes});
  }

 private:
  static void move_all(std::span<std::byte> words, const Regions& from,
                       std::span<const std::unique_ptr<gpu::Memory>> to) {
    for (size_t word = 0; word + sizeof(uint64_t) <= words.size(); word += sizeof(uint64_t))
      move(words.data() + word, from, to);
  }
  static void move(std::byte* word, const Regions& from, std::span<const std::unique_ptr<gpu::Memory>> to) {
    uint64_t address;
    std::memcpy(&address, word, sizeof address);
    for (size_t i = 0; i < to.size(); i++) {
      uint64_t begin = reinterpret_cast<uint64_t>(from.all()[i].at);
      if (address < begin || address - begin >= from.all()[i].bytes) continue;
      address = to[i]->address() + (address - begin);
      std::memcpy(word, &address, sizeof address);
      return;
    }
  }

  gpu::Device& device_;
  std::vector<gpu::Entry> entries_;
  std::vector<std::unique_ptr<gpu::Kernel>> kernels_;
};

int check(gpu::Device& device, const Subject& subject) {
  Findings findings;
  OnDevice kernels(device, subject.entries(device.facts().copies_overlap));
  subject.check(kernels, findings);
  std::printf("%s, %s: %d checks, %zu faults\n", device.facts().name.c_str(), subject.name().c_str(), findings.checks,
              findings.faults.size());
  for (size_t i = 0; i < std::min<size_t>(findings.faults.size(), 5); i++)
    std::printf("FAILED: %s\n", findings.faults[i].c_str());
  std::fflush(stdout);
  return findings.faults.empty() ? 0 : 1;
}

}  // namespace
}  // namespace ingot::emulator

int main(int argc, char** argv) {
  using namespace ingot;
  std::string what = argc > 1 ? argv[1] : "";
  const bool states = what == "states";
  if (argc != (states ? 3 : 2))
    return std::fprintf(stderr,
                        "metal_kernel_check (ops | classes | every | FORMAT | states (brief | every | FORMAT))\n"),
           2;
  if (plan::Device found = metal::describe(); !found.available)
    return std::printf("SKIPPED: %s\n", found.description.c_str()), 77;
  int faults = 0;
  try {
    std::unique_ptr<gpu::Device> device = metal::open_device();
    if (what == "ops" || what == "every") faults += emulator::check(*device, {});
    for (const quant::Format* format : gpu::formats_to_check(what)) faults += emulator::check(*device, {format});
    if (states || what == "every")
      for (const emulator::Subject& subject : emulator::states_to_check(states ? argv[2] : "every"))
        faults += emulator::check(*device, subject);
  } catch (const std::exception& e) { return std::printf("FAILED: %s\n", e.what()), 1; }
  return faults ? 1 : 0;
}
