// A plan cast for the CPU: its steps with kernels, weights and buffers resolved. A batch runs all steps in one run of the pool,
// with a barrier between steps; a step is cut so that every output is computed by one worker in one order.
#pragma once
#include <mutex>
#include <vector>

#include "plan/backend.h"
#include "backends/cpu/cache.h"
#include "backends/cpu/layout.h"
#include "backends/cpu/limits.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/region.h"

namespace ingot::cpu {

/// Input of a projection, quantized or normed: room for `tokens` vectors of up to `cols` elements.
struct ActivationRoom {
  std::vector<i8> codes;
  std::vector<float> scales, values;
  std::vector<i16> sums;
  void size(int64_t tokens, int64_t cols);
  Activations view() const { return {codes.data(), scales.data(), sums.data(), values.data()}; }
  static uint64_t bytes(int64_t tokens, int64_t cols);
};

/// Bytes of everything that a program holds besides weights and caches.
uint64_t scratch_bytes(const plan::Plan& plan, int threads);
/// Refuses a plan whose weights, scratch and first keys and values are more than `limits` leave.
void check_memory(const plan::Plan& plan, const plan::Choices& choices, const Limits& limits);

class CpuProgram : public plan::Program {
 public:
  CpuProgram(plan::Plan plan, const plan::Options& options);
  std::unique_ptr<plan::Cache> make_cache() override;
  bool run(plan::Cache& cache, std::span<const int32_t> tokens, int position, std::span<float> logits, const plan::Watch& watch) override;

 private:
  struct Part {  // one matrix of a projection
    void (*gemv)(const GemvParams&);
    bool resident;
    const u8* weights;
    uint64_t stride;    // bytes from the rows of one call of the kernel to those of the next
    uint64_t call_bytes;  // of the resident rows of one call
    int64_t rows, cols;
    float scale;
    const float* bias;  // (rows) or null
    plan::Buffer to;
  };
  struct Cast {  // one step
    const plan::Step* step;
    std::vector<Part> parts;
    bool codes = false, values = false;  // what its kernels read
  };
  struct Batch {  // one call of run
    CpuCache* cache;
    std::span<const int32_t> tokens;
    int position;
    int first_logits;  // first token whose logits are wanted
    float* logits;
  };

  void lay_out(const plan::Options& options);
  void probe_reading();
  void run_step(const Cast& cast, const Batch& batch, Worker& worker);
  void read_table(std::span<const int32_t> tokens);
  void embed(const Batch& batch, Worker& worker);
  void project(const Cast& cast, const Batch& batch, Worker& worker);
  void prepare_input(const Cast& cast, const float* x, int64_t cols, ActivationRoom& room, int64_t slot) const;
  void project_rows(const Part& part, int64_t row, int rows, const Activations& x, int64_t token, int tokens, float* y) const;
  void write_rows(const Cast& cast, const Part& part, int64_t row, int rows, int64_t token, int tokens, const float* y, float* logits);
  void rope_store(const Cast& cast, const Batch& batch, Worker& worker);
  void attend(const Cast& cast, const Batch& batch, Worker& worker);
  void norm_add(const Cast& cast, const Batch& batch, Worker& worker);
  float* at(plan::Buffer buffer, int64_t token);

  plan::Plan plan_;
  const Isa& isa_;
  CacheLayout cache_layout_;
  Pool pool_;
  std::mutex mutex_;
  std::unique_ptr<Region> resident_;
  Reading reading_ = readings[0];               // of resident weights
  std::vector<Cast> steps_;
  std::function<bool(const plan::Matrix&, uint64_t, std::span<std::byte>)> read_;  // where weights were laid out; otherwise empty
  std::vector<std::byte> table_rows_;           // of a batch, where they are read from the file
  std::vector<std::vector<float>> buffers_;     // by Buffer, (max_batch, width)
  std::vector<std::vector<float>> cosines_, sines_;     // by rope, (max_batch, dims / 2)
  ActivationRoom shared_;                               // of a batch, filled by all workers
  std::vector<ActivationRoom> own_;                     // of one token, one for each worker
};

}  // namespace ingot::cpu
