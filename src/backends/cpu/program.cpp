#include "backends/cpu/program.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "backends/cpu/machine.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cpu {

CpuProgram::CpuProgram(plan::Plan plan, const plan::Options& options, PageRange pages)
    : plan_(std::move(plan)),
      isa_(find_isa(options.isa)),
      states_layout_(plan_, isa_),
      pool_(options.threads > 0 ? options.threads : usable_cores()),
      states_(states_layout_, pages),
      steps_(plan_.steps.size()),
      own_(static_cast<size_t>(pool_.threads())),
      row_positions_(static_cast<size_t>(plan_.limits.max_rows)),
      output_rows_(static_cast<size_t>(plan_.limits.max_outputs)) {
  const int max_rows = plan_.limits.max_rows;
  for (const plan::Value& value : plan_.values) {
    const int rows = value.rows == plan::Value::Rows::tokens ? max_rows : plan_.limits.max_outputs;
    memory_.emplace_back(&value == &plan_[plan_.logits] ? 0 : capped_product(rows, value.cols));
    buffers_.push_back({.data = memory_.back().data(), .cols = value.cols});
  }
  for (const plan::Rope& rope : plan_.ropes) {
    cosines_.emplace_back(capped_product(max_rows, rope.dims / 2));
    sines_.emplace_back(capped_product(max_rows, rope.dims / 2));
  }
  shared_.size(max_rows, max_input_cols(plan_));
  for (WorkerMemory& memory : own_) memory.size(plan_, states_layout_);
  if (options.repack) read_ = options.read;
  weights_ = std::make_unique<ResidentWeights>(plan_, isa_, options, pool_);
  prepare_steps(options);
  choose_prefetch();
}

void CpuProgram::prepare_steps(const plan::Options& options) {
  uint64_t parts_floats = 0;
  for (size_t i = 0; i < steps_.size(); i++) {
    PreparedStep& step = steps_[i];
    const plan::Op& op = plan_.steps[i].op;
    step.step = &plan_.steps[i];
    step.of_outputs = plan_[plan::written_by(op)].rows == plan::Value::Rows::outputs;
    if (auto* embed = std::get_if<plan::Embed>(&op)) {
      step.index = tables_.size();
      const MatrixView view = view_of(plan_, embed->table);
      const uint64_t row_bytes = view.format->row_bytes(narrow<uint64_t>(view.cols));
      tables_.push_back({.op = embed, .view = view, .bytes = {}});
      if (read_) tables_.back().bytes.resize(capped_product(plan_.limits.max_rows, row_bytes));
    } else if (auto* linear = std::get_if<plan::Linear>(&op)) {
      for (const plan::Output& output : linear->outputs) {
        Part& part = step.parts.emplace_back(part_of(output.weight, options.repack));
        part.bias = output.bias ? plan_[output.bias].numbers.data() : nullptr;
        part.to = output.to, part.add = output.add;
      }
    } else if (auto* gated = std::get_if<plan::GatedLinear>(&op)) {
      for (const plan::Slice& slice : {gated->gate, gated->up})
        step.parts.emplace_back(part_of(slice, options.repack)).to = gated->to;
    } else if (auto* attend = std::get_if<plan::Attend>(&op)) {
      const plan::HeadShape& shape = plan_[attend->state].heads;
      step.index = work_for(shape, attend->window);
      const int64_t floats = AttentionWork::parts_floats(shape, plan_.limits, pool_.threads());
      parts_floats = std::max(parts_floats, narrow<uint64_t>(floats));
    }
    for (const Part& part : step.parts)
      (kernels_of(*part.view.format, isa_).reads_codes ? step.codes : step.values) = true;
  }
  attend_parts_ = std::make_unique<Region>(capped_product(parts_floats, sizeof(float)), "the sums of attention",
                                           "ask for a shorter context (-c)", Pages::small);
}

