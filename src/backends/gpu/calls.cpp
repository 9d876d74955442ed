#include "backends/gpu/calls.h"

#include <algorithm>

#include "base/checked.h"
#include "backends/gpu/cache.h"
#include "backends/gpu/parameters.h"

namespace ingot::gpu {

using plan::Buffer;
using plan::Step;
using plan::StepKind;

namespace {

constexpr uint32_t gemv_threads = split_warps * 32, one_token_threads = one_token_warps * 32, gemm_threads = gemm_warps * 32;
constexpr int64_t enough_groups = 256;       // thread groups that give every core of a large device something to do
constexpr int64_t cores_when_not_known = 128;
constexpr int64_t most_room_bytes = 32768;   // of a thread group without rings, as every device has them

/// Makes the calls of one run, step by step.
class Caller {
 public:
  Caller(const plan::Plan& plan, const Places& places, int tokens, int logits) : plan_(plan), places_(places), tokens_(tokens), logits_(logits) {}
  std::vector<Call> all();

 private:
  void project(const Step& step);
  bool project_one(const Step& step, GemvLaunch p, std::vector<const quant::Format*> formats, const std::string& out);
  void prepare(const GemvLaunch& p);
  void embed(const Step& step);
  void rope_store(const Step& step);
  void attend(const Step& step);
  void norm_add(const Step& step);

  template <class Params> void call(Entry entry, int64_t groups, uint32_t threads, size_t room_bytes, const Params& params) {
    calls_.push_back({step_, std::move(entry), narrow<uint32_t>(groups, "gpu", "the number of thread groups"), threads, static_cast<uint32_t>(room_bytes), by_value(params)});
  }
  template <class T> T* buffer(Buffer b, int64_t token = 0) const {
    return places_.scratch ? at_device<T>(places_.scratch->at(b)) + token * int64_t(width(plan_, b)) : nullptr;
  }
  const float* vector(const plan::Vector& v) const { return places_.weights ? at_device<const float>(places_.weights->vector(v)) : nullptr; }
  const u8* matrix(const plan::Matrix& m, bool tiles) const { return places_.weights ? at_device<const u8>(places_.weights->matrix(m, tiles)) : nullptr; }
  DeviceActivations codes(Buffer b) const {
    if (!places_.scratch) return {};
    CodesAt at = places_.scratch->codes(b);
    return {at_device<i8>(at.codes), at_device<float>(at.scales), at_device<i32>(at.sums)};
  }

  const Turn* turn() const { return places_.scratch ? at_device<const Turn>(places_.scratch->turn()) : nullptr; }
  u16* keys(const Step& step) const { return at_device<u16>(places_.keys_and_values + capped_product(step.layer, cache_layer_bytes(plan_))); }
  u16* values(const Step& step) const { return at_device<u16>(places_.keys_and_values + capped_product(plan_.layers + step.layer, cache_layer_bytes(plan_))); }

