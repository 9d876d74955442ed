// How attention of a batch is distributed: which queries a call of the kernel takes, and which worker calls it. Items
// of any length are handed out by a counter. A task that is long compared with the others is cut into its runs of
// positions (attend/params.h); the worker that finishes the last of them merges all in order, so nobody waits, and bits
// do not depend on who it was.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "backends/cpu/kernels.h"
#include "plan/batch.h"
#include "plan/plan.h"

namespace ingot::cpu {

/// Queries that share keys: some heads of one kv_head, for consecutive rows of one sequence.
struct AttendTask {
  const int32_t* pages;  ///< of the sequence
  int position;          ///< of the first token
  int row, tokens;       ///< rows of the batch
  int kv_head;
  int head, heads;      ///< the first query head, and how many
  int first_run, runs;  ///< that the tokens see
  int64_t effort;       ///< queries times positions, approximately
  int64_t parts_at;     ///< of its records among the parts; −1: one worker sums and merges all runs
};
struct AttendItem {
  int task;
  int run;  ///< −1: the whole task
};

/// The largest head that attention takes: one query per call.
constexpr int max_head_size = attend_max_elements;
/// Query heads, and tokens, that one call of the kernel takes.
struct AttendBlock {
  int heads, tokens;
};
AttendBlock attend_block(const plan::HeadShape& shape);
/// Of the record that a run leaves for one query (AttendWorkspace).
int64_t record_floats(int value_size);

/// The calls of one kind of attention for the current batch. All memory is allocated on construction.
class AttentionWork {
 public:
  AttentionWork(const plan::HeadShape& shape, int window, const plan::Limits& limits, int threads);
  bool is_for(const plan::HeadShape& shape, int window) const { return shape == shape_ && window == window_; }
  void share_out(const plan::Batch& batch);
  const std::vector<AttendItem>& items() const { return items_; }
  const AttendTask& task(const AttendItem& item) const { return tasks_[static_cast<size_t>(item.task)]; }
  /// All items take equally long: worker i takes items i, i + count, … without the counter.
  bool uniform() const { return uniform_; }
  /// Reports that a run of a task is summed. True: it was the last one, and the caller merges them.
  bool finish_run(const AttendItem& item);

  /// Floats of parts that a batch may need, and bytes of the lists.
  static int64_t parts_floats(const plan::HeadShape& shape, const plan::Limits& limits, int threads);
  static uint64_t bytes(const plan::HeadShape& shape, const plan::Limits& limits, int threads);

 private:
  void add_sequence(const plan::Sequence& sequence, int row, AttendBlock block);

  plan::HeadShape shape_;
  int window_, threads_;
  int64_t max_parts_;
  std::vector<AttendTask> tasks_;
  std::vector<AttendItem> items_;
  std::unique_ptr<std::atomic<int>[]> finished_;  // runs of a task
  bool uniform_ = true;
};

}  // namespace ingot::cpu
