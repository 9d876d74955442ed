#include "backends/cpu/attention.h"

#include <algorithm>

#include "base/checked.h"

namespace ingot::cpu {

namespace {

constexpr int few_positions = 1024;   // up to this, keys and values are cheap to read once per head
constexpr int shares_per_worker = 4;  // a task is long when it is more than one of these
constexpr int cut_rows = 4;           // rows with all their heads whose tasks may be cut into runs at a time

int64_t runs_of(int64_t positions) { return (positions + attend_run_positions - 1) / attend_run_positions; }

int64_t max_tasks(const plan::HeadShape& shape, const plan::Limits& limits, int threads) {
  const int64_t group = shape.heads / shape.kv_heads, heads = attend_block(shape).heads;
  const uint64_t by_rows = capped_product(limits.max_rows, shape.kv_heads, (group + heads - 1) / heads);
  return narrow<int64_t>(std::max(by_rows, capped_product(shares_per_worker, threads, group)));
}
int64_t max_items(const plan::HeadShape& shape, const plan::Limits& limits, int threads) {
  const int64_t cuts = AttentionWork::parts_floats(shape, limits, threads) / record_floats(shape.value_size);
  return narrow<int64_t>(capped_sum(max_tasks(shape, limits, threads), cuts));
}

}  // namespace

AttendBlock attend_block(const plan::HeadShape& shape) {
  const int elements = std::max(shape.key_size, shape.value_size);
  const int queries = std::clamp(int(attend_max_elements) / elements, 1, int(attend_max_queries));
  const int heads = std::min(shape.heads / shape.kv_heads, queries);
  return {.heads = heads, .tokens = queries / heads};
}

int64_t record_floats(int value_size) { return attend_header + (int64_t{value_size} + 15) / 16 * 16; }

int64_t AttentionWork::parts_floats(const plan::HeadShape& shape, const plan::Limits& limits, int threads) {
  if (threads == 1) return 0;
  return narrow<int64_t>(
      capped_product(cut_rows, shape.heads, record_floats(shape.value_size), runs_of(limits.context)));
}

uint64_t AttentionWork::bytes(const plan::HeadShape& shape, const plan::Limits& limits, int threads) {
  return capped_sum(capped_product(max_tasks(shape, limits, threads), sizeof(AttendTask) + sizeof(std::atomic<int>)),
                    capped_product(max_items(shape, limits, threads), sizeof(AttendItem)));
}

AttentionWork::AttentionWork(const plan::HeadShape& shape, int window, const plan::Limits& limits, int threads)
    : shape_(shape),
      window_(window),
      threads_(threads),
      max_parts_(parts_floats(shape, limits, threads)),
      finished_(new std::atomic<int>[static_cast<size_t>(max_tasks(shape, limits, threads))]()) {
  tasks_.reserve(static_cast<size_t>(max_tasks(shape, limits, threads)));
  items_.reserve(static_cast<size_t>(max_items(shape, limits, threads)));
}

// Heads that share keys stay together, unless that would leave workers idle and few positions are read.
void AttentionWork::share_out(const plan::Batch& batch) {
  tasks_.clear(), items_.clear();
  AttendBlock block = attend_block(shape_);
  bool few = batch.tokens.size() == batch.sequences.size();
  for (const plan::Sequence& s : batch.sequences) few = few && s.position < few_positions;
  const int64_t items = int64_t{shape_.kv_heads} * static_cast<int64_t>(batch.sequences.size());
  if (few && items % threads_ != 0 && items < int64_t{shares_per_worker} * threads_) block = {.heads = 1, .tokens = 1};
  int row = 0;
  for (const plan::Sequence& s : batch.sequences) add_sequence(s, row, block), row += s.count;
  uniform_ = batch.tokens.size() == 1;
  int64_t effort = 0, parts = 0;
  for (const AttendTask& task : tasks_) effort += task.effort;
  for (size_t i = 0; i < tasks_.size(); i++) {
    AttendTask& task = tasks_[i];
    const int64_t runs = task.runs, floats = runs * task.tokens * task.heads * record_floats(shape_.value_size);
    const bool is_long = task.effort * shares_per_worker * threads_ > effort;
    const bool is_cut = threads_ > 1 && runs > 1 && is_long && floats <= max_parts_ - parts;
    if (is_cut) task.parts_at = parts, parts += floats, uniform_ = false;
    for (int run = 0; run < (is_cut ? task.runs : 1); run++)
      items_.push_back({.task = static_cast<int>(i), .run = is_cut ? task.first_run + run : -1});
  }
}

// The last tokens of a prompt first: they take longest, and short items fill the gaps at the end. Tokens of one kv_head
// follow each other, so its keys stay in a cache that workers share.
void AttentionWork::add_sequence(const plan::Sequence& s, int row, AttendBlock block) {
  const int group = shape_.heads / shape_.kv_heads;
  for (int kv_head = 0; kv_head < shape_.kv_heads; kv_head++)
    for (int head = 0; head < group; head += block.heads)
      for (int from = (s.count - 1) / block.tokens * block.tokens; from >= 0; from -= block.tokens) {
        const int tokens = std::min(block.tokens, s.count - from), heads = std::min(block.heads, group - head);
        const int position = s.position + from, last = position + tokens - 1;
        const int first = window_ > 0 && position >= window_ ? position - window_ + 1 : 0;
        const int first_run = first / attend_run_positions;
        tasks_.push_back({.pages = s.pages.data(),
                          .position = position,
                          .row = row + from,
                          .tokens = tokens,
                          .kv_head = kv_head,
                          .head = kv_head * group + head,
                          .heads = heads,
                          .first_run = first_run,
                          .runs = last / attend_run_positions + 1 - first_run,
                          .effort = int64_t{tokens} * heads * (last - first + 1),
                          .parts_at = -1});
      }
}

bool AttentionWork::finish_run(const AttendItem& item) {
  std::atomic<int>& finished = finished_[static_cast<size_t>(item.task)];
  if (finished.fetch_add(1, std::memory_order_acq_rel) + 1 < task(item).runs) return false;
  finished.store(0, std::memory_order_relaxed);  // for the next step, which begins after a barrier
  return true;
}

}  // namespace ingot::cpu
