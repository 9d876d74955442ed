// Kernels run one by one on memory of this machine, to be compared with what they should do.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "emulator/executor.h"
#include "backends/gpu/compose.h"
#include "backends/gpu/parameters.h"

namespace ingot::emulator {

/// What a kernel may use: memory that ends where it ends, full of NaNs when it is new.
class Regions {
 public:
  /// Where memory comes from: this machine's, or that which a GPU sees at the same address.
  static inline std::function<std::shared_ptr<void>(size_t bytes)> source = [](size_t bytes) {
    return std::shared_ptr<void>(::operator new(bytes), [](void* p) { ::operator delete(p); });
  };
  template <class T> T* make(size_t count) { return static_cast<T*>(add(count * sizeof(T))); }
  /// What a kernel may read before the launch in front has ended: no launch writes it, or only one that has ended long
  /// ago.
  template <class T> T* make_settled(const std::vector<T>& from) {
    T* to = make(from);
    regions_.back().settled = true;
    return to;
  }
  template <class T> T* make(const std::vector<T>& from) {
    T* to = make<T>(from.size());
    std::copy(from.begin(), from.end(), to);
    return to;
  }
  /// A table of addresses of other memory of these, which nothing writes; they are moved where that memory is moved.
  template <class T> T** make_addresses(const std::vector<T*>& from) {
    T** to = make_settled(from);
    tables_.push_back(regions_.size() - 1);
    return to;
  }
  std::span<const Region> all() const { return regions_; }
  bool has_addresses(size_t region) const { return std::ranges::find(tables_, region) != tables_.end(); }

 private:
  void* add(size_t bytes);
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<Region> regions_;
  std::vector<size_t> tables_;
};

/// The entries of one composed text, ready to be run.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual bool copies_overlap() const = 0;  ///< the dialect's constant
  template <class Params> void run(const gpu::Entry& entry, int64_t groups, uint32_t threads, size_t shared_bytes,
                                   const Params& params, const Regions& memory) {
    launch(
        entry,
        {nullptr, static_cast<uint32_t>(groups), threads, static_cast<uint32_t>(shared_bytes), gpu::by_value(params)},
        memory);
  }

 protected:
  /// Runs `launch`, whose kernel is `entry`, to its end.
  virtual void launch(const gpu::Entry& entry, const gpu::Launch& launch, const Regions& memory) = 0;
};

/// Where codes of `tokens` have element i of token t (gemv/gpu/launch.h).
inline size_t code_at(int tokens, int t, int i) { return (size_t(i) / 16 * tokens + t) * 16 + i % 16; }

inline std::vector<float> normals(size_t n, std::mt19937& random, float by = 1) {
  std::normal_distribution<float> normal(0, by);
  std::vector<float> all(n);
  for (float& x : all) x = normal(random);
  return all;
}
/// Within `by` of `expected`, of its size where that is more than 1.
inline bool near(double got, double expected, double by) {
  return std::fabs(got - expected) <= by * (std::fabs(expected) + 1);
}

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
std::vector<gpu::Entry> matrix_entries(const quant::Format& format, bool copies_overlap);
void check_matrices(Kernels& kernels, const quant::Format& format, Findings& findings);

/// Parts of check_ops: those that choose tokens, and those that take rows as they are.
void check_samples(Kernels& kernels, Findings& findings);
void check_rows(Kernels& kernels, Findings& findings);
/// The kernels that know no format.
std::vector<gpu::Entry> op_entries();
void check_ops(Kernels& kernels, Findings& findings);
/// Those of keys and values that are kept as codes of a format, and as halves those of wide heads. `brief`: few heads,
/// in a few steps.
std::vector<gpu::Entry> states_entries(const quant::Format& format, bool brief);
void check_states(Kernels& kernels, const quant::Format& format, bool brief, Findings& findings);

/// What is checked together.
struct Subject {
  const quant::Format* format = nullptr;  ///< null: the kernels that know none
  bool states = false;                    ///< keys and values that are kept so; otherwise matrices
  bool brief = false;
  std::vector<gpu::Entry> entries(bool copies_overlap) const {
    if (!format) return op_entries();
    return states ? states_entries(*format, brief) : matrix_entries(*format, copies_overlap);
  }
  void check(Kernels& kernels, Findings& findings) const {
    if (!format)
      check_ops(kernels, findings);
    else if (states)
      check_states(kernels, *format, brief, findings);
    else
      check_matrices(kernels, *format, findings);
  }
  std::string name() const { return format ? std::string(states ? "states as " : "") + format->name : "ops"; }
};
/// "every" format that keeps keys and values, the one of that name, or "brief" checks.
std::vector<Subject> states_to_check(const std::string& which);

}  // namespace ingot::emulator
