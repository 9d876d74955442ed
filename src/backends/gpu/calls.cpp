#include "backends/gpu/calls.h"

#include <algorithm>
#include <bit>
#include <set>

#include "backends/gpu/pages.h"
#include "backends/gpu/parameters.h"
#include "base/checked.h"

namespace ingot::gpu {

using plan::Id;
using plan::Plan;
using plan::Slice;
using plan::Value;
using plan::Vector;

namespace {

constexpr uint32_t gemv_threads = split_warps * 32, one_token_threads = one_token_warps * 32,
                   prepare_threads = prepare_warps * 32;
constexpr uint32_t attend_threads = attend_warps * 32;
constexpr int64_t cores_when_not_known = 128;
constexpr int64_t attend_groups_per_core = 6;  // more than run at once, so that long and short runs even out
constexpr int64_t max_shared_bytes = 32768;    // of a thread group without rings; every device has them

int64_t ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }

/// Matrices times one input, in one launch.
struct Projection {
  Id<Value> from, to;  // to: of the first matrix
  std::optional<plan::Norm> norm;
  struct Matrix {
    Slice slice;
    Id<Vector> bias;
    Id<Value> to;
  };
  std::vector<Matrix> matrices;
  bool pair = false;  // gate and up: the same rows of both are computed together
  std::string out;    // stage
};

/// Makes the calls of one recording, step by step.
class Caller {
 public:
  Caller(const Plan& plan, const Target& target, const BodyShape& body, const HeadShape& head)
      : plan_(plan), target_(target), body_(body), head_(head) {}
  std::vector<Call> steps(size_t begin, size_t end);
  void choose();
  std::vector<Call> take() { return std::move(calls_); }

  void operator()(const plan::Embed& op);
  void operator()(const plan::Linear& op);
  void operator()(const plan::GatedLinear& op);
  void operator()(const plan::RopeStore& op);
  void operator()(const plan::Attend& op);
  void operator()(const plan::NormAdd& op);

 private:
  void project(const Projection& what);
  bool project_few(const Projection& what, GemvLaunch p, const std::vector<const quant::Format*>& formats);
  bool project_one(const Projection& what, GemvLaunch p, std::vector<const quant::Format*> formats, bool reads_codes);
  void prepare(int rows, PrepareLaunch p) { call({"prepare", {}, {}}, rows, prepare_threads, sizeof(NormShared), p); }

  template <class Params>
  void call(Entry entry, int64_t groups, uint32_t threads, size_t shared_bytes, const Params& params) {
    calls_.push_back({.step = step_,
                      .entry = std::move(entry),
                      .groups = narrow<uint32_t>(groups, "gpu", "the number of thread groups"),
                      .threads = threads,
                      .shared_bytes = static_cast<uint32_t>(shared_bytes),
                      .parameters = by_value(params)});
  }
  template <class T> T* floats(Id<Value> id) const {
    return target_.scratch ? at_device<T>(target_.scratch->at(id)) : nullptr;
  }
  const float* vector(Id<Vector> id) const {
    return target_.weights ? at_device<const float>(target_.weights->vector(id)) : nullptr;
  }
  const float* weight_of(const std::optional<plan::Norm>& norm) const { return norm ? vector(norm->weight) : nullptr; }
  const u8* matrix(const Slice& slice, bool tiles) const {
    return target_.weights ? at_device<const u8>(target_.weights->matrix(slice, tiles)) : nullptr;
  }
  DeviceActivations codes(Id<Value> id) const {
    if (!target_.scratch) return {};
    const CodesAt at = target_.scratch->codes(id);
    return {at_device<i8>(at.codes), at_device<float>(at.scales), at_device<i32>(at.sums)};
  }
  DeviceBatch batch() const {
    if (!target_.inputs) return {};
    return {at_device<BatchHeader>(target_.inputs->header()), at_device<const PageLine>(target_.inputs->page_table()),
            target_.inputs->page_stride()};
  }
  float* inverse() const { return target_.scratch ? at_device<float>(target_.scratch->inverse()) : nullptr; }
  bool is_output(Id<Value> id) const { return plan_[id].rows == Value::Rows::outputs; }
  // Rows of a value, at most, and the address of their actual number.
  int rows_of(Id<Value> id) const { return is_output(id) ? head_.outputs : body_.rows; }
  const i32* count_of(Id<Value> id) const {
    if (!target_.inputs) return nullptr;
    const BatchHeader* header = at_device<BatchHeader>(target_.inputs->header());
    return is_output(id) ? &header->outputs : &header->rows;
  }
  bool has_codes(Id<Value> id) const { return coded_.contains(id.index); }
  // A step writes the values that it names, other than the one it reads `from`; it may make codes of them anew.
  void forget_codes(std::string_view name, const auto& leaf) {
    if constexpr (std::is_same_v<decltype(leaf), const Id<Value>&>)
      if (name != "from") coded_.erase(leaf.index);
  }
  // An entry that knows how keys and values are kept.
  Entry of_states(const char* kernel, std::vector<std::string> arguments) const {
    if (const quant::Format* format = coded_states(plan_)) return {kernel, std::move(arguments), {format}};
    arguments.emplace_back("half_numbers");
    return {kernel, std::move(arguments), {}};
  }
  // Whether attention finds keys and values of every row in their pages; otherwise rows that are alone store theirs.
  bool stored_before(const plan::HeadShape& heads) const {
    return coded_states(plan_) || heads.key_size > attend_whole_head;
  }

