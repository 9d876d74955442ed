#include "plan/plan.h"

namespace ingot::plan {

const char* step_kind_name(StepKind kind) {
  switch (kind) {
    case StepKind::embed: return "embed";
    case StepKind::qkv: return "qkv";
    case StepKind::rope_store: return "rope_store";
    case StepKind::attend: return "attend";
    case StepKind::project_add: return "project_add";
    case StepKind::gate_up: return "gate_up";
    case StepKind::project: return "project";
    case StepKind::norm_add: return "norm_add";
    case StepKind::head: return "head";
  }
  return "";
}

uint64_t width(const Plan& plan, Buffer buffer) {
  switch (buffer) {
    case Buffer::residual: return capped_product(plan.hidden);
    case Buffer::query: return capped_product(plan.heads, plan.head_size);
    case Buffer::key: return capped_product(plan.kv_heads, plan.head_size);
    case Buffer::value: return capped_product(plan.kv_heads, plan.head_size);
    case Buffer::attended: return capped_product(plan.heads, plan.head_size);
    case Buffer::ffn: return capped_product(plan.ffn);
    case Buffer::block: return capped_product(plan.hidden);
    case Buffer::logits: return capped_product(plan.vocab);
  }
  return 0;
}

uint64_t bound_of_bytes(const Plan& plan) {
  // At most 4 bytes for an element of a key or value, 8 for the angles of a pair, 16 for a value between steps and its codes.
  constexpr int spare_positions = 64, element_bytes = 4, angle_bytes = 8, value_bytes = 16, max_threads = 1024, max_splits = 64;
  const uint64_t positions = capped_sum(plan.context, spare_positions);
  uint64_t values = 0, angles = 0;
  for (size_t b = 0; b < n_buffers; b++) values = capped_sum(values, width(plan, static_cast<Buffer>(b)));
  for (const Rope& rope : plan.ropes) angles = capped_sum(angles, capped_product(positions, rope.dims, angle_bytes));
  return capped_sum(capped_product(2, plan.layers, plan.kv_heads, plan.head_size, positions, element_bytes), angles,
                    capped_product(capped_sum(plan.max_batch, max_head_batch, max_threads, max_splits), values, value_bytes));
}

}  // namespace ingot::plan
