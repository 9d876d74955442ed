// A plan compiled for the CPU: its steps with kernels, weights and memory resolved. A batch runs all steps in one run
// of the pool, with a barrier after each; a step is cut so that every output is computed by one worker in one order.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/cpu/attention.h"
#include "backends/cpu/layout.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/states.h"
#include "backends/cpu/weights.h"
#include "backends/cpu/workspace.h"
#include "plan/backend.h"

namespace ingot::cpu {

class CpuProgram : public plan::Program {
 public:
  /// A store of as many pages as `pages` says. The plan has been checked (CpuBackend).
  CpuProgram(plan::Plan plan, const plan::Options& options, PageRange pages);
  plan::StateStore& states() override { return states_; }
  bool run(const plan::Batch& batch, std::span<float> logits, const plan::Watch& watch) override;

 private:
  struct Part {  // one matrix of a projection
    void (*gemv)(const GemvParams&);
    bool resident;
    const u8* weights;
    uint64_t stride;      // bytes from the rows of one call of the kernel to those of the next
    uint64_t call_bytes;  // of the resident rows of one call
    MatrixView view;
    float scale;
    const float* bias;  // (rows) or null
    plan::Id<plan::Value> to;
    bool add;
  };
  struct PreparedStep {
    const plan::Step* step = nullptr;
    bool of_outputs = false;             // it computes a row per output, not per token
    std::vector<Part> parts;             // of a projection
    bool codes = false, values = false;  // what its kernels read
    size_t index = 0;                    // of an embedding: its table's rows; of attention: its work
    std::atomic<int64_t> next{0};        // of attention: the next item to hand out
  };
  struct RowPosition {
    const int32_t* pages;  // of its sequence
    int position;
  };
  struct TableRows {  // of an embedding, for a batch
    const plan::Embed* op;
    MatrixView view;
    std::vector<std::byte> bytes;  // where they are read without the file's mapping
  };
  struct Buffer {
    float* data;  // (rows, cols)
    int64_t cols;
  };

  void prepare_steps(const plan::Options& options);
  Part part_of(const plan::Slice& slice, bool repack) const;
  size_t work_for(const plan::HeadShape& shape, int window);
  void choose_prefetch();

  void take(const plan::Batch& batch, std::span<float> logits);
  void read_tables();
  void compute_angles(Worker& worker);
  int64_t rows_of(const PreparedStep& step) const { return step.of_outputs ? outputs_ : rows_; }
  float* at(plan::Id<plan::Value> value, int64_t row) {
    const Buffer& buffer = buffers_[static_cast<size_t>(value.index)];
    return buffer.data + row * buffer.cols;
  }
  std::span<const float> numbers(const plan::Norm& norm) const { return plan_.numbers(norm.weight); }

  // One function per op. Rows, heads or columns are distributed over the workers; `run` puts a barrier after each.
  void compute(const plan::Embed& op, PreparedStep& step, Worker& worker);
  void compute(const plan::Linear& op, PreparedStep& step, Worker& worker);
  void compute(const plan::GatedLinear& op, PreparedStep& step, Worker& worker);
  void compute(const plan::RopeStore& op, PreparedStep& step, Worker& worker);
  void compute(const plan::Attend& op, PreparedStep& step, Worker& worker);
  void compute(const plan::NormAdd& op, PreparedStep& step, Worker& worker);

  struct InputRows {
    plan::Id<plan::Value> from;
    const std::optional<plan::Norm>& norm;
    bool gathered;  // row i of a step is that of output i
  };
  Activations prepare_rows(const InputRows& input, const PreparedStep& step, Worker& worker);
  void observe_inputs(const PreparedStep& step, const Workspace& of, int64_t rows, int64_t cols, Worker& worker) const;
  void prepare_row(const float* x, int64_t cols, const std::optional<plan::Norm>& norm, const PreparedStep& step,
                   Workspace& to, int64_t slot) const;
  void multiply(const Part& part, int64_t row, int rows, const Activations& x, int64_t first, int n, float* y) const;
  void write(const Part& part, int64_t row, int rows, int64_t first, int n, const float* y);
  void attend(const plan::Attend& op, const AttentionWork& work, const AttendItem& item, Worker& worker);
  void merge(const plan::Attend& op, const AttendTask& task, Worker& worker);

  plan::Plan plan_;
  const Isa& isa_;
  StatesLayout states_layout_;
  Pool pool_;
  std::mutex mutex_;
  std::unique_ptr<ResidentWeights> weights_;
  CpuStates states_;
  Prefetch prefetch_ = prefetch_policies[0];  // of resident weights
  std::vector<PreparedStep> steps_;
  // Empty where weights stay in the file.
  std::function<bool(const plan::Weight&, uint64_t, std::span<std::byte>)> read_;
  std::vector<TableRows> tables_;
  std::vector<AttentionWork> attention_;
  std::unique_ptr<Region> attend_parts_;             // records of tasks that are cut into runs
  std::vector<std::vector<float>> memory_;           // of values, by id; of the logits none
  std::vector<Buffer> buffers_;                      // by value
  std::vector<std::vector<float>> cosines_, sines_;  // by rope, (max_rows, dims / 2)
  Workspace shared_;                                 // of a batch, filled by all workers
  std::vector<WorkerMemory> own_;

  // The current batch.
  std::span<const int32_t> tokens_;
  int64_t rows_ = 0, outputs_ = 0;
  const std::function<void(const plan::Inputs&)>* observer_ = nullptr;  // null: nobody looks
  std::vector<RowPosition> row_positions_;                              // (max_rows)
  std::vector<int32_t> output_rows_;                                    // (max_outputs) the row of each output
};

}  // namespace ingot::cpu
