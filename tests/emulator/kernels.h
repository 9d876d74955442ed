// Kernels run one by one on memory of this machine, to be compared with what they should do.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "emulator/toolchain.h"
#include "gpu/compose.h"
#include "gpu/parameters.h"

namespace ingot::emulator {

/// What a kernel may use: memory that ends where it ends, full of NaNs when it is new.
class Regions {
 public:
  template <class T> T* make(size_t count) { return static_cast<T*>(add(count * sizeof(T))); }
  template <class T> T* make(const std::vector<T>& from) {
    T* to = make<T>(from.size());
    std::copy(from.begin(), from.end(), to);
    return to;
  }
  std::span<const Region> all() const { return regions_; }

 private:
  void* add(size_t bytes);
  std::vector<std::vector<unsigned char>> memory_;
  std::vector<Region> regions_;
};

/// The entries of one composed text. A kernel's name is asked for as it is composed.
class Kernels {
 public:
  /// `text`: of `entries`, or that text with something taken out.
  Kernels(Dialect dialect, const std::string& text, Watch watch) : library_(compile(dialect, text, watch)) {}
  template <class Params> void run(const gpu::Entry& entry, int64_t groups, uint32_t threads, size_t room_bytes, const Params& params, const Regions& memory) {
    launch(entry, groups, threads, room_bytes, &params, sizeof params, memory);
  }
  uint64_t seed = 0;

 private:
  void launch(const gpu::Entry& entry, int64_t groups, uint32_t threads, size_t room_bytes, const void* params, size_t bytes, const Regions& memory);
  std::shared_ptr<const Library> library_;
};

/// What was found wrong. Errors of the executor come as exceptions.
struct Findings {
  int checks = 0;
  std::vector<std::string> faults;
  void expect(bool holds, const std::string& what) {
    checks++;
    if (!holds) faults.push_back(what);
  }
};

/// Every way of calling the matrix kernels for matrices of one format, and the embedding.
std::vector<gpu::Entry> matrix_entries(const quant::Format& format);
void check_matrices(Kernels& kernels, const quant::Format& format, Findings& findings);

/// The kernels that know no format.
std::vector<gpu::Entry> op_entries();
void check_ops(Kernels& kernels, Findings& findings);

}  // namespace ingot::emulator
