// A model as foundry understands it: the architecture's spec, the file's numbers and its tensors, resolved against each
// other and checked. It says what the model is, in the model's own terms, and nothing about how it runs.
//
//   spec (architectures/*.json)  +  container::Gguf  ->  Blueprint  ->  Plan (plan/plan.h)
//
// A layer is a mixer, which brings tokens together, and a feed-forward. A new kind of either is a new alternative of
// the variant.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "container/gguf.h"
#include "plan/plan.h"
#include "quant/format.h"

namespace ingot::foundry {

using plan::Activation;
using plan::Rope;
using Pairing = plan::Rope::Pairing;
using Vector = std::vector<float>;  ///< decoded; empty: absent

/// Rows first_row … of a tensor: all of them, or one of several matrices that the file keeps in one tensor.
struct Matrix {
  plan::Weight tensor;
  int64_t first_row = 0, rows = 0;
};

struct Attention {
  plan::HeadShape heads;
  Matrix q, k, v;                 ///< (heads·key_size | kv_heads·key_size | kv_heads·value_size) x hidden
  Vector q_bias, k_bias, v_bias;  ///< (rows of q, k, v) or empty
  Vector q_norm, k_norm;          ///< (key_size) or empty
  std::optional<Rope> rope;       ///< nothing: positions are not encoded (NoPE)
  int window = 0;                 ///< a token sees itself and window − 1 before it; 0: all
  float scale = 0;                ///< factor on q·k
  Matrix output;                  ///< hidden x heads·value_size
};

struct GatedMlp {
  Matrix gate, up, down;  ///< ffn x hidden, ffn x hidden, hidden x ffn
  Activation activation = Activation::silu;
};

using Mixer = std::variant<Attention>;
using FeedForward = std::variant<GatedMlp>;

/// residual += post_norm(mixer(norm(residual))), then the same with the feed-forward.
struct Layer {
  Vector mixer_norm;  ///< (hidden)
  Mixer mixer;
  Vector mixer_post_norm;    ///< (hidden) or empty
  Vector feed_forward_norm;  ///< (hidden)
  FeedForward feed_forward;
  Vector feed_forward_post_norm;  ///< (hidden) or empty
};

struct Blueprint {
  std::string architecture;
  int hidden = 0, vocab = 0, context = 0;
  float norm_epsilon = 0;
  Matrix embedding;           ///< vocab x hidden
  float embedding_scale = 1;  ///< factor on the looked-up row
  std::vector<Layer> layers;
  Vector head_norm;  ///< (hidden)
  Matrix head;       ///< vocab x hidden; equal to `embedding` when tied
};

/// Sizes that describe a model in a line: of the first layer that has attention, or a gated MLP; 0: none has.
struct Sizes {
  int heads = 0, kv_heads = 0, head_size = 0;
  int64_t ffn = 0;
};
Sizes sizes_of(const Blueprint& blueprint);

/// Reads the architecture's spec and resolves it against `file`. Errors: unknown architecture (lists the known ones),
/// missing or impossible numbers, missing tensors, shapes or formats that do not fit.
Blueprint resolve(const container::Gguf& file);

/// Names of the architectures in this build.
std::vector<std::string> architectures();

}  // namespace ingot::foundry