CpuProgram::Part CpuProgram::part_of(const plan::Slice& slice, bool repack) const {
  const MatrixView view = view_of(plan_, slice);
  const Placement placement = place(*view.format, isa_, repack);
  const PackedSlice* packed = weights_->find(slice);
  return {.gemv = placement.run(),
          .resident = placement.resident,
          .weights = packed ? packed->weights : view.data,
          .stride = packed ? packed->stride : capped_product(int(gemv_max_rows), view.row_bytes),
          .call_bytes = packed ? placement.call_bytes(view) : 0,
          .view = view,
          .scale = plan_[slice].scale,
          .bias = nullptr,
          .to = {},
          .add = false};
}

size_t CpuProgram::work_for(const plan::HeadShape& shape, int window) {
  for (size_t i = 0; i < attention_.size(); i++)
    if (attention_[i].is_for(shape, window)) return i;
  attention_.emplace_back(shape, window, plan_.limits, pool_.threads());
  return attention_.size() - 1;
}

bool CpuProgram::run(const plan::Batch& batch, std::span<float> logits, const plan::Watch& watch) {
  std::lock_guard lock(mutex_);
  plan::check(plan_, batch, states_.pages());
  take(batch, logits);
  observer_ = watch.inputs ? &watch.inputs : nullptr;
  // Steps before `end` are run. A worker that is stopped says so before a barrier, with the step after it, so all leave
  // at the same one.
  std::atomic<size_t> end = steps_.size();
  pool_.run([&](Worker& worker) {
    const bool timed = worker.index == 0 && !watch.step_seconds.empty();
    auto before = timed ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    compute_angles(worker);
    for (size_t i = 0; i < end.load(std::memory_order_relaxed); i++) {
      PreparedStep& step = steps_[i];
      if (rows_of(step) == 0) continue;
      std::visit([&](const auto& op) { compute(op, step, worker); }, step.step->op);
      if (worker.index == 0 && watch.stop && i + 1 < steps_.size() && watch.stop())
        end.store(i + 1, std::memory_order_relaxed);
      worker.barrier();
      if (!timed) continue;
      auto now = std::chrono::steady_clock::now();
      watch.step_seconds[i] += std::chrono::duration<double>(now - before).count();
      before = now;
    }
  });
  return end == steps_.size();
}

// Fills in where every row and every output belongs, who attends to what, and which pages will be written.
void CpuProgram::take(const plan::Batch& batch, std::span<float> logits) {
  const int outputs = batch.outputs();
  if (const uint64_t floats = capped_product(outputs, plan_.vocab()); logits.size() != floats)
    throw Error("cpu", "the space for logits does not match the outputs of the batch", std::to_string(logits.size()),
                std::to_string(floats));
  tokens_ = batch.tokens, rows_ = static_cast<int64_t>(batch.tokens.size()), outputs_ = outputs;
  read_tables();
  buffers_[static_cast<size_t>(plan_.logits.index)].data = logits.data();
  size_t row = 0, output = 0;
  for (const plan::Sequence& s : batch.sequences) {
    for (int i = 0; i < s.count; i++) row_positions_[row + i] = {s.pages.data(), s.position + i};
    row += s.count;
    for (int i = s.outputs; i > 0; i--) output_rows_[output++] = static_cast<int32_t>(row) - i;
    for (int page = s.position / plan::page_positions; page < plan::pages_for(int64_t{s.position} + s.count); page++)
      states_.touch(s.pages[page]);
  }
  for (AttentionWork& work : attention_) work.share_out(batch);
  for (PreparedStep& step : steps_) step.next.store(0, std::memory_order_relaxed);
}