  const Plan& plan_;
  const Target& target_;
  const BodyShape body_;
  const HeadShape head_;
  int step_ = 0;
  RopeLaunch rope_ = {};     // of the current state
  std::set<int32_t> coded_;  // values whose codes are those of their floats
  std::vector<Call> calls_;
};

// Rows of a row group for one token: as many as possible without giving any core more rows than necessary.
int rows_for(const Projection& what, int64_t cores) {
  auto rows_of_core = [&](int64_t rows) {
    int64_t groups = 0;
    for (const Projection::Matrix& m : what.matrices) groups += ceil_div(m.slice.rows, rows);
    return ceil_div(groups, cores) * rows;
  };
  return rows_of_core(group_rows / 2) < rows_of_core(group_rows) ? group_rows / 2 : group_rows;
}

// How a projection of several tokens is cut: into passes of `tokens`; on tensor cores where many tokens use tiles only.
struct Pass {
  bool gemm;
  int tokens, rows;  // of a thread group
  GemmGroup group;
};

// How long the busiest core takes for `tokens` in passes of some, in rounds of groups that run side by side: each group
// takes a part of the core's time, and a round no less than one group alone, which fills a core the better the more
// warps it has. Both grow with the tokens of a pass and have a part that does not; the parts fit the times of 4-bit
// weights on an H200 (docs/decisions/0020-prompts-on-tensor-cores.md).
int64_t time_of(int pass, bool halves, int64_t row_groups, int64_t tokens, const Target& target) {
  constexpr int64_t part = 48, alone_besides = 72;
  const int64_t cores = target.cores > 0 ? target.cores : cores_when_not_known;
  const GemmGroup group = gemm_group(pass, target.copies_overlap, halves);
  const int64_t groups = ceil_div(row_groups * ceil_div(tokens, pass), cores), at_once = group.at_once,
                alone = pass + part + alone_besides * unit_warps * 32 / group.threads;
  auto round = [&](int64_t n) { return n > 0 ? std::max(n * (pass + part), alone) : 0; };
  return groups / at_once * round(at_once) + round(groups % at_once);
}

Pass pass_for(const Plan& plan, const Projection& what, int tokens, const Target& target) {
  bool tiles = true, halves = false;
  int64_t row_groups = 0;
  const int rows = what.pair ? gemm_rows / 2 : gemm_rows;
  for (const Projection::Matrix& m : what.matrices) {
    const quant::Format& format = *plan[m.slice].format;
    tiles = tiles && has_tiles(format), halves = halves || format.group < 32;
    if (!what.pair || row_groups == 0) row_groups += ceil_div(m.slice.rows, rows);
  }
  if (tokens <= max_tokens_per_pass || !tiles) {
    const int pass = tokens == 1 ? 1 : tokens == 2 ? 2 : tokens <= 4 ? 4 : static_cast<int>(max_tokens_per_pass);
    return {.gemm = false, .tokens = pass, .rows = group_rows, .group = {}};
  }
  int best = gemm_passes[0];
  for (int pass : gemm_passes) {
    if (pass > target.max_gemm_tokens || pass >= 2 * tokens) break;
    if (time_of(pass, halves, row_groups, tokens, target) < time_of(best, halves, row_groups, tokens, target))
      best = pass;
  }
  return {.gemm = true, .tokens = best, .rows = rows, .group = gemm_group(best, target.copies_overlap, halves)};
}

// Gives each matrix of the launch its row groups of `rows`; how many a launch works through, where a pair counts once.
int64_t share_out(const Projection& what, int64_t rows, GemvLaunch& p) {
  int64_t row_groups = 0;
  for (size_t i = 0; i < what.matrices.size(); i++) {
    p.segment[i].groups = static_cast<i32>(ceil_div(p.segment[i].rows, rows));
    if (!what.pair || i == 0) row_groups += p.segment[i].groups;
  }
  return row_groups;
}

// One token, whose input every group keeps: a group per core, its row groups in batches as large as shared memory
// allows. False: the input is too long for that.
bool Caller::project_one(const Projection& what, GemvLaunch p, std::vector<const quant::Format*> formats,
                         bool reads_codes) {
  const int64_t cores = target_.cores > 0 ? target_.cores : cores_when_not_known;
  const int rows = what.pair ? static_cast<int>(group_rows) : rows_for(what, cores), cols = reads_codes ? p.cols : 0;
  const int sums = rows * one_token_warps * (what.pair ? 2 : 1);
  const int64_t batch = (max_shared_bytes - one_token_shared_bytes(cols, 0)) / (int64_t{sums} * 4);
  if (batch < 1) return false;
  const int64_t row_groups = share_out(what, rows, p), groups = std::min(cores, row_groups);
  p.batch = static_cast<i32>(std::min(batch, ceil_div(row_groups, groups)));
  const bool made_here = what.norm || (reads_codes && !has_codes(what.from));
  const size_t shared_bytes =
      one_token_shared_bytes(cols, p.batch * sums) + (target_.copies_overlap ? ring_bytes() : 0);
  call({"gemv_one", {std::to_string(rows), made_here ? "normed" : "copied", what.out}, std::move(formats)}, groups,
       one_token_threads, shared_bytes, p);
  return true;
}

// 2 to 32 tokens, or 64 in two passes, where a group has the memory for it, which only devices with wide products have:
// a group per core, which keeps the input if that fits. False: in another kernel.
bool Caller::project_few(const Projection& what, GemvLaunch p, const std::vector<const quant::Format*>& formats) {
  if (target_.max_gemm_tokens <= 64 || !fits_few(p.tokens, p.cols)) return false;
  if (!std::ranges::all_of(formats, [](const quant::Format* f) { return has_tiles(*f); })) return false;
  const int64_t cores = target_.cores > 0 ? target_.cores : cores_when_not_known;
  const int64_t row_groups = share_out(what, group_rows, p);
  const FewGroup group = few_group(p.cols, p.tokens);
  const int64_t passes = ceil_div(p.tokens, group.tokens), groups = std::min(cores / passes, row_groups);
  if (groups < 1) return false;
  call({"gemv_few", {std::to_string(group.tokens), group.kept ? "1" : "0", what.out}, formats}, groups * passes,
       few_warps * 32, group.shared_bytes, p);
  return true;
}

// Several tokens' inputs are prepared once, beforehand.
void Caller::project(const Projection& what) {
  const int tokens = rows_of(what.to);
  GemvLaunch p = {};
  p.rows = count_of(what.to);
  p.x = floats<const float>(what.from);
  p.norm = weight_of(what.norm);
  p.cols = narrow<i32>(what.matrices.front().slice.cols);
  p.tokens = tokens;
  p.epsilon = what.norm ? what.norm->epsilon : 0;
  p.segments = static_cast<i32>(what.matrices.size());
  std::vector<const quant::Format*> formats;
  const Pass pass = pass_for(plan_, what, tokens, target_);
  size_t gemm_shared_bytes = 0;
  int64_t groups = 0;
  bool reads_codes = false;
  for (size_t i = 0; i < what.matrices.size(); i++) {
    const Projection::Matrix& m = what.matrices[i];
    const plan::Weight& w = plan_[m.slice];
    const bool tiles = has_tiles(*w.format);
    reads_codes = reads_codes || tiles;
    const i32 row_groups = narrow<i32>(ceil_div(m.slice.rows, pass.rows));
    p.segment[i] = {.weights = matrix(m.slice, tiles),
                    .bias = vector(m.bias),
                    .y = floats<float>(m.to),
                    .rows = narrow<i32>(m.slice.rows),
                    .groups = row_groups,
                    .scale = w.scale};
    formats.push_back(w.format);
    if (pass.gemm) {
      const size_t shared_bytes =
          pass.group.shared_bytes_with(w.format->block / 32, tile_bytes(*w.format), target_.copies_overlap);
      gemm_shared_bytes = std::max(gemm_shared_bytes, shared_bytes);
    }
    if (!what.pair || i == 0) groups += row_groups;
  }
  if (is_output(what.to) && !is_output(what.from)) {
    coded_.erase(what.from.index);  // they are of all rows
    if (head_.listed) {
      float* gathered = target_.scratch ? at_device<float>(target_.scratch->gathered()) : nullptr;
      call({"gather_rows", {}, {}}, tokens, gather_threads, sizeof(GatherShared),
           GatherLaunch{.batch = batch(), .from = p.x, .to = gathered, .cols = p.cols});
      p.x = gathered;
    }
  }
  p.codes = codes(what.from);
  if (what.pair && plan_[what.to].cols % 32 == 0) p.out = codes(what.to), coded_.insert(what.to.index);
  if (tokens == 1 && project_one(what, p, formats, reads_codes)) return;
  p.inverse = what.norm ? inverse() : nullptr;
  if (what.norm || (reads_codes && !has_codes(what.from))) {
    prepare(tokens, {.rows = p.rows,
                     .x = p.x,
                     .norm = p.norm,
                     .codes = reads_codes ? p.codes : DeviceActivations{},
                     .inverse = what.norm ? inverse() : nullptr,
                     .cols = p.cols,
                     .epsilon = p.epsilon});
    if (!what.norm && is_output(what.to) == is_output(what.from))
      coded_.insert(what.from.index);
    else
      coded_.erase(what.from.index);
  }
  if (project_few(what, p, formats)) return;
  groups *= ceil_div(tokens, pass.tokens);
  const std::string n = std::to_string(pass.tokens);
  if (pass.gemm)
    call({"gemm", {n, what.out}, formats}, groups, static_cast<uint32_t>(pass.group.threads), gemm_shared_bytes, p);
  else
    call({"gemv", {n, what.out}, formats}, groups, gemv_threads, sizeof(GemvShared), p);
}

void Caller::operator()(const plan::Embed& op) {
  const plan::Weight& table = plan_[op.table];
  const int64_t runs = ceil_div(op.table.cols, embed_cols);
  call({"embed", {}, {table.format}}, rows_of(op.to) * runs, embed_cols, sizeof(EmbedShared),
       EmbedLaunch{.batch = batch(),
                   .table = matrix(op.table, false),
                   .out = floats<float>(op.to),
                   .cols = narrow<i32>(op.table.cols),
                   .scale = op.scale * table.scale});
}

void Caller::operator()(const plan::Linear& op) {
  for (size_t begin = 0, end; begin < op.outputs.size(); begin = end) {
    Projection what{.from = op.from,
                    .to = op.outputs[begin].to,
                    .norm = op.norm,
                    .matrices = {},
                    .out = op.outputs[begin].add ? "add_out" : "store_out"};
    for (end = begin;
         end < op.outputs.size() && end - begin < max_segments && op.outputs[end].add == op.outputs[begin].add; end++)
      what.matrices.push_back({op.outputs[end].weight, op.outputs[end].bias, op.outputs[end].to});
    project(what);
  }
}

void Caller::operator()(const plan::GatedLinear& op) {
  project({.from = op.from,
           .to = op.to,
           .norm = op.norm,
           .matrices = {{op.gate, {}, op.to}, {op.up, {}, op.to}},
           .pair = true,
           .out = op.activation == plan::Activation::silu ? "gate_out<silu_of>" : "gate_out<gelu_tanh_of>"});
}

void Caller::operator()(const plan::RopeStore& op) {
  const plan::Rope& rope = plan_[op.rope];
  const plan::HeadShape& heads = plan_[op.state].heads;
  const OffsetsInPage in_page = offsets_in_page(plan_, op.state);
  RopeLaunch p = {};
  p.batch = batch();
  p.query = floats<float>(op.query), p.key = floats<const float>(op.key), p.value = floats<const float>(op.value);
  p.query_norm = weight_of(op.query_norm), p.key_norm = weight_of(op.key_norm);
  if (target_.scratch) {
    p.cosines = at_device<const float>(target_.scratch->cosines(op.rope));
    p.sines = at_device<const float>(target_.scratch->sines(op.rope));
  }
  p.keys_at = in_page.keys, p.values_at = in_page.values;
  p.heads = heads.heads, p.kv_heads = heads.kv_heads, p.head_size = heads.key_size;
  p.dims = rope.dims, p.halves = rope.pairing == plan::Rope::Pairing::halves;
  p.query_epsilon = op.query_norm ? op.query_norm->epsilon : 0, p.key_epsilon = op.key_norm ? op.key_norm->epsilon : 0;
  rope_ = p;
  const bool every = stored_before(heads);
  if (!body_.several && !every) return;  // part of attend_one
  const int64_t items = int64_t{body_.rows} * (heads.heads + heads.kv_heads);
  call(of_states("rope_store", {every ? "1" : "0"}), ceil_div(items, rope_warps), rope_warps * 32,
       coded_states(plan_) ? sizeof(RopeCodedShared) : sizeof(RopeShared), p);
}

void Caller::operator()(const plan::Attend& op) {
  const plan::HeadShape& heads = plan_[op.state].heads;
  const OffsetsInPage in_page = offsets_in_page(plan_, op.state);
  const int64_t width = plan_[op.to].cols;
  AttendLaunch p = {};
  p.batch = batch();
  p.query = floats<const float>(op.query);
  p.out = floats<float>(op.to), p.codes = codes(op.to);
  p.keys_at = in_page.keys, p.values_at = in_page.values;
  p.kv_heads = heads.kv_heads, p.heads_per_kv_head = heads.heads / heads.kv_heads, p.head_size = heads.key_size;
  p.rows = body_.rows, p.splits = attend_splits(plan_), p.singles = attend_singles(plan_);
  if (target_.scratch) {
    const int64_t runs = capped_product(p.singles, heads.heads, p.splits);
    p.sums = at_device<float>(target_.scratch->partial());
    p.max = p.sums + runs * p.head_size, p.totals = p.max + runs;
  }
  p.window = op.window, p.scale = op.scale;
  const std::string size = std::to_string(p.head_size);
  const int at_once = attend_heads_at_once(p.heads_per_kv_head);
  const int64_t items = ceil_div(p.heads_per_kv_head, at_once) * p.kv_heads * p.splits;  // of a row
  for (int first = 0; body_.singles && first < body_.rows; first += p.singles) {
    const bool alone = body_.rows == 1;
    const int64_t rows = std::min(p.singles, body_.rows - first),
                  cores = target_.cores > 0 ? target_.cores : cores_when_not_known;
    p.first_single = first;
    const int64_t groups = alone ? items : std::min(items * rows, cores * attend_groups_per_core);
    if (stored_before(heads))
      call(of_states("attend_stored", {size, alone ? "1" : "0"}), groups, attend_threads,
           attend_stored_shared_bytes(p.head_size), p);
    else
      call({"attend_one", {size, alone ? "1" : "0"}, {}}, groups, attend_threads, attend_one_room_bytes(p.head_size),
           AttendOneLaunch{p, rope_});
    call({"attend_merge", {}, {}}, ceil_div(width, attend_threads) * rows, attend_threads, sizeof(AttendMergeShared),
         p);
  }
  if (body_.several) {
    // Each sequence begins a new tile of rows, and has at least two rows.
    const int rows = attend_rows(p.head_size);
    const int64_t tiles = int64_t{body_.rows} * p.heads_per_kv_head / rows + std::max(1, body_.rows / 2);
    call(of_states("attend_many", {size}), p.kv_heads * tiles, attend_threads, attend_many_shared_bytes(p.head_size),
         p);
    prepare(body_.rows, {.rows = count_of(op.to),
                         .x = p.out,
                         .norm = nullptr,
                         .codes = p.codes,
                         .inverse = nullptr,
                         .cols = narrow<i32>(width),
                         .epsilon = 0});
  }
  coded_.insert(op.to.index);
}

void Caller::operator()(const plan::NormAdd& op) {
  call({"norm_add", {}, {}}, rows_of(op.to), gemv_threads, sizeof(NormShared),
       NormAddLaunch{.rows = count_of(op.to),
                     .block = floats<const float>(op.from),
                     .norm = vector(op.norm.weight),
                     .residual = floats<float>(op.to),
                     .cols = narrow<i32>(plan_[op.to].cols),
                     .epsilon = op.norm.epsilon});
}

void Caller::choose() {
  SampleLaunch p = {};
  p.batch = batch();
  p.vocab = plan_.vocab(), p.parts = (p.vocab + sample_part - 1) / sample_part, p.top = 1;
  const uint64_t outputs = static_cast<uint64_t>(head_.outputs), parts = capped_product(outputs, p.parts);
  if (target_.scratch) {
    const ChoicesAt at = target_.scratch->choices();
    p.logits = floats<const float>(plan_.logits);
    p.part_logits = at_device<float>(at.parts), p.part_ids = at_device<i32>(at.parts + parts * 4);
    p.part_max = at_device<float>(at.parts + parts * 8), p.part_total = at_device<float>(at.parts + parts * 12);
    p.best_ids = at_device<i32>(at.choices), p.log_sum = at_device<float>(at.choices + outputs * 4);
    p.best_logits = at_device<float>(at.choices + outputs * 8);
  }
  step_ = static_cast<int>(plan_.steps.size()) - 1;
  call({"sample_parts", {}, {}}, narrow<int64_t>(parts), sample_warps * 32, sizeof(SampleShared), p);
  call({"sample_best", {}, {}}, head_.outputs, sample_warps * 32, sizeof(SampleShared), p);
}

std::vector<Call> Caller::steps(size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) {
    step_ = static_cast<int>(i);
    std::visit(
        [this](const auto& op) {
          plan::each_leaf(op, [this](std::string_view name, const auto& leaf) { forget_codes(name, leaf); });
          (*this)(op);
        },
        plan_.steps[i].op);
  }
  return std::move(calls_);
}

}  // namespace

