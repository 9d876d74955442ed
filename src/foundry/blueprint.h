// A model as foundry understands it: the architecture's spec, the file's numbers and its tensors, resolved against each other
// and checked. It says what the model is, in the model's own terms, and nothing about how it runs.
//
//   spec (architectures/*.json)  +  container::Gguf  ->  Blueprint  ->  Plan (plan/plan.h)
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "container/gguf.h"
#include "quant/format.h"

namespace ingot::foundry {

using plan::Activation;
using plan::Rope;
using Pairing = plan::Rope::Pairing;
using Matrix = plan::Weight;
using Vector = std::vector<float>;  ///< decoded; empty: absent

struct Layer {
  Vector attention_norm;            ///< (hidden)
  Matrix q, k, v;                   ///< (heads·head_size | kv_heads·head_size) x hidden
  Vector q_bias, k_bias, v_bias;    ///< (rows of q, k, v) or empty
  Vector q_norm, k_norm;            ///< (head_size) or empty
  int rope = 0;                     ///< index into Blueprint::ropes
  int window = 0;                   ///< a token sees itself and window − 1 before it; 0: all
  Matrix output;                    ///< hidden x heads·head_size
  Vector attention_post_norm;       ///< (hidden) or empty: applied before the residual is added
  Vector mlp_norm;                  ///< (hidden)
  Matrix gate, up, down;            ///< ffn x hidden, ffn x hidden, hidden x ffn
  Vector mlp_post_norm;             ///< (hidden) or empty
};

struct Blueprint {
  std::string architecture;
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_size = 0, ffn = 0, vocab = 0, context = 0;
  float norm_epsilon = 0;
  float attention_scale = 0;        ///< factor on q·k
  Activation activation = Activation::silu;
  Matrix embedding;                 ///< vocab x hidden
  float embedding_scale = 1;        ///< factor on the looked-up row
  std::vector<Rope> ropes;
  std::vector<Layer> layer;         ///< [layers]
  Vector head_norm;                 ///< (hidden)
  Matrix head;                      ///< vocab x hidden; equal to `embedding` when tied
};

/// Reads the architecture's spec and resolves it against `file`. Errors: unknown architecture (lists the known ones), missing
/// or impossible numbers, missing tensors, shapes or formats that do not fit.
Blueprint resolve(const container::Gguf& file);

/// Names of the architectures in this build.
std::vector<std::string> architectures();

}  // namespace ingot::foundry