  const plan::Plan& plan_;
  const Places& places_;
  int tokens_, logits_, step_ = 0;
  RopeLaunch rope_ = {};  // of the layer at hand
  std::vector<Call> calls_;
};

int64_t rows_of(const Step& step) {
  int64_t rows = 0;
  for (const plan::Segment& s : step.segments) rows += s.matrix.rows;
  return rows;
}

// Rows of a row group for one token: the most with which no core has more rows than it must.
int rows_for(const Step& step, int64_t cores) {
  auto rows_of_core = [&](int64_t rows) {
    int64_t groups = 0;
    for (const plan::Segment& s : step.segments) groups += (s.matrix.rows + rows - 1) / rows;
    return (groups + cores - 1) / cores * rows;
  };
  return rows_of_core(group_rows / 2) < rows_of_core(group_rows) ? group_rows / 2 : group_rows;
}

// How a projection of several tokens is cut: into passes of `tokens`, by the matrix unit where many tokens meet tiles only.
struct Pass {
  bool gemm;
  int tokens, rows;  // of a thread group
};
Pass pass_for(const Step& step, int tokens, bool copies_overlap) {
  bool pair = step.kind == StepKind::gate_up, tiles = true;
  for (const plan::Segment& s : step.segments) tiles = tiles && has_tiles(s.matrix);
  if (tokens <= most_tokens_a_pass || !tiles) return {false, tokens == 1 ? 1 : tokens == 2 ? 2 : tokens <= 4 ? 4 : int(most_tokens_a_pass), group_rows};
  int64_t row_groups = rows_of(step) / gemm_rows;
  auto enough = [&](int pass) { return row_groups * ((tokens + pass - 1) / pass) >= enough_groups; };
  return {true, copies_overlap && enough(128) ? 128 : enough(64) ? 64 : 16, pair ? gemm_rows / 2 : int(gemm_rows)};
}

// One token, whose input every group keeps: a group a core, its row groups in batches as large as its memory lets them be.
// False: the input is too long for that.
bool Caller::project_one(const Step& step, GemvLaunch p, std::vector<const quant::Format*> formats, const std::string& out) {
  bool pair = step.kind == StepKind::gate_up, coded = false;
  for (const plan::Segment& s : step.segments) coded = coded || has_tiles(s.matrix);
  int64_t cores = places_.cores > 0 ? places_.cores : cores_when_not_known;
  int rows = pair ? int(group_rows) : rows_for(step, cores), cols = coded ? p.cols : 0, sums = rows * one_token_warps * (pair ? 2 : 1);
  int64_t row_groups = 0, batch = (most_room_bytes - one_token_room_bytes(cols, 0)) / (int64_t(sums) * 4);
  if (batch < 1) return false;
  for (size_t i = 0; i < step.segments.size(); i++) {
    p.segment[i].groups = static_cast<i32>((p.segment[i].rows + rows - 1) / rows);
    if (!pair || i == 0) row_groups += p.segment[i].groups;
  }
  int64_t groups = std::min(cores, row_groups);
  p.batch = static_cast<i32>(std::min(batch, (row_groups + groups - 1) / groups));
  const char* input = step.from == Buffer::residual ? "normed" : "copied";
  call({"gemv_one", {std::to_string(rows), input, out}, formats}, groups, one_token_threads, one_token_room_bytes(cols, p.batch * sums) + (places_.copies_overlap ? ring_bytes() : 0), p);
  return true;
}

// Several tokens' inputs are prepared once, before.
void Caller::project(const Step& step) {
  bool head = step.kind == StepKind::head, gate = step.kind == StepKind::gate_up;
  int64_t first = head ? tokens_ - logits_ : 0;
  int tokens = head ? logits_ : tokens_;
  if (tokens == 0) return;
  GemvLaunch p = {};
  p.x = buffer<const float>(step.from, first);
  p.norm = vector(step.norm);
  p.cols = static_cast<i32>(step.segments.front().matrix.cols);
  p.tokens = tokens;
  p.epsilon = plan_.norm_epsilon;
  p.segments = static_cast<i32>(step.segments.size());
  std::vector<const quant::Format*> formats;
  Pass pass = pass_for(step, tokens, places_.copies_overlap);
  size_t gemm_room = 0;
  int64_t groups = 0;
  bool reads_codes = false;
  for (size_t i = 0; i < step.segments.size(); i++) {
    const plan::Segment& s = step.segments[i];
    bool tiles = has_tiles(s.matrix);
    reads_codes = reads_codes || tiles;
    int64_t row_groups = (s.matrix.rows + pass.rows - 1) / pass.rows;
    p.segment[i] = {matrix(s.matrix, tiles), vector(s.bias), buffer<float>(s.to), static_cast<i32>(s.matrix.rows), static_cast<i32>(row_groups), s.matrix.scale};
    formats.push_back(s.matrix.format);
    if (pass.gemm) gemm_room = std::max(gemm_room, gemm_room_bytes(pass.tokens, s.matrix.format->block / 32, tile_bytes(s.matrix), places_.copies_overlap));
    if (!gate || i == 0) groups += row_groups;
  }
  p.codes = codes(step.from);
  if (gate && plan_.ffn % 32 == 0) p.out = codes(Buffer::ffn);  // of other widths nobody reads codes: no block divides them
  std::string out = gate                                                                          ? plan_.activation == plan::Activation::silu ? "gate_out<silu_of>" : "gate_out<gelu_tanh_of>"
                    : step.kind == StepKind::project_add ? "add_out"
                                                         : "store_out";
  if (tokens == 1 && project_one(step, p, formats, out)) return;
  if (step.from == Buffer::residual && reads_codes) prepare(p);
  groups *= (tokens + pass.tokens - 1) / pass.tokens;
  std::string n = std::to_string(pass.tokens);
  if (pass.gemm) call({"gemm", {n, out}, formats}, groups, gemm_threads, gemm_room, p);
  else call({"gemv", {n, std::to_string(pass.rows), out}, formats}, groups, gemv_threads, sizeof(GemvRoom), p);
}

// Codes of several tokens' vectors, normed: read by every thread group of the projection behind.
void Caller::prepare(const GemvLaunch& p) {
  call({"prepare", {}, {}}, p.tokens, gemv_threads, sizeof(NormRoom), PrepareLaunch{p.x, p.norm, p.codes, nullptr, p.cols, p.epsilon});
}

void Caller::embed(const Step& step) {
  const plan::Matrix& table = step.segments.front().matrix;
  int64_t runs = (table.cols + embed_cols - 1) / embed_cols;
  call({"embed", {}, {table.format}}, tokens_ * runs, embed_cols, sizeof(EmbedRoom),
       EmbedLaunch{turn(), matrix(table, false), buffer<float>(Buffer::residual), static_cast<i32>(table.cols), plan_.embedding_scale * table.scale});
}

void Caller::rope_store(const Step& step) {
  const plan::Rope& rope = plan_.ropes[step.rope];
  RopeLaunch p = {};
  p.turn = turn();
  p.query = buffer<float>(Buffer::query), p.key = buffer<const float>(Buffer::key), p.value = buffer<const float>(Buffer::value);
  p.query_norm = vector(step.q_norm), p.key_norm = vector(step.k_norm);
  if (places_.scratch) p.cosines = at_device<const float>(places_.scratch->cosines(step.rope)), p.sines = at_device<const float>(places_.scratch->sines(step.rope));
  p.keys = keys(step), p.values = values(step);
  p.tokens = tokens_, p.heads = plan_.heads, p.kv_heads = plan_.kv_heads, p.head_size = plan_.head_size;
  p.dims = rope.dims, p.halves = rope.pairing == plan::Pairing::halves;
  p.room = static_cast<i32>(cache_room(plan_)), p.epsilon = plan_.norm_epsilon;
  rope_ = p;
  if (tokens_ == 1) return;  // part of attend_one
  int64_t items = int64_t(tokens_) * (plan_.heads + plan_.kv_heads);
  call({"rope_store", {}, {}}, (items + rope_warps - 1) / rope_warps, rope_warps * 32, sizeof(RopeRoom), p);
}

void Caller::attend(const Step& step) {
  AttendLaunch p = {};
  p.turn = turn();
  p.query = buffer<const float>(Buffer::query);
  p.keys = keys(step), p.values = values(step);
  p.out = buffer<float>(Buffer::attended), p.codes = codes(Buffer::attended);
  p.tokens = tokens_, p.kv_heads = plan_.kv_heads, p.heads_a_kv_head = plan_.heads / plan_.kv_heads, p.head_size = plan_.head_size;
  p.splits = attend_splits(plan_);
  if (places_.scratch) {
    p.sums = at_device<float>(places_.scratch->partial());
    p.most = p.sums + int64_t(plan_.heads) * p.splits * plan_.head_size, p.totals = p.most + int64_t(plan_.heads) * p.splits;
  }
  p.room = static_cast<i32>(cache_room(plan_)), p.window = step.window, p.scale = plan_.attention_scale;
  constexpr uint32_t threads = attend_warps * 32;
  std::string size = std::to_string(plan_.head_size);
  int64_t width = int64_t(plan_.heads) * plan_.head_size;
  if (tokens_ == 1) {
    int heads = attend_heads_at_once(p.heads_a_kv_head, p.head_size), parts = (p.heads_a_kv_head + heads - 1) / heads;
    call({"attend_one", {size, std::to_string(heads)}, {}}, int64_t(plan_.kv_heads) * parts * p.splits, threads, sizeof(AttendOneRoom), AttendOneLaunch{p, rope_});
    call({"attend_merge", {}, {}}, (width + threads - 1) / threads, threads, sizeof(AttendMergeRoom), p);
  } else {
    int rows = attend_rows(p.head_size);
    call({"attend_many", {size}, {}}, int64_t(plan_.kv_heads) * ((tokens_ * p.heads_a_kv_head + rows - 1) / rows), rows * 2, attend_many_room_bytes(p.head_size), p);
    PrepareLaunch codes = {p.out, nullptr, p.codes, nullptr, static_cast<i32>(width), plan_.norm_epsilon};
    call({"prepare", {}, {}}, tokens_, gemv_threads, sizeof(NormRoom), codes);
  }
}

void Caller::norm_add(const Step& step) {
  call({"norm_add", {}, {}}, tokens_, gemv_threads, sizeof(NormRoom), NormAddLaunch{buffer<const float>(Buffer::block), vector(step.norm), buffer<float>(Buffer::residual), plan_.hidden, plan_.norm_epsilon});
}

std::vector<Call> Caller::all() {
  for (const Step& step : plan_.steps) {
    switch (step.kind) {
      case StepKind::embed: embed(step); break;
      case StepKind::rope_store: rope_store(step); break;
      case StepKind::attend: attend(step); break;
      case StepKind::norm_add: norm_add(step); break;
      case StepKind::qkv:
      case StepKind::project_add:
      case StepKind::gate_up:
      case StepKind::project:
      case StepKind::head: project(step); break;
    }
    step_++;
  }
  return std::move(calls_);
}

}  // namespace

std::vector<Call> calls(const plan::Plan& plan, const Places& places, int tokens, int logits) { return Caller(plan, places, tokens, logits).all(); }

std::vector<Call> best_calls(const plan::Plan& plan, const Places& places) {
  SampleLaunch p = {};
  p.vocab = plan.vocab, p.parts = (plan.vocab + sample_part - 1) / sample_part, p.top = 1;
  if (places.scratch) {
    p.logits = at_device<const float>(places.scratch->at(Buffer::logits));
    ChoiceAt at = places.scratch->choice();
    p.part_logits = at_device<float>(at.parts), p.part_ids = at_device<i32>(at.parts + p.parts * 4), p.part_most = at_device<float>(at.parts + p.parts * 8), p.part_total = at_device<float>(at.parts + p.parts * 12);
    p.turn = at_device<Turn>(places.scratch->turn());
    p.best_ids = at_device<i32>(at.choice), p.log_sum = at_device<float>(at.choice + 4), p.best_logits = at_device<float>(at.choice + 8);
  }
  int step = static_cast<int>(plan.steps.size()) - 1;
  auto call = [&](const char* kernel, int groups) { return Call{step, {kernel, {}, {}}, static_cast<uint32_t>(groups), sample_warps * 32, sizeof(SampleRoom), by_value(p)}; };
  return {call("sample_parts", p.parts), call("sample_best", 1)};
}

std::vector<Entry> entries(const plan::Plan& plan) {
  std::vector<Entry> all;
  for (const Call& call : best_calls(plan, {})) all.push_back(call.entry);
  for (int tokens : {1, 2, 3, 5, most_tokens_a_pass + 1, plan.max_batch})  // every size of a pass
    for (const Call& call : calls(plan, {}, tokens, tokens))
      if (std::ranges::find(all, call.entry) == all.end()) all.push_back(call.entry);
  return all;
}

}  // namespace ingot::gpu
