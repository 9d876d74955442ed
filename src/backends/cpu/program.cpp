#include "backends/cpu/program.h"

#include <algorithm>
#include <chrono>
#include <atomic>
#include <cmath>

#include "backends/cpu/machine.h"
#include "plan/finite.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cpu {

using plan::Buffer;
using plan::Step;
using plan::StepKind;

namespace {

// Rows are dealt out in units that every machine's row group divides; where two matrices are read in turns, by whole calls.
constexpr int64_t least_unit = 16;
static_assert(gemv_max_rows % least_unit == 0);

}  // namespace

uint64_t ActivationRoom::bytes(int64_t tokens, int64_t cols) {
  return capped_product(tokens, capped_sum(capped_product(cols, sizeof(i8) + sizeof(float)), capped_product(cols / 32, sizeof(float)), capped_product(cols / 16, sizeof(i16))));
}

void ActivationRoom::size(int64_t tokens, int64_t cols) {
  const uint64_t all = capped_product(tokens, cols);
  codes.resize(all);
  scales.resize(all / 32);
  sums.resize(all / 16);
  values.resize(all);
}

namespace {

// Widest input of a projection.
int64_t most_cols(const plan::Plan& plan) {
  int64_t cols = 0;
  for (const Step& step : plan.steps)
    for (const plan::Segment& s : step.segments) cols = std::max(cols, s.matrix.cols);
  return cols;
}

uint64_t table_row_bytes(const plan::Plan& plan) {
  const plan::Matrix& table = plan.steps.front().segments.front().matrix;
  return table.format->row_bytes(narrow<uint64_t>(table.cols));
}

}  // namespace

uint64_t scratch_bytes(const plan::Plan& plan, int threads) {
  uint64_t floats = 0;
  for (size_t b = 0; b < static_cast<size_t>(Buffer::logits); b++) floats = capped_sum(floats, capped_product(plan.max_batch, width(plan, static_cast<Buffer>(b))));
  for (const plan::Rope& rope : plan.ropes) floats = capped_sum(floats, capped_product(plan.max_batch, rope.dims));
  return capped_sum(capped_product(floats, sizeof(float)), ActivationRoom::bytes(plan.max_batch, most_cols(plan)), capped_product(threads, ActivationRoom::bytes(1, most_cols(plan))),
                    capped_product(plan.max_batch, table_row_bytes(plan)));
}

float* CpuProgram::at(Buffer buffer, int64_t token) { return buffers_[static_cast<size_t>(buffer)].data() + token * int64_t(width(plan_, buffer)); }

CpuProgram::CpuProgram(plan::Plan plan, const plan::Options& options)
    : plan_(std::move(plan)), isa_(find_isa(options.isa)), cache_layout_(plan_, isa_), pool_(options.threads > 0 ? options.threads : usable_cores()) {
  for (const Step& step : plan_.steps) {
    Cast cast{&step, {}};
    for (const plan::Segment& s : step.segments) {
      Placement p = place(s.matrix, isa_, options.repack && step.kind != StepKind::embed);
      cast.parts.push_back({p.run(), p.resident, reinterpret_cast<const u8*>(s.matrix.data), capped_product(int(gemv_max_rows), s.matrix.format->row_bytes(static_cast<uint64_t>(s.matrix.cols))), p.resident ? p.call_bytes(s.matrix) : 0, s.matrix.rows, s.matrix.cols, s.matrix.scale, s.bias.empty() ? nullptr : s.bias.data(), s.to});
      (p.kernels->reads_codes ? cast.codes : cast.values) = true;
    }
    steps_.push_back(std::move(cast));
  }
  buffers_.resize(static_cast<size_t>(Buffer::logits));
  for (size_t b = 0; b < buffers_.size(); b++) buffers_[b].resize(capped_product(plan_.max_batch, width(plan_, static_cast<Buffer>(b))));
  for (const plan::Rope& rope : plan_.ropes) {
    cosines_.emplace_back(capped_product(plan_.max_batch, rope.dims / 2));
    sines_.emplace_back(capped_product(plan_.max_batch, rope.dims / 2));
  }
  int64_t cols = most_cols(plan_);
  shared_.size(plan_.max_batch, cols);
  own_.resize(pool_.threads());
  for (ActivationRoom& room : own_) room.size(1, cols);
  if (options.repack) read_ = options.read;
  if (read_) table_rows_.resize(capped_product(plan_.max_batch, table_row_bytes(plan_)));
  lay_out(options);
  probe_reading();
}

