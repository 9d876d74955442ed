// Small plans over random matrices, which own their weights; and sequences whose tokens go through a program in any
// cut.
#pragma once
#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/random_blocks.h"
#include "plan/backend.h"

namespace ingot::plan {
const Backend& cpu_backend();
}

namespace ingot::tests {

struct PlanBuilder {
  plan::Plan plan;
  std::deque<std::vector<uint8_t>> bytes;
  std::mt19937 random{42};

  plan::Id<plan::Value> value(const char* name, int64_t cols, plan::Value::Rows rows = plan::Value::Rows::tokens) {
    plan.values.push_back({.name = name, .cols = cols, .rows = rows});
    return {static_cast<int32_t>(plan.values.size()) - 1};
  }
  plan::Id<plan::Vector> vector(int64_t n, float mean, float spread = 0.1f) {
    std::normal_distribution<float> d(mean, spread);
    plan::Vector v{.name = "vector", .numbers = std::vector<float>(n)};
    for (float& x : v.numbers) x = d(random);
    plan.vectors.push_back(std::move(v));
    return {static_cast<int32_t>(plan.vectors.size()) - 1};
  }
  plan::Norm norm(int64_t n) { return {.weight = vector(n, 1), .epsilon = 1e-5f}; }
  // Random blocks of a format, scaled on the whole so that outputs stay near 1. A slice of all of it.
  plan::Slice weight(const char* format_name, int64_t rows, int64_t cols) {
    const quant::Format* format = quant::find_format(format_name);
    bytes.push_back(random_rows(*format, rows, cols, static_cast<uint32_t>(random())));
    std::vector<float> row(cols);
    double squares = 0;
    for (int64_t r = 0; r < rows; r++) {
      format->decode(reinterpret_cast<const std::byte*>(bytes.back().data()) + r * format->row_bytes(cols), row.data(),
                     cols);
      for (float w : row) squares += double(w) * w;
    }
    plan.weights.push_back({.name = std::string(format_name) + " matrix",
                            .format = format,
                            .rows = rows,
                            .cols = cols,
                            .data = reinterpret_cast<const std::byte*>(bytes.back().data()),
                            .scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(rows)))});
    return {.weight = {static_cast<int32_t>(plan.weights.size()) - 1},
            .first_row = 0,
            .rows = rows,
            .first_col = 0,
            .cols = cols};
  }
  plan::Id<plan::State> state(const plan::HeadShape& heads) {
    plan.states.push_back({.name = "state", .heads = heads});
    return {static_cast<int32_t>(plan.states.size()) - 1};
  }
  plan::Id<plan::Rope> rope(plan::Rope::Pairing pairing, int dims) {
    plan::Rope rope{.pairing = pairing, .dims = dims, .frequencies = {}, .magnitude = 1};
    for (int i = 0; i < dims / 2; i++) rope.frequencies.push_back(std::pow(10000.0, -2.0 * i / dims));
    plan.ropes.push_back(std::move(rope));
    return {static_cast<int32_t>(plan.ropes.size()) - 1};
  }
  void step(int layer, const char* name, plan::Op op) {
    plan.steps.push_back({.layer = layer, .name = name, .op = std::move(op)});
  }
};

/// What a model of the tests is like. Formats: of the embedding, query, key, value, output, gate, up, down, lm_head.
struct SmallShape {
  int hidden = 256, ffn = 512, vocab = 100, layers = 2;
  plan::HeadShape heads = {.heads = 4, .kv_heads = 2, .key_size = 64, .value_size = 64};
  int window = 5;  // of the first layer
  bool post_norms = false, tied = false;
  std::vector<const char*> formats = {"q5_0", "q4_k", "f16", "iq2_xs", "q6_k", "nvfp4", "q4_1", "q8_0", "q3_k"};
  plan::Limits limits = {.context = 64, .max_rows = 16, .max_outputs = 16, .state_format = nullptr, .state_bytes = 0};
};

/// Every matrix has a format of its own, also inside a fused step.
struct SmallModel : PlanBuilder {
  plan::Id<plan::Value> residual, query, key, value_, attended, ffn, block;

