// Tensors: from the names of a container to matrices and vectors whose shapes fit the numbers. What no role asks for is
// account.cpp's.
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

Extent operator*(const Extent& a, const Extent& b) {
  Extent product{a.size * b.size, a.from};
  product.from.insert(product.from.end(), b.from.begin(), b.from.end());
  return product;
}

Extent operator+(const Extent& a, const Extent& b) {
  Extent sum{a.size + b.size, a.from};
  sum.from.insert(sum.from.end(), b.from.begin(), b.from.end());
  return sum;
}

const container::Tensor& Binder::take(const std::string& name) {
  used_.insert(name);
  if (const container::Tensor* tensor = file_.find_tensor(name)) return *tensor;
  throw Error("foundry", "tensor " + name + " is missing", "", "it in a file of " + numbers_.spec().source,
              "the file is incomplete or of another architecture");
}

const quant::Format& Binder::format(const container::Tensor& tensor) const {
  if (const quant::Format* f = quant::find_format(names_.format_space, tensor.type)) return *f;
  throw Error("foundry", tensor.name + " has tensor type " + std::to_string(tensor.type), "",
              "a format that this build knows", "see `ingot formats`");
}

std::string Binder::advice(const std::vector<const Extent*>& wrong) const {
  std::string text;
  std::set<std::string> named;
  for (const Extent* extent : wrong)
    for (const Expression& e : extent->from)
      for (const std::string& parameter : {e.name, e.divisor})
        if (!parameter.empty() && named.insert(parameter).second)
          text += (text.empty() ? "check " : ", ") + numbers_.key_of(parameter);
  return text;
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

  plan::Weight weight;
  weight.name = tensor.name;
  weight.format = &f;
  weight.rows = static_cast<int64_t>(shape[1]);
  weight.cols = cols.size;
  weight.data = tensor.data;
  std::string stem = tensor.name.substr(0, tensor.name.size() - names_.weight_ending.size());
  if (const container::Tensor* scale =
          tensor.name.ends_with(names_.weight_ending) ? file_.find_tensor(stem + names_.scale_ending) : nullptr) {
    if (!f.has_tensor_scale)
      throw Error("foundry", scale->name + " is there", "",
                  std::string("none, as ") + f.name + " has no scale of the whole tensor");
    if (scale->elements != 1) throw Error("foundry", scale->name + " is " + shape_text(scale->shape), "", "1");
    used_.insert(scale->name);
    weight.scale = decode(*scale)[0];
  }
  return {.tensor = weight, .first_row = 0, .rows = weight.rows};
}

std::vector<Matrix> Binder::stacked(const std::string& role, int layer, const std::vector<Extent>& rows,
                                    const Extent& cols) {
  Extent all;
  for (const Extent& part : rows) all = all + part;
  const Matrix tensor = matrix(role, layer, all, cols);
  std::vector<Matrix> parts;
  int64_t first_row = 0;
  for (const Extent& part : rows) {
    parts.push_back({.tensor = tensor.tensor, .first_row = first_row, .rows = part.size});
    first_row += part.size;
  }
  return parts;
}

Vector Binder::vector(const std::string& role, int layer, const Extent& size, Presence presence) {
  if (presence == Presence::none || (presence == Presence::if_present && !has(role, layer))) return {};
  const container::Tensor& tensor = take(names_.tensor(role, layer));
  if (tensor.shape[0] != static_cast<uint64_t>(size.size) || !flat_from(tensor.shape, 1))
    throw Error("foundry", tensor.name + " is " + shape_text(tensor.shape), "", std::to_string(size.size),
                advice({&size}));
  return decode(tensor);
}

Vector Binder::decode(const container::Tensor& tensor) const {
  const quant::Format& f = format(tensor);
  Vector v(tensor.elements);
  f.decode(tensor.data, v.data(), static_cast<int64_t>(v.size()));
  for (size_t i = 0; i < v.size(); i++)
    if (!std::isfinite(v[i]))
      throw Error("foundry", tensor.name + " element " + std::to_string(i), number_text(v[i]), "a finite number",
                  "the file is damaged");
  return v;
}

}  // namespace ingot::foundry
