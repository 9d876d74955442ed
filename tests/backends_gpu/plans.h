// Small plans whose matrices are all of one format, to learn which kernels a format is run by. Nothing in them is read.
#pragma once
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "backends/gpu/calls.h"
#include "backends/gpu/tiles.h"

namespace ingot::gpu {

struct PlanShape {
  int hidden = 512, head_size = 64;
  bool post_norms = false;  // a block's output is normed before it is added
};

inline plan::Plan plan_of(const quant::Format& format, const PlanShape& shape) {
  using plan::Buffer;
  using plan::StepKind;
  constexpr int heads = 2, ffn = 512, vocab = 512;
  plan::Plan plan;
  plan.layers = 1, plan.hidden = shape.hidden, plan.heads = heads, plan.kv_heads = 1, plan.head_size = shape.head_size, plan.ffn = ffn, plan.vocab = vocab;
  plan.context = 4096, plan.max_batch = 512, plan.norm_epsilon = 1e-5f, plan.attention_scale = 1;
  plan.activation = shape.post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu;
  plan.ropes.push_back({plan::Pairing::halves, shape.head_size, std::vector<double>(shape.head_size / 2), 1});
  auto segment = [&](int64_t rows, int64_t cols, Buffer to) { return plan::Segment{{"", &format, rows, cols, nullptr, 1}, {}, to}; };
  auto add = [&](StepKind kind, Buffer from, bool norm, std::vector<plan::Segment> segments) {
    plan::Step step;
    step.kind = kind, step.layer = 0, step.from = from, step.segments = std::move(segments);
    if (norm) step.norm = plan::Vector(shape.hidden, 1.0f);
    plan.steps.push_back(std::move(step));
  };
  auto add_output = [&](Buffer from, int64_t cols) {
    if (shape.post_norms) {
      add(StepKind::project, from, false, {segment(shape.hidden, cols, Buffer::block)});
      add(StepKind::norm_add, Buffer::block, true, {});
    } else {
      add(StepKind::project_add, from, false, {segment(shape.hidden, cols, Buffer::residual)});
    }
  };
  int64_t q = heads * shape.head_size, kv = shape.head_size;
  add(StepKind::embed, Buffer::residual, false, {segment(vocab, shape.hidden, Buffer::residual)});
  add(StepKind::qkv, Buffer::residual, true, {segment(q, shape.hidden, Buffer::query), segment(kv, shape.hidden, Buffer::key), segment(kv, shape.hidden, Buffer::value)});
  add(StepKind::rope_store, Buffer::query, false, {});
  add(StepKind::attend, Buffer::query, false, {});
  add_output(Buffer::attended, q);
  add(StepKind::gate_up, Buffer::residual, true, {segment(ffn, shape.hidden, Buffer::ffn), segment(ffn, shape.hidden, Buffer::ffn)});
  add_output(Buffer::ffn, ffn);
  add(StepKind::head, Buffer::residual, true, {segment(vocab, shape.hidden, Buffer::logits)});
  return plan;
}

/// Every kernel by which any plan runs a format, each once.
inline std::vector<Entry> entries_of(const quant::Format& format) {
  std::vector<Entry> all;
  for (int hidden : {512, 16384})
    for (int head_size : {64, 96, 128, 256})
      for (bool post_norms : {false, true})
        for (const Entry& entry : entries(plan_of(format, {hidden, head_size, post_norms})))
          if (std::ranges::find(all, entry) == all.end()) all.push_back(entry);
  return all;
}

/// "every" format, the first of each of the "classes", or the one of that name.
inline std::vector<const quant::Format*> formats_to_check(const std::string& which) {
  std::vector<const quant::Format*> formats;
  std::set<std::pair<std::string, int>> classes;
  for (size_t i = 0; i < quant::formats().size(); i++) {
    const FormatTiles& t = *format_tiles()[i];
    bool first = classes.emplace(t.class_kind, t.class_bits).second;
    if (which == "classes" ? first : which == "every" || which == quant::formats()[i].name) formats.push_back(&quant::formats()[i]);
  }
  return formats;
}

}  // namespace ingot::gpu