// Rows of embeddings, read without the mapping: if the file has been truncated, the mapping would end the process, and
// this is an error.
void CpuProgram::read_tables() {
  if (!read_) return;
  for (TableRows& table : tables_) {
    const plan::Slice& slice = table.op->table;
    const plan::Weight& weight = plan_[slice];
    const uint64_t in_row = weight.format->row_bytes(narrow<uint64_t>(slice.first_col));
    const uint64_t bytes = weight.format->row_bytes(narrow<uint64_t>(slice.cols));
    for (size_t t = 0; t < tokens_.size(); t++) {
      const uint64_t at = capped_sum(capped_product(slice.first_row + tokens_[t], table.view.row_bytes), in_row);
      if (!read_(weight, at, std::span(table.bytes).subspan(t * bytes, bytes)))
        throw Error("cpu", "the model's file was changed while in use", "", "the file that was loaded",
                    "load the model again");
    }
  }
}

// The angles that every layer's rope will use. They are ready after the first step, an embedding.
void CpuProgram::compute_angles(Worker& worker) {
  for (size_t r = 0; r < plan_.ropes.size(); r++) {
    const plan::Rope& rope = plan_.ropes[r];
    const int half = rope.dims / 2;
    for (int64_t row = worker.begin(rows_); row < worker.end(rows_); row++)
      for (int i = 0; i < half; i++) {
        const double angle = double(row_positions_[row].position) * rope.frequencies[i];
        cosines_[r][row * half + i] = static_cast<float>(std::cos(angle) * rope.magnitude);
        sines_[r][row * half + i] = static_cast<float>(std::sin(angle) * rope.magnitude);
      }
  }
}

void CpuProgram::compute(const plan::Embed& op, PreparedStep& step, Worker& worker) {
  const TableRows& table = tables_[step.index];
  const MatrixView& view = table.view;
  const FormatKernels& kernels = kernels_of(*view.format, isa_);
  const uint64_t bytes = view.format->row_bytes(narrow<uint64_t>(view.cols));
  const float scale = op.scale * plan_[op.table].scale;
  for (int64_t row = worker.begin(rows_); row < worker.end(rows_); row++) {
    float* x = at(op.to, row);
    const u8* from = read_ ? reinterpret_cast<const u8*>(table.bytes.data()) + row * bytes
                           : view.data + static_cast<uint32_t>(tokens_[row]) * view.row_bytes;
    kernels.decode_row(from, view.cols, x);
    if (scale != 1)
      for (int64_t i = 0; i < view.cols; i++) x[i] *= scale;
  }
}

// Norms and rotates queries and keys, stores keys and values.
void CpuProgram::compute(const plan::RopeStore& op, PreparedStep&, Worker& worker) {
  const plan::Rope& rope = plan_[op.rope];
  const plan::HeadShape& shape = plan_[op.state].heads;
  const StatesLayout::Part& part = states_layout_[op.state];
  const float *cosines = cosines_[op.rope.index].data(), *sines = sines_[op.rope.index].data();
  const int half = rope.dims / 2, all_heads = shape.heads + shape.kv_heads;
  for (int64_t item = worker.index; item < rows_ * all_heads; item += worker.count) {
    const int64_t row = item / all_heads;
    const int h = static_cast<int>(item % all_heads), kv_head = h - shape.heads;
    const bool is_query = kv_head < 0;
    float* x = is_query ? at(op.query, row) + int64_t{h} * shape.key_size
                        : at(op.key, row) + int64_t{kv_head} * shape.key_size;
    const std::optional<plan::Norm>& norm = is_query ? op.query_norm : op.key_norm;
    if (norm) isa_.ops->norm({x, numbers(*norm).data(), shape.key_size, norm->epsilon, x});
    isa_.ops->rotate({.x = x,
                      .cosines = cosines + row * half,
                      .sines = sines + row * half,
                      .dims = rope.dims,
                      .halves = rope.pairing == plan::Rope::Pairing::halves});
    if (is_query) continue;
    const auto [pages, position] = row_positions_[row];
    const int32_t page = pages[position / plan::page_positions];
    states_layout_.store(*isa_.ops, part, x, at(op.value, row) + int64_t{kv_head} * shape.value_size,
                         position % plan::page_positions, states_.keys(part, kv_head, page),
                         states_.values(part, kv_head, page), own_[worker.index].stored.data());
  }
}

