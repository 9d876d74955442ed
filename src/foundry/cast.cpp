#include "foundry/cast.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace ingot::foundry {

using plan::Buffer;
using plan::Step;
using plan::StepKind;

namespace {

Step projection(StepKind kind, int layer, Buffer from, const Vector& norm, std::vector<plan::Segment> segments) {
  Step step;
  step.kind = kind;
  step.layer = layer;
  step.from = from;
  step.norm = norm;
  step.segments = std::move(segments);
  return step;
}

// A block's output goes straight into the residual, or through its own norm first.
void add_output(std::vector<Step>& steps, int layer, Buffer from, const Matrix& matrix, const Vector& post_norm) {
  bool direct = post_norm.empty();
  steps.push_back(projection(direct ? StepKind::project_add : StepKind::project, layer, from, {}, {{matrix, {}, direct ? Buffer::residual : Buffer::block}}));
  if (!direct) steps.push_back(projection(StepKind::norm_add, layer, Buffer::block, post_norm, {}));
}

}  // namespace

plan::Plan cast(const Blueprint& b, int context, int max_batch) {
  plan::Plan plan;
  plan.architecture = b.architecture;
  plan.layers = b.layers, plan.hidden = b.hidden, plan.heads = b.heads, plan.kv_heads = b.kv_heads;
  plan.head_size = b.head_size, plan.ffn = b.ffn, plan.vocab = b.vocab;
  plan.context = context, plan.max_batch = max_batch;
  plan.norm_epsilon = b.norm_epsilon, plan.attention_scale = b.attention_scale, plan.embedding_scale = b.embedding_scale;
  plan.activation = b.activation;
  plan.ropes = b.ropes;

  plan.steps.push_back(projection(StepKind::embed, -1, Buffer::residual, {}, {{b.embedding, {}, Buffer::residual}}));
  for (int i = 0; i < b.layers; i++) {
    const Layer& l = b.layer[i];
    plan.steps.push_back(projection(StepKind::qkv, i, Buffer::residual, l.attention_norm,
                                    {{l.q, l.q_bias, Buffer::query}, {l.k, l.k_bias, Buffer::key}, {l.v, l.v_bias, Buffer::value}}));
    Step rope;
    rope.kind = StepKind::rope_store;
    rope.layer = i, rope.rope = l.rope, rope.q_norm = l.q_norm, rope.k_norm = l.k_norm;
    plan.steps.push_back(std::move(rope));
    Step attend;
    attend.kind = StepKind::attend;
    attend.layer = i, attend.window = l.window;
    plan.steps.push_back(std::move(attend));
    add_output(plan.steps, i, Buffer::attended, l.output, l.attention_post_norm);
    plan.steps.push_back(projection(StepKind::gate_up, i, Buffer::residual, l.mlp_norm, {{l.gate, {}, Buffer::ffn}, {l.up, {}, Buffer::ffn}}));
    add_output(plan.steps, i, Buffer::ffn, l.down, l.mlp_post_norm);
  }
  plan.steps.push_back(projection(StepKind::head, -1, Buffer::residual, b.head_norm, {{b.head, {}, Buffer::logits}}));
  return plan;
}

std::string shape_text(const plan::Plan& plan, const Step& step) {
  switch (step.kind) {
    case StepKind::embed: return fmt::format("{} rows of {}", plan.vocab, plan.hidden);
    case StepKind::rope_store: return fmt::format("{}+{} heads of {}", plan.heads, plan.kv_heads, plan.head_size);
    case StepKind::attend:
      return fmt::format("{} heads of {} over {}{}", plan.heads, plan.head_size, plan.kv_heads, step.window ? fmt::format(", window {}", step.window) : "");
    case StepKind::norm_add: return fmt::format("{}", plan.hidden);
    default: break;
  }
  std::vector<int64_t> rows;
  for (const plan::Segment& s : step.segments) rows.push_back(s.matrix.rows);
  return fmt::format("{} -> {}", step.segments.front().matrix.cols, fmt::join(rows, "+"));
}

}  // namespace ingot::foundry
