// Tensors: from the names of a container to matrices and vectors whose shapes fit the numbers. What no role asks for is account.cpp's.
#include <cmath>

#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

/// Rows of a matrix x columns, as the file's shape (columns first) says it; more dimensions follow as they are.
std::string shape_text(const std::vector<uint64_t>& shape) {
  if (shape.size() == 1) return std::to_string(shape[0]);
  std::string s = std::to_string(shape[1]) + "x" + std::to_string(shape[0]);
  for (size_t i = 2; i < shape.size(); i++) s += "x" + std::to_string(shape[i]);
  return s;
}

/// Whether all dimensions from `first` on are 1.
bool flat_from(const std::vector<uint64_t>& shape, size_t first) {
  for (size_t i = first; i < shape.size(); i++)
    if (shape[i] != 1) return false;
  return true;
}

}  // namespace

const container::Tensor& Binder::take(const std::string& name) {
  used_.insert(name);
  if (const container::Tensor* tensor = file_.find_tensor(name)) return *tensor;
  throw Error("foundry", "tensor " + name + " is missing", "", "it in a file of " + numbers_.spec().source,
              "the file is incomplete or of another architecture");
}

const quant::Format& Binder::format(const container::Tensor& tensor) const {
  if (const quant::Format* f = quant::find_format(names_.format_space, tensor.type)) return *f;
  throw Error("foundry", tensor.name + " has tensor type " + std::to_string(tensor.type), "", "a format that this build knows",
              "see `ingot formats`");
}

std::string Binder::advice(const std::vector<const Extent*>& wrong) const {
  std::string s;
  for (const Extent* extent : wrong)
    for (const std::string& parameter : extent->from) s += (s.empty() ? "check " : ", ") + numbers_.key_of(parameter);
  return s;
}

Matrix Binder::matrix(const std::string& role, int layer, const Extent& rows, const Extent& cols) {
  const container::Tensor& tensor = take(names_.tensor(role, layer));
  const std::vector<uint64_t>& shape = tensor.shape;
  bool two = shape.size() >= 2 && flat_from(shape, 2);
  bool cols_fit = two && shape[0] == static_cast<uint64_t>(cols.size);
  bool rows_fit = two && (rows.size == 0 ? shape[1] <= INT32_MAX : shape[1] == static_cast<uint64_t>(rows.size));
  if (!cols_fit || !rows_fit) {
    std::vector<const Extent*> wrong;
    if (!rows_fit) wrong.push_back(&rows);
    if (!cols_fit) wrong.push_back(&cols);
    throw Error("foundry", tensor.name + " is " + shape_text(shape), "",
                (rows.size == 0 ? "rows" : std::to_string(rows.size)) + "x" + std::to_string(cols.size), advice(wrong));
  }
  const quant::Format& f = format(tensor);
  if (cols.size % f.block != 0)
    throw Error("foundry", tensor.name + " has " + std::to_string(cols.size) + " columns", "",
                "a multiple of " + std::to_string(f.block) + ", the block of " + f.name);

  Matrix m;
  m.name = tensor.name;
  m.format = &f;
  m.rows = static_cast<int64_t>(shape[1]);
  m.cols = cols.size;
  m.data = tensor.data;
  std::string stem = tensor.name.substr(0, tensor.name.size() - names_.weight_ending.size());
  if (const container::Tensor* scale =
          tensor.name.ends_with(names_.weight_ending) ? file_.find_tensor(stem + names_.scale_ending) : nullptr) {
    if (!f.has_tensor_scale)
      throw Error("foundry", scale->name + " is there", "", std::string("none, as ") + f.name + " has no scale of the whole tensor");
    if (scale->elements != 1) throw Error("foundry", scale->name + " is " + shape_text(scale->shape), "", "1");
    used_.insert(scale->name);
    m.scale = decode(*scale)[0];
  }
  return m;
}