void CpuProgram::compute(const plan::Attend& op, PreparedStep& step, Worker& worker) {
  AttentionWork& work = attention_[step.index];
  const int64_t items = static_cast<int64_t>(work.items().size());
  auto next = [&](int64_t done) {
    return work.uniform() ? (done < 0 ? worker.index : done + worker.count)
                          : step.next.fetch_add(1, std::memory_order_relaxed);
  };
  for (int64_t i = next(-1); i < items; i = next(i)) {
    const AttendItem& item = work.items()[i];
    attend(op, work, item, worker);
    if (item.run >= 0 && work.finish_run(item)) merge(op, work.task(item), worker);
  }
}

void CpuProgram::attend(const plan::Attend& op, const AttentionWork& work, const AttendItem& item, Worker& worker) {
  const AttendTask& task = work.task(item);
  const plan::HeadShape& shape = plan_[op.state].heads;
  const StatesLayout::Part& part = states_layout_[op.state];
  const bool is_cut = item.run >= 0;
  const int64_t records = int64_t{task.tokens} * task.heads * record_floats(shape.value_size);
  float* parts =
      reinterpret_cast<float*>(attend_parts_->data()) + task.parts_at + (item.run - task.first_run) * records;
  isa_.ops->attend({.query = at(op.query, task.row) + int64_t{task.head} * shape.key_size,
                    .query_stride = int64_t{shape.heads} * shape.key_size,
                    .tokens = task.tokens,
                    .heads = task.heads,
                    .position = task.position,
                    .window = op.window,
                    .keys = states_.keys(part, task.kv_head),
                    .values = states_.values(part, task.kv_head),
                    .pages = task.pages,
                    .key_page_bytes = narrow<int64_t>(part.key_bytes),
                    .value_page_bytes = narrow<int64_t>(part.value_bytes),
                    .key_size = shape.key_size,
                    .value_size = shape.value_size,
                    .scale = op.scale,
                    .first_run = is_cut ? item.run : task.first_run,
                    .end_run = is_cut ? item.run + 1 : task.first_run + task.runs,
                    .parts = is_cut ? parts : nullptr,
                    .out = at(op.to, task.row) + int64_t{task.head} * shape.value_size,
                    .out_stride = int64_t{shape.heads} * shape.value_size,
                    .coded = states_layout_.coded() ? &part.coded : nullptr,
                    .workspace = own_[worker.index].attend()});
}

void CpuProgram::merge(const plan::Attend& op, const AttendTask& task, Worker& worker) {
  const plan::HeadShape& shape = plan_[op.state].heads;
  isa_.ops->attend_merge({.parts = reinterpret_cast<float*>(attend_parts_->data()) + task.parts_at,
                          .runs = task.runs,
                          .tokens = task.tokens,
                          .heads = task.heads,
                          .value_size = shape.value_size,
                          .merged = own_[worker.index].attend().merged,
                          .out = at(op.to, task.row) + int64_t{task.head} * shape.value_size,
                          .out_stride = int64_t{shape.heads} * shape.value_size});
}

// to += norm(from)
void CpuProgram::compute(const plan::NormAdd& op, PreparedStep& step, Worker& worker) {
  const int cols = narrow<int>(plan_[op.from].cols);
  float* normed = own_[worker.index].input.values.data();
  for (int64_t row = worker.index; row < rows_of(step); row += worker.count) {
    float* to = at(op.to, row);
    isa_.ops->norm({at(op.from, row), numbers(op.norm).data(), cols, op.norm.epsilon, normed});
    for (int i = 0; i < cols; i++) to[i] += normed[i];
  }
}

}  // namespace ingot::cpu