// Packs every matrix that has a resident layout, in the order in which a token reads them; a matrix that two steps use is packed
// once. Gate and up are read in turns, so their calls lie in turns: memory is fast only where it is read straight on.
void CpuProgram::lay_out(const plan::Options& options) {
  struct Job {
    const plan::Matrix* matrix;
    Placement placement;
    uint64_t at, stride;
  };
  std::vector<Job> jobs;
  uint64_t total = 0, done = 0;
  auto job_of = [&](const plan::Matrix& m) { return std::ranges::find(jobs, m.data, [](const Job& j) { return j.matrix->data; }); };
  for (const Cast& cast : steps_) {
    if (cast.step->kind == StepKind::embed) continue;
    std::vector<Job> added;
    for (const plan::Segment& s : cast.step->segments) {
      Placement p = place(s.matrix, isa_, options.repack);
      if (p.resident && job_of(s.matrix) == jobs.end()) added.push_back({&s.matrix, p, total, p.call_bytes(s.matrix)});
    }
    bool in_turns = cast.step->kind == StepKind::gate_up && added.size() == 2;
    if (in_turns) {
      added[1].at += added[0].stride;
      added[0].stride = added[1].stride += added[0].stride;
    }
    for (Job& job : added) {
      if (!in_turns) job.at = total;
      total = capped_sum(total, job.placement.resident_bytes(*job.matrix));
      jobs.push_back(job);
    }
  }
  resident_ = std::make_unique<Region>(total, "the weights", "use a smaller model, or run from the file without repacking");
  for (const Job& job : jobs) {
    pool_.run([&](Worker& worker) { pack(*job.matrix, *job.placement.kernels, resident_->data() + job.at, job.stride, worker); });
    if (options.release) options.release(*job.matrix);
    done += job.placement.resident_bytes(*job.matrix);
    if (options.progress) options.progress(double(done) / double(total));
  }
  for (Cast& cast : steps_)
    for (size_t i = 0; i < cast.parts.size() && cast.step->kind != StepKind::embed; i++)
      if (auto job = job_of(cast.step->segments[i].matrix); job != jobs.end()) cast.parts[i].weights = resident_->data() + job->at, cast.parts[i].stride = job->stride;
}

// Reads some of the weights in every way and keeps the fastest: some machines follow plain streams by themselves at the memory's full rate,
// others reach it only when asked, and how far ahead differs. Each reading goes on where the last one stopped, so that what is read has not
// been in a cache since the model's weights were read before, as when tokens are written; more threads read more, so that each reads long
// enough to be timed. The best of several rounds counts, as others may use the memory too.
void CpuProgram::probe_reading() {
  constexpr int64_t least_bytes = 32 << 20, bytes_a_thread = 32 << 20;
  constexpr int rounds = 3;
  if (static_cast<int64_t>(resident_->bytes()) < least_bytes) return;
  struct Call {  // the rows of one call of a kernel
    const Part* part;
    int64_t row;
  };
  std::vector<Call> calls;
  for (const Cast& cast : steps_)
    for (const Part& part : cast.parts)
      for (int64_t row = 0; part.resident && row < part.rows; row += gemv_max_rows) calls.push_back({&part, row});
  int64_t bytes_a_call = static_cast<int64_t>(resident_->bytes()) / static_cast<int64_t>(calls.size());
  int64_t n = (pool_.threads() + 1) * bytes_a_thread / bytes_a_call, next = 0;
  auto seconds_a_byte = [&] {
    uint64_t bytes = 0;
    for (int64_t c = 0; c < n; c++) bytes += calls[(next + c) % calls.size()].part->call_bytes;
    auto start = std::chrono::steady_clock::now();
    pool_.run([&](Worker& worker) {
      float y[gemv_max_rows];
      for (int64_t c = worker.begin(n); c < worker.end(n); c++) {
        const Call& call = calls[(next + c) % calls.size()];
        project_rows(*call.part, call.row, static_cast<int>(std::min<int64_t>(gemv_max_rows, call.part->rows - call.row)), own_[worker.index].view(), 0, 1, y);
      }
    });
    next += n;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / double(bytes);
  };
  seconds_a_byte();  // threads awake, pages known
  Reading fastest = reading_;
  double best = INFINITY;
  for (int round = 0; round < rounds; round++)
    for (const Reading& reading : readings) {
      reading_ = reading;
      if (double seconds = seconds_a_byte(); seconds < best) best = seconds, fastest = reading;
    }
  reading_ = fastest;
}

