// What foundry hands to a backend: a flat list of steps with everything resolved, in the order of a token. A plan says which
// matrices, vectors and buffers a step uses; a backend decides layout, strategy and kernel. Nothing in it runs.
//
//   embed;  per layer: qkv · rope_store · attend · project_add · gate_up · project_add  (· norm_add where a model norms a
//   block's output before adding it);  head
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/checked.h"
#include "quant/format.h"

namespace ingot::plan {

/// A weight matrix in the file: y (rows) = scale · W (rows x cols) · x (cols). Rows are stored one after another.
struct Matrix {
  std::string name;
  const quant::Format* format = nullptr;  ///< null: absent
  int64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;        ///< in the mapped file
  float scale = 1;                        ///< factor on the whole tensor
  explicit operator bool() const { return format != nullptr; }
  uint64_t bytes() const { return capped_product(rows, format->row_bytes(narrow<uint64_t>(cols))); }
};
/// A vector of f32, decoded; empty: absent.
using Vector = std::vector<float>;

enum class Pairing { neighbours, halves };  ///< which elements rope rotates together: (2i, 2i+1) or (i, i + dims/2)

/// One rotary embedding: angle of pair i at position p = p · frequencies[i]; cos and sin are multiplied by `magnitude`.
struct Rope {
  Pairing pairing = Pairing::neighbours;
  int dims = 0;                     ///< elements of a head that are rotated
  std::vector<double> frequencies;  ///< dims / 2, scaling (linear, llama3, yarn) already applied
  float magnitude = 1;
};

enum class Activation { silu, gelu_tanh };

/// Activations between steps, one row a token.
enum class Buffer {
  residual,  ///< (hidden)               the running sum of all blocks
  query,     ///< (heads · head_size)
  key,       ///< (kv_heads · head_size)
  value,     ///< (kv_heads · head_size)
  attended,  ///< (heads · head_size)
  ffn,       ///< (ffn)                  activation(gate) · up
  block,     ///< (hidden)               a block's output before its own norm
  logits     ///< (vocab)
};

constexpr size_t n_buffers = static_cast<size_t>(Buffer::logits) + 1;

enum class StepKind { embed, qkv, rope_store, attend, project_add, gate_up, project, norm_add, head };
const char* step_kind_name(StepKind kind);

/// One matrix of a projection.
struct Segment {
  Matrix matrix;
  Vector bias;  ///< (rows) or empty
  Buffer to;
};

struct Step {
  StepKind kind = StepKind::embed;
  int layer = -1;                 ///< -1: outside the layers
  // projections (qkv, project_add, gate_up, project, head) and norm_add
  Buffer from = Buffer::residual;
  Vector norm;                    ///< (columns) of the norm in front (norm_add: on the block's output); empty: none
  std::vector<Segment> segments;  ///< gate_up: gate, then up
  // rope_store
  int rope = 0;                   ///< index into Plan::ropes
  Vector q_norm, k_norm;          ///< (head_size) or empty
  // attend
  int window = 0;                 ///< a token sees itself and window − 1 before it; 0: all
};

struct Plan {
  std::string architecture;
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0, vocab = 0;
  int context = 0;                ///< positions a cache holds
  const quant::Format* kv_format = nullptr;  ///< of keys and values; null: the device's 16-bit floats
  int max_batch = 0;              ///< tokens that go through the plan at once
  float norm_epsilon = 0, attention_scale = 0, embedding_scale = 1;
  Activation activation = Activation::silu;
  std::vector<Rope> ropes;
  std::vector<Step> steps;
};

/// Floats that a buffer holds for one token.
uint64_t width(const Plan& plan, Buffer buffer);
/// More bytes than any backend takes for keys, values and everything between the steps, at most max_size. A plan for which that is
/// reached runs nowhere.
uint64_t bound_of_bytes(const Plan& plan);

/// Tokens whose logits are computed at once; the last ones of a batch unless all are asked for.
constexpr int max_head_batch = 16;

}  // namespace ingot::plan
