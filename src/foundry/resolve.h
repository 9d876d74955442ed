// The steps from spec and file to Blueprint, one file each: numbers (resolve.cpp), frequencies (rope.cpp), tensors (bind.cpp).
// Internal to the room; others call resolve() in blueprint.h.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "foundry/blueprint.h"
#include "foundry/spec.h"

namespace ingot::foundry {

// How messages write a number, and a string of the file (cut, printable ASCII).
std::string number_text(double x);
std::string quoted(std::string_view text);

/// The spec's parameters with the file's values. Every read states the range that makes sense; outside of it is an error that
/// names the metadata key.
class Numbers {
 public:
  Numbers(const container::Gguf& file, const Spec& spec) : file_(file), spec_(spec) {}
  /// Whole number in low…high.
  int64_t integer(const Expression& e, int64_t low, int64_t high);
  int64_t integer(const std::string& parameter, int64_t low, int64_t high) { return integer(Expression{0, parameter, ""}, low, high); }
  /// Finite number above `low` and below `high`.
  double real(const Expression& e, double low, double high);
  /// Metadata key of a parameter, or the parameter's name when it has none; for messages.
  std::string key_of(const std::string& parameter) const;
  /// Metadata key with the architecture's prefix.
  std::string prefixed(const std::string& key) const { return spec_.name + "." + key; }
  const Spec& spec() const { return spec_; }
  const container::Gguf& file() const { return file_; }

 private:
  struct Value {
    double value;
    bool whole;          ///< of an integer type, or a spec's whole number
    std::string origin;  ///< "<architecture>.block_count", "head_size (hidden / heads)"
  };
  Value evaluate(const Expression& e);
  const Value& parameter(const std::string& name);
  Value metadata(const std::string& key, const std::string& name);

  const container::Gguf& file_;
  const Spec& spec_;
  std::map<std::string, Value> values_;
};

/// Frequencies and magnitude of one rope. `factors`: (dims / 2) divisors of the frequencies, or empty.
Rope make_rope(const RopeSpec& spec, Numbers& numbers, int dims, const Vector& factors);

/// Finds and checks tensors: the shape that the numbers ask for, known formats, finite vectors.
class Binder {
 public:
  /// One extent of a tensor and the parameters that it follows from.
  struct Extent {
    int64_t size;
    std::vector<std::string> from;
  };
  Binder(const Numbers& numbers, const Names& names) : numbers_(numbers), names_(names), file_(numbers.file()) {}
  bool has(const std::string& role, int layer) const { return file_.find_tensor(names_.tensor(role, layer)) != nullptr; }
  /// The matrix in `role`. `rows.size` 0: any number of rows.
  Matrix matrix(const std::string& role, int layer, const Extent& rows, const Extent& cols) const;
  /// The vector in `role`, decoded; empty when `presence` allows and the file has none.
  Vector vector(const std::string& role, int layer, const Extent& size, Presence presence) const;
  /// Refuses a bias of the tensor in `role` that the spec does not speak of: leaving it out would give other answers.
  void refuse_bias(const std::string& role, int layer) const;

 private:
  const container::Tensor& find(const std::string& name) const;
  const quant::Format& format(const container::Tensor& tensor) const;
  Vector decode(const container::Tensor& tensor) const;
  std::string advice(const std::vector<const Extent*>& wrong) const;

  const Numbers& numbers_;
  const Names& names_;
  const container::Gguf& file_;
};

/// Fills in the tensors of a blueprint whose numbers are set.
void bind(Blueprint& blueprint, Numbers& numbers, const Names& names);

/// As resolve(file), with a spec and names that need not be in this build.
Blueprint resolve(const container::Gguf& file, const Spec& spec, const Names& names);

}  // namespace ingot::foundry