size_t first_head_step(const Plan& plan) {
  auto is_head = [&](const plan::Step& step) { return plan[plan::written_by(step.op)].rows == Value::Rows::outputs; };
  return static_cast<size_t>(std::ranges::find_if(plan.steps, is_head) - plan.steps.begin());
}

int bucket_of(int rows, int max_rows) {
  return static_cast<int>(
      std::min<uint32_t>(std::bit_ceil(static_cast<uint32_t>(rows)), static_cast<uint32_t>(max_rows)));
}

std::vector<Call> body_calls(const Plan& plan, const Target& target, const BodyShape& shape) {
  return Caller(plan, target, shape, {}).steps(0, first_head_step(plan));
}

std::vector<Call> head_calls(const Plan& plan, const Target& target, const HeadShape& shape) {
  Caller caller(plan, target, {}, shape);
  std::vector<Call> calls = caller.steps(first_head_step(plan), plan.steps.size());
  if (!shape.choose) return calls;
  caller.choose();
  std::ranges::move(caller.take(), std::back_inserter(calls));
  return calls;
}

std::vector<Call> one_token_calls(const Plan& plan, const Target& target, bool choose) {
  std::vector<Call> calls = body_calls(plan, target, {});
  std::ranges::move(head_calls(plan, target, {.choose = choose}), std::back_inserter(calls));
  return calls;
}

std::vector<Entry> entries(const Plan& plan, const Target& target) {
  std::vector<Entry> all;
  auto add = [&](const std::vector<Call>& calls) {
    for (const Call& call : calls)
      if (std::ranges::find(all, call.entry) == all.end()) all.push_back(call.entry);
  };
  for (int rows = 1;; rows = bucket_of(rows + 1, plan.limits.max_rows)) {
    for (const BodyShape& shape : {BodyShape{rows, true, false}, BodyShape{rows, false, true}})
      if (rows > 1 || shape.singles) add(body_calls(plan, target, shape));
    if (rows == plan.limits.max_rows) break;
  }
  for (int outputs = 1;; outputs = bucket_of(outputs + 1, plan.limits.max_outputs)) {
    add(head_calls(plan, target, {.outputs = outputs, .listed = true, .choose = true}));
    if (outputs == plan.limits.max_outputs) break;
  }
  return all;
}

}  // namespace ingot::gpu
