// The one interface between the engine and a device. A backend compiles a plan into a program: weights laid out for the
// device, kernels chosen, memory allocated. Running a program looks nothing up and allocates nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plan/batch.h"
#include "plan/plan.h"

namespace ingot::plan {

struct Options {
  int threads = 0;                            ///< 0: one per core this process may use
  bool repack = true;                         ///< false: weights stay in the mapped file
  bool strict_kernels = false;                ///< true: a step without a fast kernel is an error
  std::string isa = {};                       ///< instruction set, "" = best
  std::string cache_folder = {};              ///< where compiled kernels are kept between runs; "": nowhere
  std::function<void(double)> progress = {};  ///< 0…1 while weights are laid out
  /// Called with every weight that was copied out of the file, which is then read again rarely (rows of an embedding)
  /// or never.
  std::function<void(const Weight&)> release = {};
  /// Reads bytes of a weight from the file, from byte `at` on, without its mapping; false where the file no longer has
  /// them. With it a program that laid out its weights does not depend on what becomes of the file.
  std::function<bool(const Weight&, uint64_t at, std::span<std::byte> to)> read = {};
};

/// How a backend would run one step.
struct StepChoice {
  std::vector<std::string> classes;  ///< one per slice (slices_of)
  std::string strategy, layout;
  uint64_t weight_bytes = 0;  ///< read for one token
  bool slow = false;
};
struct Choices {
  std::string isa;
  int threads = 0;  ///< of the host that compute; 0: none
  uint64_t resident_bytes = 0, scratch_bytes = 0;
  uint64_t page_bytes = 0;  ///< of keys and values of page_positions positions
  std::vector<StepChoice> steps;
};

/// Keys or values that are too large for the numbers that a store keeps.
struct Overflow {
  int layer = 0;      ///< the first one
  std::string range;  ///< what the store keeps
  std::string advice;
};

/// The memory of a program's states: pages, numbered from 0, of which the caller says who uses them. Memory of a page
/// is taken when it is first written. Calls from several threads, also while the program runs, are safe; a page that is
/// read or written here must not be written by a run at the same time.
class StateStore {
 public:
  virtual ~StateStore() = default;
  /// How keys and values are laid out, in a few words. Stores of one model with the same layout understand each other's
  /// bytes.
  virtual std::string layout() const = 0;
  virtual int pages() const = 0;            ///< that there may be, at least those of one sequence of full length
  virtual uint64_t page_bytes() const = 0;  ///< of one page
  /// Memory that pages have taken so far.
  virtual uint64_t used_bytes() const = 0;
  virtual void copy(int32_t from, int32_t to) = 0;
  /// Bytes of the first `positions` positions when they leave, and the bytes themselves, handed to `to` piece by piece.
  virtual uint64_t saved_bytes(int positions) const = 0;
  virtual void save(std::span<const int32_t> pages, int positions,
                    const std::function<void(std::span<const std::byte>)>& to) const = 0;
  /// Takes `from`, of saved_bytes(positions) bytes, as the first positions. Errors: another size.
  virtual void restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) = 0;
  /// Looks for an overflow among the first `positions`, to explain output that is not finite. nullopt: none is known.
  virtual std::optional<Overflow> overflow(std::span<const int32_t> pages, int positions) const = 0;
};

/// What a step multiplies its matrices by.
struct Inputs {
  size_t step = 0;                ///< of the plan
  int64_t cols = 0;               ///< elements of a row
  std::span<const float> values;  ///< (rows, cols), normed where the step has a norm; valid during the call
};

/// What goes on beside a run.
struct Watch {
  std::span<double> step_seconds =
      {};  ///< empty, or one for each step of the plan, to which the time of the step is added
  std::function<bool()> stop =
      {};  ///< asked between steps, as often as the device lets it; true: the run is left unfinished
  /// Called, on the thread that runs the batch, with the inputs of every step that multiplies by matrices, before its
  /// outputs are complete; must not throw. A program that cannot hand them out refuses the run.
  std::function<void(const Inputs&)> inputs = {};
};

/// The most probable next token of one output row.
struct Choice {
  int32_t id = -1;    ///< the lowest id of equal ones; -1: the logits are not finite
  float logprob = 0;  ///< natural logarithm of its probability
};

class Program {
 public:
  virtual ~Program() = default;
  virtual StateStore& states() = 0;
  /// Runs a batch within the plan's limits and writes the logits of its outputs, (batch.outputs(), vocab), in the order
  /// of the rows. What is not finite is written as it is: check_finite (finite.h) says for which sequence. Every number
  /// is the same whatever else is in the batch and however a sequence was cut into batches; on GPUs the last bits
  /// follow the number of rows (docs/decisions/0017). Calls from several threads are run one after another. False: it
  /// was stopped, and what it wrote to the written pages and to `logits` means nothing; the same batch may be run
  /// again.
  virtual bool run(const Batch& batch, std::span<float> logits, const Watch& watch) = 0;
  /// As `run`, with the choice made where the logits are, which stay there. False: nothing was run, as `run` hands the
  /// logits out as cheaply.
  virtual bool choose(const Batch& /*batch*/, std::span<Choice> /*choices*/) { return false; }
};

/// What is known of a device.
struct Device {
  std::string name, description;
  bool available = false;
  std::vector<std::string> isas, missing_isas;
  int cores = 0;
  uint64_t memory_bytes = 0;
  bool threads = true;      ///< whether `Options::threads` means anything
  uint64_t free_bytes = 0;  ///< of the memory, that can still be taken; 0: not said
};

/// How a format would be kept and run by default.
struct FormatChoice {
  std::string resident_class;  ///< "u4 affine", …
  double resident_bits = 0;    ///< bits per weight in the resident layout; 0: it runs from the file
  bool slow = false;
};

/// What one core reaches with a format, in weights per second (times tokens).
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
  /// Decides layouts, strategies and sizes without touching a weight. Errors: unknown instruction set, shapes that the
  /// device's kernels cannot run, a slow step under strict_kernels.
  virtual Choices choose(const Plan& plan, const Options& options) const = 0;
  /// As `choose`, and lays out the weights. The plan's mapped file must outlive the program. Errors: those of `choose`,
  /// no memory.
  virtual std::unique_ptr<Program> compile(Plan plan, const Options& options) const = 0;
  /// The source that `compile` would have compiled for the plan, without the device. Errors: kernels that were compiled
  /// with ingot.
  virtual KernelSource source(const Plan& plan) const = 0;
  /// Measures the kernels of every format; `options`: instruction set, repacking, progress. Takes about a second per
  /// format.
  virtual std::vector<FormatSpeed> format_speeds(const Options& options) const = 0;
  /// Bytes per second that `threads` threads, or the device, read; 0 for a test double, whose figures mean nothing.
  virtual double read_bandwidth(int threads) const = 0;
};

}  // namespace ingot::plan