Vector Binder::vector(const std::string& role, int layer, const Extent& size, Presence presence) {
  if (presence == Presence::none || (presence == Presence::if_present && !has(role, layer))) return {};
  const container::Tensor& tensor = take(names_.tensor(role, layer));
  if (tensor.shape[0] != static_cast<uint64_t>(size.size) || !flat_from(tensor.shape, 1))
    throw Error("foundry", tensor.name + " is " + shape_text(tensor.shape), "", std::to_string(size.size), advice({&size}));
  return decode(tensor);
}

Vector Binder::decode(const container::Tensor& tensor) const {
  const quant::Format& f = format(tensor);
  Vector v(tensor.elements);
  f.decode(tensor.data, v.data(), static_cast<int64_t>(v.size()));
  for (size_t i = 0; i < v.size(); i++)
    if (!std::isfinite(v[i]))
      throw Error("foundry", tensor.name + " element " + std::to_string(i), number_text(v[i]), "a finite number", "the file is damaged");
  return v;
}

void bind(Blueprint& b, const Numbers& numbers, Binder& binder) {
  const Spec& spec = numbers.spec();
  const Binder::Extent hidden{b.hidden, {"hidden"}}, head{b.head_size, {"head_size"}}, ffn{b.ffn, {"ffn"}}, any{0, {}};
  const Binder::Extent q_rows{int64_t{b.heads} * b.head_size, {"heads", "head_size"}},
      kv_rows{int64_t{b.kv_heads} * b.head_size, {"kv_heads", "head_size"}};
  auto present = [](bool is) { return is ? Presence::required : Presence::none; };

  b.embedding = binder.matrix("embedding", -1, any, hidden);
  b.vocab = static_cast<int>(b.embedding.rows);
  if (const container::Value* tokens = numbers.file().find(binder.names().tokens_key); tokens && tokens->count != static_cast<uint64_t>(b.vocab))
    throw Error("foundry", b.embedding.name + " has " + std::to_string(b.vocab) + " rows", "",
                std::to_string(tokens->count) + ", one a token", "check " + binder.names().tokens_key);

  for (int l = 0; l < b.layers; l++) {
    Layer& layer = b.layer[l];
    layer.attention_norm = binder.vector("attention_norm", l, hidden, Presence::required);
    layer.q = binder.matrix("q", l, q_rows, hidden);
    layer.k = binder.matrix("k", l, kv_rows, hidden);
    layer.v = binder.matrix("v", l, kv_rows, hidden);
    layer.q_bias = binder.vector("q_bias", l, q_rows, spec.attention_bias);
    layer.k_bias = binder.vector("k_bias", l, kv_rows, spec.attention_bias);
    layer.v_bias = binder.vector("v_bias", l, kv_rows, spec.attention_bias);
    layer.q_norm = binder.vector("q_norm", l, head, present(spec.qk_norm));
    layer.k_norm = binder.vector("k_norm", l, head, present(spec.qk_norm));
    layer.output = binder.matrix("output", l, hidden, q_rows);
    layer.attention_post_norm = binder.vector("attention_post_norm", l, hidden, present(spec.attention_post_norm));
    layer.mlp_norm = binder.vector("mlp_norm", l, hidden, Presence::required);
    layer.gate = binder.matrix("gate", l, ffn, hidden);
    layer.up = binder.matrix("up", l, ffn, hidden);
    layer.down = binder.matrix("down", l, hidden, ffn);
    layer.mlp_post_norm = binder.vector("mlp_post_norm", l, hidden, present(spec.mlp_post_norm));
  }

  b.head_norm = binder.vector("head_norm", -1, hidden, Presence::required);
  bool own_head = spec.head == Presence::required || (spec.head == Presence::if_present && binder.has("head", -1));
  const Binder::Extent vocab{b.vocab, {}};
  b.head = own_head ? binder.matrix("head", -1, vocab, hidden) : b.embedding;
}

}  // namespace ingot::foundry
