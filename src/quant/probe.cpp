#include "quant/probe.h"

#include <algorithm>
#include <cstdlib>

namespace ingot::quant {

namespace {

class Prober {
 public:
  explicit Prober(const Format& format) : format_(format), a_(format.accessors), block_(format.block_bytes) {}

  Placement run() {
    list_fields();
    for (const Field& f : p_.fields)
      p_.places.push_back({std::vector<int>(width(f), -1), static_cast<uint32_t>(read(f))});
    sums_.resize(p_.fields.size());
    for (int byte = 0; byte < format_.block_bytes; byte++) ask_byte(byte);
    place_sums();
    return std::move(p_);
  }

 private:
  int groups() const { return format_.block / format_.group; }

  void list_fields() {
    const int codes = format_.kind == ValueKind::vector ? format_.block / 8 : format_.block;
    auto add = [this](Field::Kind kind, int count) {
      for (int i = 0; i < count; i++) p_.fields.push_back({kind, i});
    };
    add(Field::code, codes);
    if (a_.scale) add(Field::scale, a_.scale_per_group ? groups() : 1);
    if (a_.sub) add(Field::sub, groups());
    if (a_.min) add(Field::min, a_.min_per_group ? groups() : 1);
    if (a_.sub_min) add(Field::sub_min, groups());
  }
  size_t width(const Field& f) const {
    switch (f.kind) {
      case Field::code: return static_cast<size_t>(a_.number.bits ? a_.number.bits : format_.code_bits);
      case Field::scale: return static_cast<size_t>(a_.scale_number.bits);
      case Field::min: return static_cast<size_t>(a_.min_number.bits);
      default: return 0;  // as many as are found
    }
  }
  int64_t read(const Field& f) const {
    switch (f.kind) {
      case Field::code: return a_.code(block_.data(), f.index);
      case Field::scale: return a_.scale(block_.data(), f.index);
      case Field::sub: return a_.sub(block_.data(), f.index);
      case Field::min: return a_.min(block_.data(), f.index);
      case Field::sub_min: break;
    }
    return a_.sub_min(block_.data(), f.index);
  }
  static bool is_integer(const Field& f) { return f.kind == Field::sub || f.kind == Field::sub_min; }

  void ask_byte(int byte) {
    std::vector<int> moved;  // codes that this byte has a part in
    std::vector<uint32_t> turned[8];
    for (int bit = 0; bit < 8; bit++) {
      block_[byte] = static_cast<std::byte>(1 << bit);
      for (size_t n = 0; n < p_.fields.size(); n++) {
        const Field& f = p_.fields[n];
        const int64_t value = read(f);
        if (is_integer(f)) {
          if (const int more = static_cast<int>(value) - static_cast<int>(p_.places[n].of_zeros))
            sums_[n].push_back({more, 8 * byte + bit});
          continue;
        }
        const uint32_t difference = static_cast<uint32_t>(value) ^ p_.places[n].of_zeros;
        if (!difference) continue;
        if (f.kind == Field::code && std::ranges::find(moved, static_cast<int>(n)) == moved.end())
          moved.push_back(static_cast<int>(n));
        for (size_t k = 0; k < p_.places[n].bits.size(); k++)
          if (difference >> k & 1 && p_.places[n].bits[k] < 0) p_.places[n].bits[k] = 8 * byte + bit;
      }
    }
    if (!moved.empty() && !linear(byte, moved)) ask_digits(byte, moved);
    block_[byte] = std::byte{0};
  }

  // Whether the codes that a byte has a part in are the exclusive or of what its bits do alone.
  bool linear(int byte, const std::vector<int>& moved) {
    for (int n : moved) {
      uint32_t alone[8];
      for (int bit = 0; bit < 8; bit++) {
        block_[byte] = static_cast<std::byte>(1 << bit);
        alone[bit] = static_cast<uint32_t>(read(p_.fields[n])) ^ p_.places[n].of_zeros;
      }
      for (int value = 0; value < 256; value++) {
        block_[byte] = static_cast<std::byte>(value);
        uint32_t expected = p_.places[n].of_zeros;
        for (int bit = 0; bit < 8; bit++)
          if (value >> bit & 1) expected ^= alone[bit];
        if (static_cast<uint32_t>(read(p_.fields[n])) != expected) return false;
      }
    }
    return true;
  }

  void ask_digits(int byte, const std::vector<int>& moved) {
    DigitByte d{byte, moved, {}};
    for (int value = 0; value < 256; value++) {
      block_[byte] = static_cast<std::byte>(value);
      std::vector<uint32_t> codes;
      for (int n : moved) codes.push_back(static_cast<uint32_t>(read(p_.fields[n])));
      d.codes.push_back(std::move(codes));
    }
    for (int n : moved) p_.places[n].bits.assign(p_.places[n].bits.size(), -1);
    p_.digits.push_back(std::move(d));
  }

  // An integer is what it is for zeros plus what each of its bits adds; equal ones of other groups have their bits in
  // the same order, by how much they add.
  void place_sums() {
    for (size_t n = 0; n < p_.fields.size(); n++) {
      const Field& f = p_.fields[n];
      if (!is_integer(f)) continue;
      std::ranges::sort(sums_[n], {}, [](const Addend& a) { return std::pair(std::abs(a.more), a.bit); });
      std::vector<int>& values = f.kind == Field::sub ? p_.sub_values : p_.sub_min_values;
      if (values.empty() && sums_[n].size() <= 8) {
        values.assign(size_t{1} << sums_[n].size(), static_cast<int>(p_.places[n].of_zeros));
        for (size_t pattern = 0; pattern < values.size(); pattern++)
          for (size_t k = 0; k < sums_[n].size(); k++)
            if (pattern >> k & 1) values[pattern] += sums_[n][k].more;
      }
      for (const Addend& a : sums_[n]) p_.places[n].bits.push_back(a.bit);
      p_.places[n].of_zeros = 0;  // the pattern of zeros
    }
  }

  struct Addend {
    int more, bit;
  };
  const Format& format_;
  const Accessors& a_;
  std::vector<std::byte> block_;
  Placement p_;
  std::vector<std::vector<Addend>> sums_;
};

}  // namespace

Placement probe(const Format& format) { return Prober(format).run(); }

}  // namespace ingot::quant
