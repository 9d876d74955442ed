// How a format is encoded, derived from its accessors: which bits of a block hold which code, scale and minimum is
// found by asking the accessors about blocks with single bits set, and what codes stand for by asking about every code.
// So a format says what its bytes mean, and nothing of how they are written. The search for the best bytes is a kernel
// (kernels/encode), which reads what is made here.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "quant/encode_form.h"
#include "quant/format.h"

namespace ingot::quant {

/// A format as its encoder sees it.
class Encoding {
 public:
  /// Made on the first call for a format, from any thread; lives as long as the process. Throws ingot::Error where the
  /// accessors do not tell how blocks are written: bits that no accessor reads alone, codebooks of more than 4096
  /// words.
  static const Encoding& of(const Format& format);

  /// Null where `of` would throw: the format cannot be encoded.
  static const Encoding* find(const Format& format);

  const EncodeForm& form() const { return form_; }
  Encoding(const Encoding&) = delete;

 private:
  explicit Encoding(const Format& format);
  void place_fields(const Format& format, const struct Placement& placement);
  void take_codebook(const Format& format, const struct Placement& placement);
  void take_codes(const Format& format, const struct Placement& placement);
  void take_digits(const Format& format, const struct Placement& placement, u32 base);

  EncodeForm form_ = {};
  std::vector<EncodePiece> pieces_;
  std::vector<EncodeDigits> digits_;
  std::vector<std::vector<u8>> digit_bytes_;
  std::vector<i8> book_values_[2][2];
  std::vector<u32> book_codes_[2][2];
};

}  // namespace ingot::quant
