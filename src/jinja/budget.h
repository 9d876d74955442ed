// What one rendering may cost. A template comes with a model file from anywhere, so its work is counted: steps (a node
// evaluated, an element visited, 64 bytes copied), bytes held at a time, and how deep things nest. Whoever exceeds a
// limit ends in an error.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ingot/error.h"

namespace ingot::jinja {

struct Limits {
  uint64_t steps = 2'000'000;
  size_t memory_bytes = size_t{16} << 20;  ///< strings and containers alive at a time
  size_t text_bytes = size_t{1} << 20;     ///< the result, and any single string
  int depth = 1000;                        ///< evaluations inside each other
  /// Limits for a conversation of that size: long inputs may take more of everything but depth.
  static Limits for_input(size_t bytes) {
    Limits l;
    l.steps += 64 * uint64_t{bytes};
    l.memory_bytes += 32 * bytes;
    l.text_bytes += 4 * bytes;
    return l;
  }
};

constexpr size_t max_source_bytes = size_t{512} << 10;  ///< a template's own text
constexpr int max_nesting = 200;                        ///< of brackets, operators and blocks in a template
constexpr int max_value_depth = 200;                    ///< of lists in lists

/// What a rendering took.
struct Spent {
  uint64_t steps = 0;
  size_t memory_bytes = 0;  ///< at most, at a time
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits(limits) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void step(uint64_t n = 1) {
    if ((steps_ += n) > limits.steps) refuse("steps", limits.steps);
  }
  /// The work of copying or comparing so many bytes.
  void copy(size_t bytes) { step(bytes / 64); }
  void take(size_t bytes) {
    if ((held_ += bytes) > limits.memory_bytes) refuse("bytes of memory", limits.memory_bytes);
    max_held_ = std::max(max_held_, held_);
  }
  void give_back(size_t bytes) { held_ -= bytes; }
  Spent spent() const { return {steps_, max_held_}; }
  void check_text(size_t bytes) const {
    if (bytes > limits.text_bytes) refuse("bytes in one text", limits.text_bytes);
  }

  const Limits limits;
  int line = 0;  ///< of the template, for errors

 private:
  [[noreturn]] void refuse(const char* what, uint64_t limit) const {
    throw Error("jinja", "line " + std::to_string(line) + ": the template does too much", "",
                "at most " + std::to_string(limit) + " " + what,
                "this is a fault of the template, or it was made to harm");
  }
  uint64_t steps_ = 0;
  size_t held_ = 0, max_held_ = 0;
};

}  // namespace ingot::jinja
