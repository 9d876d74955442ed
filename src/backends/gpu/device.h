// What a GPU backend provides: memory, a compiler for composed sources, and launches that are recorded once and run
// many times. One implementation per GPU interface (src/backends/NAME); everything above it is shared (program.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ingot::gpu {

/// An address in device memory, as kernels see it.
using Address = uint64_t;

/// A device allocation, freed on destruction.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Address address() const = 0;  ///< of an allocation a multiple of 256
  virtual uint64_t bytes() const = 0;
};

/// A composed source (compose.h) and the entry points in it.
struct Source {
  std::string text;
  std::vector<std::string> entries;
};

/// An entry point that is ready to be launched.
class Kernel {
 public:
  virtual ~Kernel() = default;
};

/// One launch: `groups` thread groups of `threads` threads, a multiple of 32, in one dimension.
struct Launch {
  const Kernel* kernel = nullptr;
  uint32_t groups = 1, threads = 32;
  uint32_t shared_bytes = 0;          ///< memory that a group's threads share
  std::vector<std::byte> parameters;  ///< the kernel's parameter struct, by value; at most 4,096 bytes
};

/// Launches in order, each after the previous one, recorded so that running them costs one call.
class Sequence {
 public:
  virtual ~Sequence() = default;
};

/// What the device is.
struct Facts {
  std::string name;          ///< "NVIDIA H100 80GB HBM3"
  std::string architecture;  ///< what sources are compiled for: "sm_90a"
  uint64_t memory_bytes = 0, free_bytes = 0;
  int cores = 0;                ///< multiprocessors; 0: unknown
  bool copies_overlap = false;  ///< the dialect's constant: whether copies are asynchronous
  int max_gemm_tokens = 64;     ///< for which a thread group of the matrix kernel keeps its sums in registers
  bool emulated = false;        ///< a test double: its measurements mean nothing
};

/// An opened device. Calls come from one thread at a time, and so does the use of what it returns: shared_device.h
/// ensures it. Errors of any call: `ingot::Error` whose room is the backend's name.
class Device {
 public:
  virtual ~Device() = default;
  virtual const Facts& facts() const = 0;
  /// The dialect of composed sources: a file of kernels/dialect, without its ending.
  virtual const char* dialect() const = 0;
  /// Errors: no memory; `what` says what it was for.
  virtual std::unique_ptr<Memory> allocate(uint64_t bytes, const std::string& what) = 0;
  /// The processor's own memory as the device's, without a copy; it is only read, and must outlive the result. nullptr:
  /// the device cannot do that, or not with these bytes.
  virtual std::unique_ptr<Memory> share(std::span<const std::byte> /*bytes*/) { return nullptr; }
  /// Copies wait for everything that was run before them, and are complete when the call returns.
  virtual void upload(Memory& to, uint64_t at, std::span<const std::byte> from) = 0;
  virtual void download(const Memory& from, uint64_t at, std::span<std::byte> to) = 0;
  /// Within the device: after everything that was run before, before everything that is run later.
  virtual void copy(Memory& to, uint64_t to_at, const Memory& from, uint64_t from_at, uint64_t bytes) = 0;
  /// One kernel per entry, in order. Errors: the compiler's log.
  virtual std::vector<std::unique_ptr<Kernel>> compile(const Source& source) = 0;
  virtual std::unique_ptr<Sequence> record(std::span<const Launch> launches) = 0;
  /// Starts a sequence and returns; the next copy or `wait` waits for it. Sequences run in the order of the calls.
  virtual void run(const Sequence& sequence) = 0;
  virtual void wait() = 0;
};

}  // namespace ingot::gpu
