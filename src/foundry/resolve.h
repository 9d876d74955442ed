// The steps from spec and file to Blueprint, one file each: numbers (numbers.cpp), frequencies (rope.cpp), tensors
// (bind.cpp), blocks and layers made of these (resolve.cpp), and what of the file none of them reads (account.cpp).
// Internal to the room; others call resolve() in blueprint.h.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "foundry/blueprint.h"
#include "foundry/spec.h"

namespace ingot::foundry {

// How messages write a number, and a string of the file (cut, printable ASCII).
std::string number_text(double x);
std::string in_quotes(std::string_view text);
/// A boolean (as 0 or 1) or number of the file; nothing for a string.
std::optional<double> number_of(const container::Scalar& scalar);

/// The spec's parameters with the file's values. Every read states the range that makes sense; outside of it is an
/// error that names the metadata key.
class Numbers {
 public:
  Numbers(const container::Gguf& file, const Spec& spec) : file_(file), spec_(spec) {}
  /// Whole number in low…high.
  int64_t integer(const Expression& e, int64_t low, int64_t high);
  int64_t integer(const std::string& parameter, int64_t low, int64_t high) {
    return integer(Expression{0, parameter, ""}, low, high);
  }
  /// Number in low…high. Bounds of what becomes a float are such that it stays finite, and above 0 where `low` is.
  double real(const Expression& e, double low, double high);
  int layers();
  bool holds(const Condition& condition);
  /// Which layers a rule has.
  std::vector<bool> layers_of(const LayerRule& rule);
  /// Any number, not yet checked.
  double value(const Expression& e) { return evaluate(e).value; }
  /// Metadata key of a parameter, or the parameter's name when it has none; for messages.
  std::string key_of(const std::string& parameter) const;
  /// What a message calls `e`: the key of a parameter, or the expression as it stands in the spec.
  std::string name_of(const Expression& e) const;
  /// Metadata key with the architecture's prefix.
  std::string prefixed(const std::string& key) const { return spec_.name + "." + key; }
  const Spec& spec() const { return spec_; }
  const container::Gguf& file() const { return file_; }

 private:
  /// The value of a parameter for each layer, where the file says yes or no for each; nothing where it states a number.
  std::optional<std::vector<bool>> flags(const Expression& e);
  struct Value {
    double value;
    bool whole;          ///< of an integer type, or a spec's whole number
    std::string origin;  ///< "<architecture>.block_count", "head_size (hidden / heads)"
  };
  /// The metadata key that states a parameter; empty when none does.
  std::string stated(const std::string& parameter) const;
  Value evaluate(const Expression& e);
  const Value& parameter(const std::string& name);
  Value metadata(const std::string& key, const std::string& name);

  const container::Gguf& file_;
  const Spec& spec_;
  std::map<std::string, Value> values_;
};

/// Frequencies and magnitude of one rope. `factors`: (dims / 2) divisors of the frequencies, or empty.
Rope make_rope(const RopeSpec& spec, Numbers& numbers, int dims, const Vector& factors);

/// A size and what it follows from, for messages.
struct Extent {
  int64_t size = 0;
  std::vector<Expression> from;
};
Extent operator*(const Extent& a, const Extent& b);
Extent operator+(const Extent& a, const Extent& b);

/// Finds and checks tensors: the shape that the numbers ask for, known formats, finite vectors. Remembers which it gave
/// out.
class Binder {
 public:
  Binder(const Numbers& numbers, const Names& names) : numbers_(numbers), names_(names), file_(numbers.file()) {}
  bool has(const std::string& role, int layer) const {
    return file_.find_tensor(names_.tensor(role, layer)) != nullptr;
  }
  /// The matrix in `role`. `rows.size` 0: any number of rows.
  Matrix matrix(const std::string& role, int layer, const Extent& rows, const Extent& cols);
  /// The matrices of `rows` each that are one tensor in `role`, one after another.
  std::vector<Matrix> stacked(const std::string& role, int layer, const std::vector<Extent>& rows, const Extent& cols);
  /// The vector in `role`, decoded; empty when `presence` allows and the file has none.
  Vector vector(const std::string& role, int layer, const Extent& size, Presence presence);
  const Names& names() const { return names_; }
  const std::set<std::string>& used() const { return used_; }

 private:
  const container::Tensor& take(const std::string& name);
  const quant::Format& format(const container::Tensor& tensor) const;
  Vector decode(const container::Tensor& tensor) const;
  std::string advice(const std::vector<const Extent*>& wrong) const;

  const Numbers& numbers_;
  const Names& names_;
  const container::Gguf& file_;
  std::set<std::string> used_;
};

/// Refuses a metadata key under the architecture's prefix that is no parameter's and not harmless: leaving it out might
/// give other answers than the model's.
void account_for_keys(Numbers& numbers, const Names& names);
/// The same for a tensor that is not among `used`.
void account_for_tensors(Numbers& numbers, const Names& names, const std::set<std::string>& used);

/// As resolve(file), with a spec and names that need not be in this build.
Blueprint resolve(const container::Gguf& file, const Spec& spec, const Names& names);

}  // namespace ingot::foundry