  explicit SmallModel(const SmallShape& s) {
    plan.limits = s.limits;
    const plan::HeadShape& h = s.heads;
    const int q = h.heads * h.key_size, k = h.kv_heads * h.key_size, v = h.kv_heads * h.value_size;
    residual = value("residual", s.hidden);
    query = value("query", q), key = value("key", k), value_ = value("value", v);
    attended = value("attended", h.heads * h.value_size), ffn = value("ffn", s.ffn), block = value("block", s.hidden);
    plan.logits = value("logits", s.vocab, plan::Value::Rows::outputs);
    plan::Slice table = weight(s.formats[0], s.vocab, s.hidden);
    step(-1, "embed", plan::Embed{.table = table, .scale = 1.5f, .to = residual});
    for (int i = 0; i < s.layers; i++) {
      const plan::Id<plan::State> kept = state(h);
      step(i, "qkv",
           plan::Linear{.from = residual,
                        .norm = norm(s.hidden),
                        .outputs = {{.weight = weight(s.formats[1], q, s.hidden), .bias = vector(q, 0), .to = query},
                                    {.weight = weight(s.formats[2], k, s.hidden), .bias = vector(k, 0), .to = key},
                                    {.weight = weight(s.formats[3], v, s.hidden), .bias = {}, .to = value_}}});
      plan::RopeStore rope_store{
          .query = query, .key = key, .value = value_, .rope = {}, .query_norm = {}, .key_norm = {}, .state = kept};
      rope_store.rope = rope(i % 2 ? plan::Rope::Pairing::halves : plan::Rope::Pairing::neighbours, h.key_size / 4 * 2);
      if (s.post_norms) rope_store.query_norm = norm(h.key_size), rope_store.key_norm = norm(h.key_size);
      step(i, "rope_store", rope_store);
      step(i, "attend",
           plan::Attend{
               .query = query, .state = kept, .window = i == 0 ? s.window : 0, .scale = 0.125f, .to = attended});
      add_output(i, "output", attended, weight(s.formats[4], s.hidden, h.heads * h.value_size), s.post_norms);
      step(i, "gate_up",
           plan::GatedLinear{.from = residual,
                             .norm = norm(s.hidden),
                             .gate = weight(s.formats[5], s.ffn, s.hidden),
                             .up = weight(s.formats[6], s.ffn, s.hidden),
                             .activation = s.post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu,
                             .to = ffn});
      add_output(i, "down", ffn, weight(s.formats[7], s.hidden, s.ffn), s.post_norms);
    }
    const plan::Slice head = s.tied ? table : weight(s.formats[8], s.vocab, s.hidden);
    step(-1, "lm_head",
         plan::Linear{
             .from = residual, .norm = norm(s.hidden), .outputs = {{.weight = head, .bias = {}, .to = plan.logits}}});
  }
  void add_output(int layer, const char* name, plan::Id<plan::Value> from, plan::Slice slice, bool post_norm) {
    const int64_t hidden = plan[residual].cols;
    plan::Output output{.weight = slice, .bias = {}, .to = post_norm ? block : residual, .add = !post_norm};
    step(layer, name, plan::Linear{.from = from, .norm = std::nullopt, .outputs = {output}});
    if (post_norm) step(layer, "post-norm", plan::NormAdd{.from = block, .norm = norm(hidden), .to = residual});
  }
};

/// A sequence of tokens, its pages, and how far a program has got with it.
struct TestSequence {
  std::vector<int32_t> tokens, pages;
  int position = 0;

  TestSequence(int n, int vocab, std::vector<int32_t> in_pages, int factor = 37)
      : tokens(n), pages(std::move(in_pages)) {
    for (int i = 0; i < n; i++) tokens[i] = i * factor % vocab;
  }
  int left() const { return static_cast<int>(tokens.size()) - position; }
  plan::Sequence next(int count, int outputs) const {
    return {.pages = pages, .position = position, .count = count, .outputs = outputs};
  }
};

inline std::vector<int32_t> pages_from(int first, int n) {
  std::vector<int32_t> pages(n);
  std::iota(pages.begin(), pages.end(), first);
  return pages;
}

/// One step of `count` tokens of each sequence that has any left, at most; all their logits, sequence after sequence.
inline std::vector<float> take_step(plan::Program& program, int vocab, std::span<TestSequence* const> runs,
                                    std::span<const int> counts, const plan::Watch& watch = {}) {
  std::vector<int32_t> tokens;
  std::vector<plan::Sequence> sequences;
  for (size_t i = 0; i < runs.size(); i++) {
    const int n = std::min(counts[i], runs[i]->left());
    if (n <= 0) continue;
    sequences.push_back(runs[i]->next(n, n));
    for (int k = 0; k < n; k++) tokens.push_back(runs[i]->tokens[runs[i]->position + k]);
  }
  std::vector<float> logits(tokens.size() * vocab);
  if (program.run({.tokens = tokens, .sequences = sequences}, logits, watch))
    for (size_t i = 0; i < runs.size(); i++) runs[i]->position += std::max(0, std::min(counts[i], runs[i]->left()));
  return logits;
}

/// All logits of one sequence alone, `chunk` tokens at a time.
inline std::vector<float> all_logits(plan::Program& program, int vocab, TestSequence run, int chunk) {
  std::vector<float> all;
  TestSequence* const runs[] = {&run};
  const int counts[] = {chunk};
  while (run.left() > 0) {
    std::vector<float> logits = take_step(program, vocab, runs, counts);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

}  // namespace ingot::tests
