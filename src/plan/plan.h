// What is computed, for which rows, on what state: a list of steps in the order of a token, over values, weights,
// vectors and states that it names by id, never by address. A plan knows no device and no file kind; a backend compiles
// it into a program.
//
//   embed;  per layer: a mixer (qkv · rope_store · attend · output) and a feed-forward (gate_up · down);  lm_head
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/checked.h"
#include "plan/ops.h"
#include "quant/format.h"

namespace ingot::plan {

/// Activations that lie between steps.
struct Value {
  enum class Rows { tokens, outputs };
  std::string name;
  int64_t cols = 0;
  Rows rows = Rows::tokens;  ///< one row per token of a batch, or per row whose logits are asked for
};

/// A matrix of the file, (rows x cols), rows one after another: y (rows) = scale · W · x (cols).
struct Weight {
  std::string name;
  const quant::Format* format = nullptr;
  int64_t rows = 0, cols = 0;       ///< cols: a multiple of the format's block
  const std::byte* data = nullptr;  ///< in the mapped file
  float scale = 1;                  ///< factor on the whole tensor
  uint64_t row_bytes() const { return format->row_bytes(narrow<uint64_t>(cols)); }
  uint64_t bytes() const { return capped_product(rows, row_bytes()); }
};

/// Numbers that are kept decoded: weights of norms, biases.
struct Vector {
  std::string name;
  std::vector<float> numbers;
};

/// One rotary embedding: the angle of pair i at position p is p · frequencies[i]; cos and sin are multiplied by
/// `magnitude`.
struct Rope {
  enum class Pairing { neighbours, halves };  ///< rotated together: elements (2i, 2i+1) or (i, i + dims/2)
  Pairing pairing = Pairing::neighbours;
  int dims = 0;                     ///< elements of a head that are rotated
  std::vector<double> frequencies;  ///< (dims / 2), scaling (linear, llama3, yarn) already applied
  float magnitude = 1;
};

/// What a sequence keeps from token to token: keys and values of every position, in pages (batch.h).
struct State {
  std::string name;
  HeadShape heads;
};

struct Step {
  int layer = -1;    ///< -1: outside the layers
  std::string name;  ///< what it is in the model: "qkv", "attend", "down", …
  Op op;
};

/// What a program has to have room for. None of it changes a result.
struct Limits {
  int context = 0;                              ///< positions of a sequence
  int max_rows = 0;                             ///< tokens of a batch
  int max_outputs = 0;                          ///< rows of logits of a batch, at most max_rows
  const quant::Format* state_format = nullptr;  ///< of keys and values; null: the device's 16-bit floats
  uint64_t state_bytes = 0;                     ///< for pages; 0: what the device has left
};

struct Plan {
  std::string architecture;
  std::vector<Value> values;
  std::vector<Weight> weights;
  std::vector<Vector> vectors;
  std::vector<Rope> ropes;
  std::vector<State> states;
  std::vector<Step> steps;
  Id<Value> logits;  ///< what `Program::run` hands out
  Limits limits;

  const Value& operator[](Id<Value> id) const { return values[id.index]; }
  const Weight& operator[](Id<Weight> id) const { return weights[id.index]; }
  const Vector& operator[](Id<Vector> id) const { return vectors[id.index]; }
  const Rope& operator[](Id<Rope> id) const { return ropes[id.index]; }
  const State& operator[](Id<State> id) const { return states[id.index]; }
  const Weight& operator[](const Slice& slice) const { return weights[slice.weight.index]; }
  /// The vector's numbers; none where it is absent.
  std::span<const float> numbers(Id<Vector> id) const {
    return id ? std::span<const float>(vectors[id.index].numbers) : std::span<const float>();
  }
  int vocab() const { return narrow<int>((*this)[logits].cols); }
};

/// The matrices that a step multiplies by or reads rows of, in the order of its op's fields.
std::vector<Slice> slices_of(const Op& op);
/// The value that a step writes rows of: the first one, where it writes several; all have the same kind of rows.
Id<Value> written_by(const Op& op);
/// The value that a step multiplies its matrices by; absent where it does not.
Id<Value> multiplied_by(const Op& op);
/// Bytes of a slice in the file.
uint64_t file_bytes(const Plan& plan, const Slice& slice);
/// Shape of a step in words: "576 -> 576+192+192".
std::string shape_text(const Plan& plan, const Step& step);
/// Refuses a plan that contradicts itself: ids that are not there, slices beyond their weight, shapes that do not fit
/// each other. Errors: room "plan"; they are mistakes of whoever made the plan, not of a file.
void check(const Plan& plan);
/// More bytes than any backend takes for one sequence of full length and everything between the steps, at most
/// max_size. A plan for which that is reached runs nowhere.
uint64_t bound_of_bytes(const Plan& plan);

}  // namespace ingot::plan