std::unique_ptr<plan::Cache> CpuProgram::make_cache() { return std::make_unique<CpuCache>(plan_, cache_layout_); }

bool CpuProgram::run(plan::Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, const plan::Watch& watch) {
  std::lock_guard lock(mutex_);
  if (read_) read_table(tokens);
  int wanted = narrow<int>(logits.size() / plan_.vocab);
  Batch batch{static_cast<CpuCache*>(&cache), tokens, position, narrow<int>(tokens.size()) - wanted, logits.data()};
  // Steps before `end` are run. Who is stopped says so in front of a barrier, with the step after it, so all leave at the same one.
  std::atomic<size_t> end = steps_.size();
  pool_.run([&](Worker& worker) {
    bool timed = worker.index == 0 && !watch.step_seconds.empty();
    auto before = timed ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    for (size_t i = 0; i < end.load(std::memory_order_relaxed); i++) {
      if (steps_[i].step->kind == StepKind::head && wanted == 0) continue;
      run_step(steps_[i], batch, worker);
      if (worker.index == 0 && watch.stop && i + 1 < steps_.size() && watch.stop()) end.store(i + 1, std::memory_order_relaxed);
      worker.barrier();
      if (!timed) continue;
      auto now = std::chrono::steady_clock::now();
      watch.step_seconds[i] += std::chrono::duration<double>(now - before).count();
      before = now;
    }
  });
  if (end < steps_.size()) return false;
  plan::check_finite(logits, cache, position + static_cast<int>(tokens.size()));
  return true;
}

void CpuProgram::run_step(const Cast& cast, const Batch& batch, Worker& worker) {
  switch (cast.step->kind) {
    case StepKind::embed: return embed(batch, worker);
    case StepKind::rope_store: return rope_store(cast, batch, worker);
    case StepKind::attend: return attend(cast, batch, worker);
    case StepKind::norm_add: return norm_add(cast, batch, worker);
    case StepKind::qkv:
    case StepKind::project_add:
    case StepKind::gate_up:
    case StepKind::project:
    case StepKind::head: return project(cast, batch, worker);
  }
}

// The rows of the embedding, not from the mapping: a file that has become shorter would end the process there, and here is an error.
void CpuProgram::read_table(std::span<const int32_t> tokens) {
  const plan::Matrix& table = plan_.steps.front().segments.front().matrix;
  const uint64_t row_bytes = table_row_bytes(plan_);
  for (size_t t = 0; t < tokens.size(); t++)
    if (!read_(table, capped_product(tokens[t], row_bytes), std::span(table_rows_).subspan(t * row_bytes, row_bytes)))
      throw Error("cpu", "the model's file was changed while in use", "", "the file that was loaded", "load the model again");
}

// Rows of the embedding, and the angles that every layer's rope will use.
void CpuProgram::embed(const Batch& batch, Worker& worker) {
  const plan::Matrix& table = plan_.steps.front().segments.front().matrix;
  const FormatKernels& kernels = *isa_.formats[table.format - quant::formats().data()];
  int64_t row_bytes = static_cast<int64_t>(table_row_bytes(plan_)), n = static_cast<int64_t>(batch.tokens.size());
  float scale = plan_.embedding_scale * table.scale;
  for (int64_t t = worker.begin(n); t < worker.end(n); t++) {
    float* x = at(Buffer::residual, t);
    const std::byte* row = read_ ? table_rows_.data() + t * row_bytes : table.data + batch.tokens[t] * row_bytes;
    kernels.decode_row(reinterpret_cast<const u8*>(row), table.cols, x);
    if (scale != 1)
      for (int64_t i = 0; i < table.cols; i++) x[i] *= scale;
    for (size_t r = 0; r < plan_.ropes.size(); r++) {
      const plan::Rope& rope = plan_.ropes[r];
      int half = rope.dims / 2;
      for (int i = 0; i < half; i++) {
        double angle = double(batch.position + t) * rope.frequencies[i];
        cosines_[r][t * half + i] = static_cast<float>(std::cos(angle) * rope.magnitude);
        sines_[r][t * half + i] = static_cast<float>(std::sin(angle) * rope.magnitude);
      }
    }
  }
}

