#include "quant/encoding.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "quant/codebook.h"
#include "quant/probe.h"

namespace ingot::quant {

namespace {

[[noreturn]] void refuse(const Format& format, const std::string& got, const std::string& expected) {
  throw Error("quant", std::string(format.name) + " cannot be encoded", got, expected,
              "see kernels/dialect/contract.h for what a format states");
}

// Levels of `values`, which have these patterns; of equal values the first.
EncodeLevels levels_of(std::vector<std::pair<int, uint32_t>> values) {
  std::ranges::stable_sort(values, {}, [](const auto& v) { return v.first; });
  EncodeLevels l = {};
  for (const auto& [value, pattern] : values) {
    if (l.count && l.values[l.count - 1] == static_cast<float>(value)) continue;
    l.patterns[value + encode_max_levels] = pattern;
    l.values[l.count++] = static_cast<float>(value);
  }
  l.steps = 1;
  for (int k = 0; k + 1 < l.count; k++) {
    l.gaps[k] = l.values[k + 1] - l.values[k], l.middles[k] = (l.values[k + 1] + l.values[k]) / 2;
    if (l.gaps[k] != 1) l.steps = 0;
  }
  l.in_order = l.steps;
  for (int k = 0; k < l.count; k++) {
    const int value = static_cast<int>(l.values[k]),
              from = static_cast<int>(l.patterns[value + encode_max_levels]) - value;
    if (k == 0) l.in_order_from = from;
    if (from != l.in_order_from) l.in_order = 0;
  }
  return l;
}

EncodeNumber number_of(const StoredNumber& n, bool per_group) {
  if (!n.bits) return {};
  return {.present = 1,
          .per_group = per_group,
          .negative = n.value(n.nearest(-1.0f)) < 0,
          .few = static_cast<i32>(n.few.size()),
          .values = n.few.data(),
          .largest = n.largest,
          .nearest = n.nearest,
          .value = n.value};
}

EncodeLevels integers_of(const std::vector<int>& values) {
  std::vector<std::pair<int, uint32_t>> pairs;
  for (size_t pattern = 0; pattern < values.size(); pattern++)
    pairs.emplace_back(values[pattern], static_cast<uint32_t>(pattern));
  return levels_of(std::move(pairs));
}

// Whether bit `k` of a code is the same bit of the block for all runs of a group.
bool is_shared(const Placement& p, int k) {
  const int at = p.places[0].bits[static_cast<size_t>(k)];
  return at >= 0 && p.places[1].bits[static_cast<size_t>(k)] == at;
}

size_t distinct_values(const Book& book, uint32_t bit, uint32_t value) {
  std::set<int> seen;
  for (size_t e = 0; e < book.words.size(); e++)
    if ((book.codes[e] & bit) == value) seen.insert(book.words[e].begin(), book.words[e].end());
  return seen.size();
}

// The bit of the codes that tells two sorts of codewords apart, with fewer values in each; 0: there is none.
uint32_t variant_bit(const Book& book) {
  uint32_t all = 0;
  for (uint32_t code : book.codes) all |= code;
  for (uint32_t bit = 1u << 31; bit; bit >>= 1)
    if (all & bit && distinct_values(book, bit, 0) < distinct_values(book, 0, 0) &&
        distinct_values(book, bit, bit) < distinct_values(book, 0, 0))
      return bit;
  return 0;
}

// The `near` members nearest to `point`, nearest first.
std::vector<size_t> nearest_words(const Book& book, const std::vector<size_t>& members, const std::vector<int>& point,
                                  size_t near) {
  std::vector<std::pair<int, size_t>> by_distance;
  by_distance.reserve(members.size());
  for (size_t e : members) {
    int distance = 0;
    for (size_t k = 0; k < point.size(); k++) {
      const int off = book.words[e][k] - point[k];
      distance += off * off;
    }
    by_distance.emplace_back(distance, e);
  }
  const auto last = by_distance.begin() + static_cast<ptrdiff_t>(std::min(near, by_distance.size()));
  std::partial_sort(by_distance.begin(), last, by_distance.end());
  std::vector<size_t> words;
  for (auto it = by_distance.begin(); it != last; ++it) words.push_back(it->second);
  return words;
}

constexpr size_t whole_book = 64, cell_words = 64, most_cells = 8192;

// The cells of the codewords whose code has `value` in `bit`.
EncodeBook cells_of(const Book& book, uint32_t bit, uint32_t value, std::vector<i8>& values, std::vector<u32>& codes) {
  std::vector<size_t> members;
  std::set<int> seen;
  for (size_t e = 0; e < book.words.size(); e++)
    if ((book.codes[e] & bit) == value) members.push_back(e), seen.insert(book.words[e].begin(), book.words[e].end());
  const std::vector<int> levels(seen.begin(), seen.end());
  const size_t length = static_cast<size_t>(book.length);
  size_t cells = 1;
  for (size_t k = 0; k < length && cells <= most_cells; k++) cells *= levels.size();
  EncodeBook to = {};
  to.first = book.first, to.length = book.length, to.levels = static_cast<i32>(levels.size());
  if (members.size() <= whole_book || cells > most_cells || levels.size() > std::size(to.middles))
    cells = 1, to.levels = 1;
  const size_t near = cells == 1 ? (std::min(members.size(), whole_book) + 7) / 8 * 8 : cell_words;
  to.near = static_cast<i32>(near);
  for (size_t n = 0; to.levels > 1 && n + 1 < levels.size(); n++)
    to.middles[n] = static_cast<float>(levels[n] + levels[n + 1]) / 2;
  values.resize(cells * length * near), codes.resize(cells * near);
  for (size_t cell = 0; cell < cells; cell++) {
    std::vector<int> point(length);
    for (size_t k = 0, rest = cell; k < length; k++, rest /= levels.size()) point[k] = levels[rest % levels.size()];
    const std::vector<size_t> words = nearest_words(book, members, point, near);
    for (size_t n = 0; n < near; n++) {
      const size_t e = words[std::min(n, words.size() - 1)];
      codes[cell * near + n] = book.codes[e];
      for (size_t k = 0; k < length; k++) values[(cell * length + k) * near + n] = static_cast<i8>(book.words[e][k]);
    }
  }
  to.values = values.data(), to.codes = codes.data();
  return to;
}

}  // namespace

// Fields, and the pieces that they are written in.
void Encoding::place_fields(const Format& format, const Placement& placement) {
  EncodeForm& f = form_;
  f.fields = static_cast<i32>(placement.fields.size());
  if (placement.fields.size() > std::size(f.zero_fields)) refuse(format, "too many fields", "at most 512");
  std::vector<bool> digit(placement.fields.size());
  for (const DigitByte& d : placement.digits)
    for (int n : d.fields) digit[static_cast<size_t>(n)] = true;
  i32* first_of_kind[] = {nullptr, &f.scale_field, &f.sub_field, &f.min_field, &f.sub_min_field};
  for (size_t n = placement.fields.size(); n-- > 0;) {
    const std::vector<int>& bits = placement.places[n].bits;
    if (i32* first = first_of_kind[placement.fields[n].kind]) *first = static_cast<i32>(n);
    f.zero_fields[n] = placement.places[n].of_zeros;
    for (size_t k = 0; k < bits.size() && !digit[n]; k++) {
      if (bits[k] < 0) continue;
      if (k > 0 && bits[k - 1] == bits[k] - 1 && bits[k] % 8 != 0) {
        pieces_.back().mask = static_cast<u8>(pieces_.back().mask << 1 | 1);
        continue;
      }
      EncodePiece piece = {};
      piece.field = static_cast<u16>(n), piece.byte = static_cast<u16>(bits[k] / 8);
      piece.from = static_cast<u8>(k), piece.shift = static_cast<u8>(bits[k] % 8), piece.mask = 1;
      piece.count = 1;
      pieces_.push_back(piece);
    }
  }
  // Alike pieces of successive fields in successive bytes are one.
  std::ranges::stable_sort(
      pieces_, {}, [](const EncodePiece& p) { return std::tuple(p.from, p.shift, p.mask, p.byte - p.field, p.field); });
  std::vector<EncodePiece> joined;
  for (const EncodePiece& p : pieces_) {
    EncodePiece* last = joined.empty() ? nullptr : &joined.back();
    const bool follows = last && last->from == p.from && last->shift == p.shift && last->mask == p.mask &&
                         last->field + last->count == p.field && last->byte + last->count == p.byte;
    if (follows)
      last->count++;
    else
      joined.push_back(p);
  }
  pieces_ = std::move(joined);
  f.pieces = static_cast<i32>(pieces_.size()), f.piece = pieces_.data();
}

void Encoding::take_codebook(const Format& format, const Placement& placement) {
  EncodeForm& f = form_;
  const Codebook c = codebook_of(format);
  f.run_of_eight = 1, f.signs = c.signs, f.books = static_cast<i32>(c.books.size()), f.variants = 1;
  for (size_t mask = 0; f.signs && mask < 256; mask++) f.sign_codes[mask] = c.sign_codes[mask];
  uint32_t bit = c.books.size() == 1 ? variant_bit(c.books[0]) : 0;
  for (int k = 0; format.group > 8 && k < format.code_bits; k++) {
    if (!is_shared(placement, k)) continue;
    if (c.books.size() > 1 || f.variant_is_shared)
      refuse(format, "several bits that all runs of a group have in common", "one");
    f.variant_is_shared = 1, bit = 1u << k;
  }
  if (bit) f.variants = 2;
  std::vector<std::pair<int, uint32_t>> levels;
  for (size_t n = 0; n < c.books.size(); n++) {
    for (int v = 0; v < f.variants; v++)
      f.book[n][v] = cells_of(c.books[n], bit, v ? bit : 0, book_values_[n][v], book_codes_[n][v]);
    for (const auto& word : c.books[n].words)
      for (int value : word) levels.emplace_back(value, 0);
  }
  f.level = levels_of(std::move(levels));
}

void Encoding::take_digits(const Format& format, const Placement& placement, u32 base) {
  for (const DigitByte& d : placement.digits) {
    EncodeDigits to = {};
    to.byte = static_cast<u16>(d.byte), to.count = static_cast<u16>(d.fields.size()), to.base = static_cast<u16>(base);
    size_t tuples = 1;
    for (size_t k = 0; k < d.fields.size() && tuples <= 256; k++) tuples *= base;
    if (d.fields.size() > std::size(to.fields) || tuples > 256)
      refuse(format, "a byte of " + std::to_string(d.fields.size()) + " codes", "codes that a byte can hold");
    std::vector<u8> bytes(tuples);
    std::vector<bool> known(tuples);
    for (size_t value = 0; value < 256; value++) {
      size_t at = 0;
      for (size_t k = 0; k < d.fields.size(); k++) at = at * base + d.codes[value][k];
      if (!known[at]) bytes[at] = static_cast<u8>(value), known[at] = true;
    }
    if (std::ranges::find(known, false) != known.end())
      refuse(format, "bytes that cannot hold every combination of their codes", "codes that are chosen freely");
    for (size_t k = 0; k < d.fields.size(); k++) to.fields[k] = static_cast<u16>(d.fields[k]);
    digit_bytes_.push_back(std::move(bytes));
    to.bytes = digit_bytes_.back().data();
    digits_.push_back(to);
  }
  form_.digits = static_cast<i32>(digits_.size()), form_.digit = digits_.data();
}

void Encoding::take_codes(const Format& format, const Placement& placement) {
  std::vector<uint32_t> codes;
  for (const DigitByte& d : placement.digits)
    for (const auto& seen : d.codes) codes.insert(codes.end(), seen.begin(), seen.end());
  for (uint32_t code = 0; placement.digits.empty() && code < 1u << format.code_bits; code++) codes.push_back(code);
  std::vector<std::pair<int, uint32_t>> levels;
  for (uint32_t code : codes) levels.emplace_back(format.accessors.value(code), code);
  form_.level = levels_of(std::move(levels));
  take_digits(format, placement, *std::ranges::max_element(codes) + 1);
}

Encoding::Encoding(const Format& format) {
  const Accessors& a = format.accessors;
  EncodeForm& f = form_;
  f.block = format.block, f.group = format.group, f.block_bytes = format.block_bytes, f.unit = a.unit;
  f.has_sub = a.sub != nullptr, f.has_sub_min = a.sub_min != nullptr;
  f.scale = number_of(a.scale_number, a.scale_per_group), f.min = number_of(a.min_number, a.min_per_group);
  f.number = number_of(a.number, false);
  if (f.number.present ? f.scale.present || f.min.present || f.has_sub : !f.scale.present)
    refuse(format, "floats with scales, or codes without", "floats alone, or codes with a scale");
  if (f.block > encode_max_block || (!f.number.present && f.block / f.group > encode_max_groups))
    refuse(format, "a block of " + std::to_string(f.block), "at most 256 weights in 16 groups");
  if (f.min.present && f.scale.per_group != f.min.per_group)
    refuse(format, "a scale for each group and a minimum for the block, or the reverse", "both alike");
  if (f.min.present && format.kind == ValueKind::vector) refuse(format, "codewords with a minimum", "a scale alone");
  if (f.has_sub_min && !f.has_sub) refuse(format, "sub-minima without sub-scales", "both or none");
  const Placement placement = probe(format);
  place_fields(format, placement);
  f.sub = integers_of(placement.sub_values), f.sub_min = integers_of(placement.sub_min_values);
  if (format.kind == ValueKind::vector)
    take_codebook(format, placement);
  else if (!f.number.present)
    take_codes(format, placement);
}

const Encoding& Encoding::of(const Format& format) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, std::unique_ptr<Encoding>> made;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Encoding>& e = made[{format.space, format.name}];
  if (!e) e.reset(new Encoding(format));
  return *e;
}

const Encoding* Encoding::find(const Format& format) {
  try {
    return &of(format);
  } catch (const Error&) { return nullptr; }
}

}  // namespace ingot::quant
