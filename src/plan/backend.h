// The one interface between the engine and a device. A backend casts a plan into a program: weights laid out for the device,
// kernels chosen, scratch allocated. Running a program looks nothing up and allocates nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace ingot::plan {

struct Options {
  int threads = 0;              ///< 0: one per core this process may use
  bool repack = true;           ///< false: weights stay in the mapped file
  bool strict_kernels = false;  ///< true: a step without a fast kernel is an error
  std::string isa = {};         ///< instruction set, "" = best
  std::string cache_folder = {}; ///< where compiled kernels are kept between runs; "": nowhere
  std::function<void(double)> progress = {};  ///< 0…1 while weights are laid out
  /// Called with every matrix that was copied out of the file, which is then read again rarely (rows of an embedding) or never.
  std::function<void(const Matrix&)> release = {};
  /// Reads bytes of a matrix from the file, from byte `at` on, without its mapping; false where the file no longer has them. With it a
  /// program that laid out its weights does not depend on what becomes of the file.
  std::function<bool(const Matrix&, uint64_t at, std::span<std::byte> to)> read = {};
};

/// How a backend would run one step.
struct StepChoice {
  std::vector<std::string> classes;  ///< one per matrix
  std::string strategy, layout;
  uint64_t weight_bytes = 0;         ///< read for one token
  bool slow = false;
};
struct Choices {
  std::string isa;
  int threads = 0;              ///< of the host that compute; 0: none
  uint64_t resident_bytes = 0, scratch_bytes = 0, kv_bytes_per_token = 0;
  std::vector<StepChoice> steps;
};

/// Keys or values that are too large for the numbers that a cache keeps.
struct Overflow {
  int layer = 0;       ///< the first one
  std::string range;   ///< what the cache keeps
  std::string advice;
};

/// Keys and values of one session.
class Cache {
 public:
  virtual ~Cache() = default;
  /// How they are laid out, in a few words. Caches of one model with the same layout understand each other's bytes, however many
  /// positions they hold.
  virtual std::string layout() const = 0;
  /// Bytes that the first `positions` take when they leave, handed to `to` piece by piece.
  virtual uint64_t bytes(int positions) const = 0;
  virtual void save(int positions, const std::function<void(std::span<const std::byte>)>& to) const = 0;
  /// Takes `from`, of `bytes(positions)` bytes, as the first positions. Errors: another size.
  virtual void restore(int positions, std::span<const std::byte> from) = 0;
  /// Looks for an overflow among the first `positions`, to explain output that is not finite. nullopt: none is known.
  virtual std::optional<Overflow> overflow(int positions) const = 0;
};

/// What goes on beside a run.
struct Watch {
  std::span<double> step_seconds;     ///< empty, or one for each step of the plan, to which the time of the step is added
  std::function<bool()> stop = {};    ///< asked between steps, as often as the device lets it; true: the run is left unfinished
};

class Program {
 public:
  virtual ~Program() = default;
  /// Empty cache for `Plan::context` positions.
  virtual std::unique_ptr<Cache> make_cache() = 0;
  /// Runs `tokens` (1…max_batch) at positions `position`… and writes the logits of the last `logits.size() / vocab` of them
  /// (0 … max_head_batch). Calls from several threads are run one after another. False: it was
  /// stopped, and what it wrote to the cache and to `logits` means nothing. Errors: logits that are not finite.
  virtual bool run(Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, const Watch& watch) = 0;
  /// Runs one token and chooses the next where the logits are, which stay there: the greatest, the lowest id of equal ones. nullopt:
  /// nothing was run, `run` hands the logits out as cheaply. Errors: as `run`.
  virtual std::optional<int32_t> best(Cache&, int32_t /*token*/, int /*position*/) { return std::nullopt; }
};

/// What is known of a device.
struct Device {
  std::string name, description;
  bool available = false;
  std::vector<std::string> isas, missing_isas;
  int cores = 0;
  uint64_t memory_bytes = 0;
  bool threads = true;          ///< whether `Options::threads` means anything
  uint64_t free_bytes = 0;      ///< of the memory, that can still be taken; 0: not said
};

/// How a format would be kept and run by default.
struct FormatChoice {
  std::string resident_class;   ///< "u4 affine", …
  double resident_bits = 0;     ///< bits per weight in the resident layout; 0: it runs from the file
  bool slow = false;
};

/// What one core reaches with a format, in weights a second (times tokens).
struct FormatSpeed {
  const quant::Format* format;
  std::string resident_class;
  bool slow;
  double bytes_per_weight;  ///< as its kernels read it
  double cached, streamed;  ///< one token; weights in the cache, and from memory
  double batched;           ///< 128 tokens; weights in the cache
  double share_of_peak;     ///< `batched` over the multiply-adds of codes in registers alone; 0: it multiplies floats
};

/// What a backend would compile for a plan.
struct KernelSource {
  std::string text;
  std::vector<std::string> entries;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  virtual Device device() const = 0;
  virtual FormatChoice choose(const quant::Format& format) const = 0;
  /// Decides layouts, strategies and sizes without touching a weight. Errors: unknown instruction set, shapes that the device's
  /// kernels cannot run, a slow step under strict_kernels.
  virtual Choices choose(const Plan& plan, const Options& options) const = 0;
  /// As `choose`, and lays out the weights. The plan's mapped file must outlive the program. Errors: those of `choose`, no memory.
  virtual std::unique_ptr<Program> cast(Plan plan, const Options& options) const = 0;
  /// The source that `cast` would have compiled for the plan, without the device. Errors: kernels that were compiled with ingot.
  virtual KernelSource source(const Plan& plan) const = 0;
  /// Measures the kernels of every format; `options`: instruction set, repacking, progress. Takes about a second a format.
  virtual std::vector<FormatSpeed> format_speeds(const Options& options) const = 0;
  /// Bytes per second that `threads` threads, or the device, read; 0 for a test double, whose figures mean nothing.
  virtual double read_bandwidth(int threads) const = 0;
};

}  // namespace ingot::plan