// Prologue of a projection: norm-in and quantize-in of one vector.
void CpuProgram::prepare_input(const Cast& cast, const float* x, int64_t cols, ActivationRoom& room, int64_t slot) const {
  float* normed = room.values.data() + slot * cols;
  const plan::Vector& norm = cast.step->norm;
  if (!norm.empty()) {
    isa_.ops->norm({x, norm.data(), narrow<int>(cols), plan_.norm_epsilon, normed});
    x = normed;
  } else if (cast.values) {
    std::copy_n(x, cols, normed);
  }
  if (cast.codes)
    isa_.ops->quantize(x, narrow<int>(cols), room.codes.data() + slot * cols, room.scales.data() + slot * cols / 32, room.sums.data() + slot * cols / 16);
}

// Tokens whose codes rest in the second cache while the rows of a worker pass by, in whole calls of a kernel.
int64_t tokens_in_cache(int64_t cols) {
  static const int64_t cache = std::max<int64_t>(cache_bytes(2), 256 << 10);
  return std::max<int64_t>(1, cache * 3 / 4 / cols / gemv_max_tokens) * gemv_max_tokens;
}

// One token: every worker prepares the input for itself (less work than a barrier). Several: the workers share that work.
void CpuProgram::project(const Cast& cast, const Batch& batch, Worker& worker) {
  bool head = cast.step->kind == StepKind::head, gate = cast.step->kind == StepKind::gate_up;
  int64_t first = head ? batch.first_logits : 0, tokens = static_cast<int64_t>(batch.tokens.size()) - first, cols = cast.parts.front().cols;
  ActivationRoom& room = tokens == 1 ? own_[worker.index] : shared_;
  if (tokens == 1) {
    prepare_input(cast, at(cast.step->from, first), cols, room, 0);
  } else {
    for (int64_t t = worker.begin(tokens); t < worker.end(tokens); t++) prepare_input(cast, at(cast.step->from, first + t), cols, room, t);
    worker.barrier();
  }
  Activations x = room.view();

  int64_t units = 0, unit_rows = gate ? int64_t(gemv_max_rows) : least_unit;
  size_t walked = gate ? 1 : cast.parts.size();
  for (size_t i = 0; i < walked; i++) units += (cast.parts[i].rows + unit_rows - 1) / unit_rows;
  int64_t begin = worker.begin(units), end = worker.end(units), base = 0;
  int64_t resting = tokens_in_cache(cols);
  alignas(64) float y[2][gemv_max_tokens * gemv_max_rows];
  for (size_t i = 0; i < walked; i++) {
    const Part& part = cast.parts[i];
    int64_t part_units = (part.rows + unit_rows - 1) / unit_rows;
    int64_t from = std::max(begin - base, int64_t(0)) * unit_rows, to = std::min(std::min(end - base, part_units) * unit_rows, part.rows);
    base += part_units;
    for (int64_t t0 = 0; t0 < tokens; t0 += resting)
      for (int64_t row = from; row < to; row += gemv_max_rows - row % gemv_max_rows) {
        int rows = static_cast<int>(std::min<int64_t>(gemv_max_rows - row % gemv_max_rows, to - row));
        for (int64_t t = t0; t < std::min(tokens, t0 + resting); t += gemv_max_tokens) {
          int n = static_cast<int>(std::min<int64_t>(gemv_max_tokens, tokens - t));
          project_rows(part, row, rows, x, t, n, y[0]);
          if (gate) {
            project_rows(cast.parts[1], row, rows, x, t, n, y[1]);
            auto act = plan_.activation == plan::Activation::silu ? isa_.ops->gate_silu : isa_.ops->gate_gelu_tanh;
            int padded = (rows + 15) / 16 * 16;
            for (int k = 0; k < n; k++) act({y[0] + k * gemv_max_rows, y[1] + k * gemv_max_rows, padded, y[0] + k * gemv_max_rows});
          }
          write_rows(cast, part, row, rows, t, n, y[0], batch.logits);
        }
      }
  }
}

// y (tokens, 64) = rows of the matrix · x + bias
void CpuProgram::project_rows(const Part& part, int64_t row, int rows, const Activations& x, int64_t token, int tokens, float* y) const {
  part.gemv({part.weights + row / gemv_max_rows * part.stride, part.cols, row % gemv_max_rows, rows, x, token, tokens, part.scale, y, reading_});
  if (part.bias)
    for (int k = 0; k < tokens; k++)
      for (int r = 0; r < rows; r++) y[k * gemv_max_rows + r] += part.bias[row + r];
}

