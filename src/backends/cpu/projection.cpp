// Matrices times rows of a batch: the driver around the kernels of gemv. Prologue: norm-in and quantize-in; epilogue:
// bias, activation, and storing into the step's values, or adding to them.
#include <algorithm>
#include <array>

#include "backends/cpu/machine.h"
#include "backends/cpu/program.h"

namespace ingot::cpu {

namespace {

// Rows are distributed in units that every machine's row group divides; where two matrices are read alternately, in
// whole calls.
constexpr int64_t unit_rows = 16;
static_assert(gemv_max_rows % unit_rows == 0);

// Input rows whose codes stay in the L2 cache while a worker goes through its rows, in whole calls of a kernel.
int64_t rows_in_cache(int64_t cols) {
  static const int64_t cache = std::max<int64_t>(cache_bytes(2), 256 << 10);
  return std::max<int64_t>(1, cache * 3 / 4 / cols / gemv_max_tokens) * gemv_max_tokens;
}

/// Calls `use(row, rows, first, n)` for rows `from` to before `to` of a matrix of `cols` columns and `inputs` input
/// rows, cut into calls of a kernel.
template <class Use> void each_call(int64_t from, int64_t to, int64_t cols, int64_t inputs, Use use) {
  const int64_t resting = rows_in_cache(cols);
  for (int64_t t0 = 0; t0 < inputs; t0 += resting)
    for (int64_t row = from; row < to; row += gemv_max_rows - row % gemv_max_rows) {
      const int rows = static_cast<int>(std::min<int64_t>(gemv_max_rows - row % gemv_max_rows, to - row));
      for (int64_t t = t0; t < std::min(inputs, t0 + resting); t += gemv_max_tokens)
        use(row, rows, t, static_cast<int>(std::min<int64_t>(gemv_max_tokens, inputs - t)));
    }
}

int64_t units_of(int64_t rows, int64_t unit) { return (rows + unit - 1) / unit; }

}  // namespace

// One row: every worker prepares the input for itself (less work than a barrier). Several: the workers share that work.
Activations CpuProgram::prepare_rows(const InputRows& input, const PreparedStep& step, Worker& worker) {
  const int64_t n = rows_of(step), cols = plan_[input.from].cols;
  auto row = [&](int64_t i) { return at(input.from, input.gathered ? output_rows_[i] : i); };
  if (n == 1) {
    Workspace& own = own_[worker.index].input;
    prepare_row(row(0), cols, input.norm, step, own, 0);
    observe_inputs(step, own, 1, cols, worker);
    return own.view();
  }
  for (int64_t i = worker.begin(n); i < worker.end(n); i++) prepare_row(row(i), cols, input.norm, step, shared_, i);
  worker.barrier();
  observe_inputs(step, shared_, n, cols, worker);
  return shared_.view();
}

// While one worker does this, the others compute; the barrier after the step keeps the inputs until all are done.
void CpuProgram::observe_inputs(const PreparedStep& step, const Workspace& of, int64_t rows, int64_t cols,
                                Worker& worker) const {
  if (!observer_ || worker.index != 0) return;
  (*observer_)({.step = static_cast<size_t>(step.step - plan_.steps.data()),
                .cols = cols,
                .values = {of.values.data(), static_cast<size_t>(rows * cols)}});
}

void CpuProgram::prepare_row(const float* x, int64_t cols, const std::optional<plan::Norm>& norm,
                             const PreparedStep& step, Workspace& to, int64_t slot) const {
  float* normed = to.values.data() + slot * cols;
  if (norm) {
    isa_.ops->norm({x, numbers(*norm).data(), narrow<int>(cols), norm->epsilon, normed});
    x = normed;
  } else if (step.values || observer_) {
    std::copy_n(x, cols, normed);
  }
  if (step.codes)
    isa_.ops->quantize(x, narrow<int>(cols), to.codes.data() + slot * cols, to.scales.data() + slot * cols / 32,
                       to.sums.data() + slot * cols / 16);
}

void CpuProgram::compute(const plan::Linear& op, PreparedStep& step, Worker& worker) {
  const bool gathered = step.of_outputs && plan_[op.from].rows == plan::Value::Rows::tokens;
  const Activations x = prepare_rows({.from = op.from, .norm = op.norm, .gathered = gathered}, step, worker);
  int64_t units = 0;
  for (const Part& part : step.parts) units += units_of(part.view.rows, unit_rows);
  alignas(64) float y[gemv_max_tokens * gemv_max_rows];
  worker.share(units, gemv_max_rows / unit_rows, [&](int64_t begin, int64_t end) {
    int64_t base = 0;
    for (const Part& part : step.parts) {
      const int64_t of_part = units_of(part.view.rows, unit_rows);
      const int64_t from = std::max(begin - base, int64_t{0}) * unit_rows;
      const int64_t to = std::min(std::min(end - base, of_part) * unit_rows, part.view.rows);
      base += of_part;
      each_call(from, to, part.view.cols, rows_of(step), [&](int64_t row, int rows, int64_t first, int n) {
        multiply(part, row, rows, x, first, n, y);
        write(part, row, rows, first, n, y);
      });
    }
  });
}

void CpuProgram::compute(const plan::GatedLinear& op, PreparedStep& step, Worker& worker) {
  const Activations x = prepare_rows({.from = op.from, .norm = op.norm, .gathered = false}, step, worker);
  const Part &gate = step.parts[0], &up = step.parts[1];
  const int64_t units = units_of(gate.view.rows, gemv_max_rows);
  auto activate = op.activation == plan::Activation::silu ? isa_.ops->gate_silu : isa_.ops->gate_gelu_tanh;
  alignas(64) float gates[gemv_max_tokens * gemv_max_rows], ups[gemv_max_tokens * gemv_max_rows];
  worker.share(units, 1, [&](int64_t begin, int64_t end) {
    const int64_t from = begin * gemv_max_rows, to = std::min(end * gemv_max_rows, gate.view.rows);
    each_call(from, to, gate.view.cols, rows_of(step), [&](int64_t row, int rows, int64_t first, int n) {
      multiply(gate, row, rows, x, first, n, gates);
      multiply(up, row, rows, x, first, n, ups);
      const int padded = (rows + 15) / 16 * 16;
      for (int k = 0; k < n; k++) {
        float* at = gates + k * gemv_max_rows;
        activate({at, ups + k * gemv_max_rows, padded, at});
      }
      write(gate, row, rows, first, n, gates);
    });
  });
}

// y (n, 64) = rows of the matrix · x + bias
void CpuProgram::multiply(const Part& part, int64_t row, int rows, const Activations& x, int64_t first, int n,
                          float* y) const {
  part.gemv({.weights = part.weights + row / gemv_max_rows * part.stride,
             .cols = part.view.cols,
             .row = row % gemv_max_rows,
             .rows = rows,
             .x = x,
             .token = first,
             .tokens = n,
             .scale = part.scale,
             .y = y,
             .prefetch = prefetch_,
             .row_bytes = narrow<int64_t>(part.view.row_bytes)});
  if (part.bias)
    for (int k = 0; k < n; k++)
      for (int r = 0; r < rows; r++) y[k * gemv_max_rows + r] += part.bias[row + r];
}

void CpuProgram::write(const Part& part, int64_t row, int rows, int64_t first, int n, const float* y) {
  for (int k = 0; k < n; k++) {
    const float* from = y + k * gemv_max_rows;
    float* to = at(part.to, first + k) + row;
    if (part.add)
      for (int r = 0; r < rows; r++) to[r] += from[r];
    else
      std::copy_n(from, rows, to);
  }
}

// Benchmarks every prefetch policy on some of the weights and keeps the fastest: the hardware prefetchers of some
// machines reach the memory's full rate, others need software prefetches, and the best distance differs. Each
// measurement continues where the last one stopped: a weight is read again only after all others, as when tokens are
// generated, so it is cached only where generation finds it cached too. Threads and other processes disturb each other:
// the best of more rounds counts, and each thread reads enough to be timed.
void CpuProgram::choose_prefetch() {
  constexpr uint64_t min_bytes = 32 << 20, bytes_per_thread = 32 << 20;
  const int rounds = pool_.threads() == 1 ? 3 : 9;
  if (weights_->bytes() < min_bytes) return;
  struct Call {  // the rows of one call of a kernel
    const Part* part;
    int64_t row;
  };
  std::vector<Call> calls;
  uint64_t resident = 0;
  for (const PreparedStep& step : steps_)
    for (const Part& part : step.parts)
      for (int64_t row = 0; part.resident && row < part.view.rows; row += gemv_max_rows)
        calls.push_back({&part, row}), resident += part.call_bytes;
  const int64_t bytes_per_call = static_cast<int64_t>(resident / calls.size());
  const int64_t n = (pool_.threads() + 1) * static_cast<int64_t>(bytes_per_thread) / bytes_per_call;
  int64_t next = 0;
  auto seconds_per_byte = [&] {
    uint64_t bytes = 0;
    for (int64_t c = 0; c < n; c++) bytes += calls[(next + c) % calls.size()].part->call_bytes;
    auto start = std::chrono::steady_clock::now();
    pool_.run([&](Worker& worker) {
      alignas(64) float y[gemv_max_rows];
      const Activations x = own_[worker.index].input.view();
      for (int64_t c = worker.begin(n); c < worker.end(n); c++) {
        const auto& [part, row] = calls[(next + c) % calls.size()];
        multiply(*part, row, static_cast<int>(std::min<int64_t>(gemv_max_rows, part->view.rows - row)), x, 0, 1, y);
      }
    });
    next += n;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / double(bytes);
  };
  seconds_per_byte();  // threads awake, pages mapped
  Prefetch fastest = prefetch_;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; round++)
    for (const Prefetch& policy : prefetch_policies) {
      prefetch_ = policy;
      if (double seconds = seconds_per_byte(); seconds < best) best = seconds, fastest = policy;
    }
  prefetch_ = fastest;
}

}  // namespace ingot::cpu