// Epilogue: into the step's buffer, added to it, or out as logits.
void CpuProgram::write_rows(const Cast& cast, const Part& part, int64_t row, int rows, int64_t token, int tokens, const float* y, float* logits) {
  for (int k = 0; k < tokens; k++) {
    const float* from = y + k * gemv_max_rows;
    float* to = part.to == Buffer::logits ? logits + (token + k) * plan_.vocab + row : at(part.to, token + k) + row;
    if (cast.step->kind == StepKind::project_add)
      for (int r = 0; r < rows; r++) to[r] += from[r];
    else std::copy_n(from, rows, to);
  }
}

// Norms and turns queries and keys, stores keys and values.
void CpuProgram::rope_store(const Cast& cast, const Batch& batch, Worker& worker) {
  const Step& step = *cast.step;
  const plan::Rope& rope = plan_.ropes[step.rope];
  int64_t tokens = static_cast<int64_t>(batch.tokens.size()), size = plan_.head_size, heads = plan_.heads, kv_heads = plan_.kv_heads;
  int half = rope.dims / 2;
  for (int64_t item = worker.index; item < tokens * (heads + kv_heads); item += worker.count) {
    int64_t t = item / (heads + kv_heads), h = item % (heads + kv_heads);
    bool query = h < heads;
    float* x = query ? at(Buffer::query, t) + h * size : at(Buffer::key, t) + (h - heads) * size;
    const plan::Vector& norm = query ? step.q_norm : step.k_norm;
    if (!norm.empty()) isa_.ops->norm({x, norm.data(), narrow<int>(size), plan_.norm_epsilon, x});
    isa_.ops->rotate({x, cosines_[step.rope].data() + t * half, sines_[step.rope].data() + t * half, rope.dims, rope.pairing == plan::Pairing::halves});
    if (query) continue;
    int kv_head = narrow<int>(h - heads), position = batch.position + narrow<int>(t);
    cache_layout_.store(*isa_.ops, x, at(Buffer::value, t) + kv_head * size, position, batch.cache->keys(step.layer, kv_head), batch.cache->values(step.layer, kv_head));
  }
}

// Heads that share keys and values go together, with as many tokens as a call takes. A single token's heads are split where
// that gives every worker the same to do and the keys are few.
void CpuProgram::attend(const Cast& cast, const Batch& batch, Worker& worker) {
  constexpr int few_positions = 1024;
  const Step& step = *cast.step;
  int tokens = narrow<int>(batch.tokens.size()), size = plan_.head_size, group = plan_.heads / plan_.kv_heads;
  bool split = tokens == 1 && plan_.kv_heads % worker.count != 0 && batch.position < few_positions;
  int heads = split ? 1 : std::min<int>(group, attend_max_queries), at_once = attend_max_queries / heads;
  int parts = (group + heads - 1) / heads, runs = (tokens + at_once - 1) / at_once;
  for (int item = worker.index; item < plan_.kv_heads * parts * runs; item += worker.count) {
    int kv_head = item % plan_.kv_heads, part = item / plan_.kv_heads % parts, t = item / plan_.kv_heads / parts * at_once;
    int head = kv_head * group + part * heads;
    isa_.ops->attend({at(Buffer::query, t) + head * size, int64_t(plan_.heads) * size, std::min(at_once, tokens - t), std::min(heads, group - part * heads), batch.position + t,
                      step.window, batch.cache->keys(step.layer, kv_head), batch.cache->values(step.layer, kv_head), size, plan_.attention_scale, at(Buffer::attended, t) + head * size, cache_layout_.coded()});
  }
}

// residual += norm(block)
void CpuProgram::norm_add(const Cast& cast, const Batch& batch, Worker& worker) {
  int64_t tokens = static_cast<int64_t>(batch.tokens.size());
  for (int64_t t = worker.index; t < tokens; t += worker.count) {
    float *block = at(Buffer::block, t), *residual = at(Buffer::residual, t);
    isa_.ops->norm({block, cast.step->norm.data(), plan_.hidden, plan_.norm_epsilon, block});
    for (int i = 0; i < plan_.hidden; i++) residual[i] += block[i];
  }
}

}  // namespace ingot::cpu
