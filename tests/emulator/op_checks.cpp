// The kernels of keys and values beside float64: rope and pages, attention of rows that are alone and of several.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "emulator/kernels.h"
#include "emulator/stored_rows.h"

namespace ingot::emulator {

namespace {

using gpu::Entry;
using gpu::i32;
using gpu::u16;

struct Heads {
  int heads, kv_heads, size;
  const quant::Format* kept = nullptr;                                   // of keys and values; null: halves
  bool stored() const { return kept || size > gpu::attend_whole_head; }  // before attention of rows that are alone
};
constexpr Heads shapes[] = {{4, 2, 64}, {3, 1, 96}, {8, 1, 128}, {2, 1, 224}, {2, 1, 256}, {2, 1, 320}, {3, 1, 512}},
                narrow = {2, 1, 32};

Entry of_states(const Heads& h, const char* kernel, std::vector<std::string> arguments) {
  if (h.kept) return {kernel, std::move(arguments), {h.kept}};
  arguments.emplace_back("half_numbers");
  return {kernel, std::move(arguments), {}};
}
Entry attend_single(const Heads& h, bool alone) {
  std::vector<std::string> arguments = {std::to_string(h.size), alone ? "1" : "0"};
  return h.stored() ? of_states(h, "attend_stored", std::move(arguments))
                    : Entry{"attend_one", std::move(arguments), {}};
}
Entry attend_many(const Heads& h) { return of_states(h, "attend_many", {std::to_string(h.size)}); }
Entry rope_store(const Heads& h) { return of_states(h, "rope_store", {h.stored() ? "1" : "0"}); }
size_t rope_bytes(const Heads& h) { return h.kept ? sizeof(gpu::RopeCodedShared) : sizeof(gpu::RopeShared); }

// Sequences of a batch, and pages of theirs that lie anywhere.
struct Sequence {
  int position, count;
};
class Batch {
 public:
  Batch(std::vector<Sequence> sequences, Regions& memory) : sequences(std::move(sequences)), memory_(memory) {
    for (const Sequence& s : this->sequences)
      rows += s.count, stride_ = std::max(stride_, (s.position + s.count + 63) / 64);
    std::vector<i32> ints(4 + 8 * static_cast<size_t>(rows));
    gpu::BatchHeader& header = *reinterpret_cast<gpu::BatchHeader*>(ints.data());
    gpu::BatchLine* lines = reinterpret_cast<gpu::BatchLine*>(ints.data() + 4);
    header = {.rows = rows, .outputs = 0, .singles = 0, .several = 0};
    int row = 0, number = 0;
    for (const Sequence& s : this->sequences) {
      if (s.count == 1)
        lines[header.singles++].single_row = row;
      else
        lines[header.several].first_row = row, lines[header.several++].row_count = s.count;
      for (int i = 0; i < s.count; i++, row++)
        lines[row].position = s.position + i, lines[row].sequence = number, lines[row].alone = s.count == 1;
      number++;
    }
    singles = header.singles;
    header_ = reinterpret_cast<gpu::BatchHeader*>(memory.make_settled(ints));
  }
  /// Memory for keys and values of `h` in every page, at some distance from its beginning. What is not there holds
  /// NaNs.
  void make_pages(const Heads& h) {
    const size_t part = size_t(h.kv_heads) * StoredRow::part_halves(h.kept, h.size);
    heads = h, keys_at = 32, values_at = keys_at + int64_t(part);
    std::vector<u16*> table(sequences.size() * size_t(stride_));
    for (size_t i = table.size(); i-- > 0;)
      table[i] = memory_.make(std::vector<u16>(size_t(values_at) + part, u16{0x7e00}));
    pages = table;
    table_ = memory_.make_addresses(table);
  }
  gpu::DeviceBatch at() const { return {header_, reinterpret_cast<const gpu::PageLine*>(table_), stride_}; }
  StoredRow key(size_t sequence, int head, int position) const { return in_page(keys_at, sequence, head, position); }
  StoredRow value(size_t sequence, int head, int position) const {
    return in_page(values_at, sequence, head, position);
  }

  std::vector<Sequence> sequences;
  int rows = 0, singles = 0;
  Heads heads{};
  int64_t keys_at = 0, values_at = 0;
  std::vector<u16*> pages;  // (sequences, stride)

 private:
  StoredRow in_page(int64_t at, size_t sequence, int head, int position) const {
    u16* page = pages[sequence * size_t(stride_) + size_t(position / 64)];
    return {heads.kept, heads.size, page + at + head * int64_t(StoredRow::part_halves(heads.kept, heads.size)),
            position % 64};
  }
  Regions& memory_;
  gpu::BatchHeader* header_ = nullptr;
  u16** table_ = nullptr;
  int stride_ = 1;
};

// Angles of a rope over `dims` elements, and what a head becomes by it, in double.
struct Angles {
  int dims;
  bool halves;
  std::vector<float> cosines, sines;
  Angles(int dims, bool halves, int positions) : dims(dims), halves(halves) {
    for (int p = 0; p < positions; p++)
      for (int i = 0; i < dims / 2; i++) {
        double angle = p * std::pow(10000.0, -2.0 * i / dims);
        cosines.push_back(float(std::cos(angle))), sines.push_back(float(std::sin(angle)));
      }
  }
  std::vector<double> rotated(const float* x, int size, const std::vector<float>* norm, int position) const {
    std::vector<double> y(x, x + size);
    if (norm) {
      double squares = 0;
      for (double v : y) squares += v * v;
      for (int i = 0; i < size; i++) y[i] *= (*norm)[i] / std::sqrt(squares / size + 1e-5);
    }
    std::vector<double> out = y;
    for (int i = 0; i < dims / 2; i++) {
      int a = halves ? i : 2 * i, b = halves ? i + dims / 2 : 2 * i + 1, at = position * (dims / 2) + i;
      out[a] = y[a] * cosines[at] - y[b] * sines[at], out[b] = y[a] * sines[at] + y[b] * cosines[at];
    }
    return out;
  }
};

// Rows that are alone may be left as they are, and those past the last have no line.
void check_rope(Kernels& kernels, const Heads& h, bool halves, bool normed, Findings& findings) {
  Regions memory;
  std::mt19937 random(3);
  constexpr int past = 2;
  Batch batch({{5, 3}, {9, 1}, {62, 4}}, memory);
  batch.make_pages(h);
  int dims = halves ? h.size : h.size / 2, rows = batch.rows + past;
  std::vector<float> query = normals(size_t(rows) * h.heads * h.size, random),
                     key = normals(size_t(rows) * h.kv_heads * h.size, random);
  std::vector<float> value = normals(key.size(), random), query_norm = normals(h.size, random),
                     key_norm = normals(h.size, random);
  Angles angles(dims, halves, 66);
  gpu::RopeLaunch p = {};
  p.batch = batch.at();
  p.query = memory.make(query), p.key = memory.make(key), p.value = memory.make(value);
  if (normed) p.query_norm = memory.make(query_norm), p.key_norm = memory.make(key_norm);
  p.cosines = memory.make(angles.cosines), p.sines = memory.make(angles.sines);
  p.keys_at = batch.keys_at, p.values_at = batch.values_at;
  p.heads = h.heads, p.kv_heads = h.kv_heads, p.head_size = h.size, p.dims = dims, p.halves = halves,
  p.query_epsilon = p.key_epsilon = 1e-5f;
  kernels.run(rope_store(h), (rows * (h.heads + h.kv_heads) + gpu::rope_warps - 1) / gpu::rope_warps,
              gpu::rope_warps * 32, rope_bytes(h), p, memory);

  int row = 0;
  for (size_t s = 0; s < batch.sequences.size(); s++)
    for (int i = 0; i < batch.sequences[s].count; i++, row++) {
      int position = batch.sequences[s].position + i;
      bool left = batch.sequences[s].count == 1 && !h.stored();
      for (int head = 0; head < h.heads; head++) {
        size_t at = (size_t(row) * h.heads + head) * h.size;
        std::vector<double> expected = angles.rotated(&query[at], h.size, normed ? &query_norm : nullptr, position);
        for (int e = 0; e < h.size; e++) {
          double wanted = left ? query[at + e] : expected[e];
          findings.expect(near(p.query[at + e], wanted, left ? 0 : 2e-6),
                          fmt::format("rope_store: row {}: query {} for {}", row, p.query[at + e], wanted));
        }
      }
      for (int head = 0; head < h.kv_heads; head++) {
        size_t at = (size_t(row) * h.kv_heads + head) * h.size;
        const StoredRow to_key = batch.key(s, head, position), to_value = batch.value(s, head, position);
        std::vector<double> expected = angles.rotated(&key[at], h.size, normed ? &key_norm : nullptr, position);
        if (left) {
          findings.expect(to_key.is_new() && to_value.is_new(), "rope_store: stored a row that is alone");
          continue;
        }
        for (int e = 0; e < h.size; e++)
          findings.expect(to_key.near(e, expected[e]),
                          fmt::format("rope_store: key {} for {}", to_key.number(e), expected[e]));
        findings.expect(to_value.is_encoded(&value[at]),
                        "rope_store: a value is not stored as the processor stores it");
      }
    }
  for (size_t i = size_t(batch.rows) * h.heads * h.size; i < query.size(); i++)
    findings.expect(p.query[i] == query[i], "rope_store: wrote past the last row");
}

// Something that is not finite: in the key of a sequence's first visible position, or in the one that attend_one stores
// itself.
struct Planted {
  u16 bits = 0;
  bool own = false;
};

// Attention over random pages. Rows that are alone go through attend_one with `groups` thread groups (0: the kernel for
// one row) and attend_merge, `at_once` rows per launch; the others through attend_many.
class Attention {
 public:
  Attention(Kernels& kernels, const Heads& h, std::vector<Sequence> sequences, int window, Findings& findings,
            Planted planted = {})
      : kernels_(kernels),
        h_(h),
        window_(window),
        findings_(findings),
        planted_(planted),
        batch_(std::move(sequences), memory_) {
    batch_.make_pages(h);
    query = by_sequence(width(), 1);
    for (size_t s = 0; s < batch_.sequences.size(); s++) {
      const Sequence& q = batch_.sequences[s];
      bool alone = q.count == 1;
      std::mt19937 random(static_cast<uint32_t>(90 + s));
      for (int position = 0; position < q.position + (alone ? 0 : q.count); position++)
        for (int head = 0; head < h.kv_heads; head++)
          for (const StoredRow& row : {batch_.key(s, head, position), batch_.value(s, head, position)})
            row.encode(normals(size_t(h.size), random).data());
      if (planted.bits && !planted.own) batch_.key(s, 0, q.position - alone).plant(planted.bits);
    }
    p_.batch = batch_.at(), p_.out = memory_.make<float>(query.size()), p_.keys_at = batch_.keys_at,
    p_.values_at = batch_.values_at;
    p_.codes = {memory_.make<gpu::i8>(query.size()), memory_.make<float>(query.size() / 32),
                memory_.make<i32>(query.size() / 16)};
    p_.rows = int(query.size()) / width(), p_.kv_heads = h.kv_heads, p_.heads_per_kv_head = group(),
    p_.head_size = h.size, p_.window = window, p_.scale = 1 / std::sqrt(float(h.size));
  }

  // Bits of all rows, to be compared.
  std::vector<float> singles(int groups, int at_once) {
    constexpr uint32_t threads = gpu::attend_warps * 32;
    p_.splits = 11, p_.singles = at_once;
    p_.sums = memory_.make<float>(size_t(at_once) * width() * p_.splits);
    p_.max = memory_.make<float>(size_t(at_once) * h_.heads * p_.splits),
    p_.totals = memory_.make<float>(size_t(at_once) * h_.heads * p_.splits);
    int heads = gpu::attend_heads_at_once(group()), parts = (group() + heads - 1) / heads;
    bool normed = window_ % 2, alone = groups == 0;
    Angles angles(h_.size / 2, normed, 600);
    std::vector<float> key = by_sequence(h_.kv_heads * h_.size, 2), value = by_sequence(h_.kv_heads * h_.size, 3);
    std::mt19937 random(9);
    std::vector<float> query_norm = normals(h_.size, random), key_norm = normals(h_.size, random);
    if (planted_.own) key[3] = float_of_half(planted_.bits);
    gpu::RopeLaunch r = {};
    r.batch = p_.batch, r.query = memory_.make(query), r.key = memory_.make(key), r.value = memory_.make(value);
    if (normed) r.query_norm = memory_.make(query_norm), r.key_norm = memory_.make(key_norm);
    r.cosines = memory_.make(angles.cosines), r.sines = memory_.make(angles.sines);
    r.dims = angles.dims, r.halves = angles.halves, r.query_epsilon = r.key_epsilon = 1e-5f;
    if (h_.stored()) {
      r.keys_at = p_.keys_at, r.values_at = p_.values_at;
      r.heads = h_.heads, r.kv_heads = h_.kv_heads, r.head_size = h_.size;
      kernels_.run(rope_store(h_), (p_.rows * (h_.heads + h_.kv_heads) + gpu::rope_warps - 1) / gpu::rope_warps,
                   gpu::rope_warps * 32, rope_bytes(h_), r, memory_);
      p_.query = r.query;
    }
    for (p_.first_single = 0; p_.first_single < batch_.singles; p_.first_single += at_once) {
      int64_t items = int64_t(h_.kv_heads) * parts * p_.splits;
      if (h_.stored())
        kernels_.run(attend_single(h_, alone), alone ? items : groups, threads,
                     gpu::attend_stored_shared_bytes(h_.size), p_, memory_);
      else
        kernels_.run(attend_single(h_, alone), alone ? items : groups, threads, gpu::attend_one_room_bytes(h_.size),
                     gpu::AttendOneLaunch{p_, r}, memory_);
      kernels_.run({"attend_merge", {}, {}}, (width() + int(threads) - 1) / int(threads) * at_once, threads,
                   sizeof(gpu::AttendMergeShared), p_, memory_);
    }
    int row = 0;
    for (size_t s = 0; s < batch_.sequences.size(); row += batch_.sequences[s++].count) {
      int position = batch_.sequences[s].position;
      if (batch_.sequences[s].count > 1) continue;
      for (int head = 0; head < h_.heads; head++) {
        float* from = &query[(size_t(row) * h_.heads + head) * h_.size];
        std::vector<double> q = angles.rotated(from, h_.size, normed ? &query_norm : nullptr, position);
        std::copy(q.begin(), q.end(), from);
      }
      for (int head = 0; head < h_.kv_heads; head++) {
        size_t at = (size_t(row) * h_.kv_heads + head) * h_.size;
        std::vector<double> k = angles.rotated(&key[at], h_.size, normed ? &key_norm : nullptr, position);
        const StoredRow stored = batch_.key(s, head, position);
        for (int i = 0; i < h_.size; i++)
          findings_.expect(planted_.own || stored.near(i, k[i]),
                           fmt::format("attend_one: key {} for {}", stored.number(i), k[i]));
        findings_.expect(batch_.value(s, head, position).is_encoded(&value[at]),
                         "attend_one: a value is not stored as the processor stores it");
      }
      check_rows(s, row, true);
    }
    return {p_.out, p_.out + query.size()};
  }

  void several(int spare_groups) {
    float* rotated = memory_.make(query);
    p_.query = rotated;
    int rows = gpu::attend_rows(h_.size), tiles = spare_groups;
    for (const Sequence& s : batch_.sequences) tiles += s.count > 1 ? (s.count * group() + rows - 1) / rows : 0;
    kernels_.run(attend_many(h_), int64_t(h_.kv_heads) * tiles, gpu::attend_warps * 32,
                 gpu::attend_many_shared_bytes(h_.size), p_, memory_);
    int row = 0;
    for (size_t s = 0; s < batch_.sequences.size(); row += batch_.sequences[s++].count)
      if (batch_.sequences[s].count > 1) check_rows(s, row, false);
  }

  std::vector<float> query;

 private:
  int width() const { return h_.heads * h_.size; }
  int group() const { return h_.heads / h_.kv_heads; }
  // Numbers of every row that follow from its sequence's place in the batch alone.
  std::vector<float> by_sequence(int cols, uint32_t what) const {
    std::vector<float> all;
    for (size_t s = 0; s < batch_.sequences.size(); s++) {
      std::mt19937 random(static_cast<uint32_t>(10 * s) + what);
      std::vector<float> of_sequence = normals(size_t(batch_.sequences[s].count) * cols, random);
      all.insert(all.end(), of_sequence.begin(), of_sequence.end());
    }
    return all;
  }

  // All rows of a sequence, which begin at `row`.
  void check_rows(size_t s, int row, bool coded) {
    for (int t = 0; t < batch_.sequences[s].count; t++, row++)
      for (int head = 0; head < h_.heads; head++) {
        int last = batch_.sequences[s].position + t, first = window_ > 0 && last >= window_ ? last - window_ + 1 : 0;
        size_t at = (size_t(row) * h_.heads + head) * h_.size;
        if (planted_.bits) {
          if (head < group())
            for (int i = 0; i < h_.size; i++)
              findings_.expect(std::isnan(p_.out[at + i]),
                               fmt::format("attention: a key of {:x} leaves {}", planted_.bits, p_.out[at + i]));
          continue;
        }
        std::vector<double> weights, out(h_.size);
        double max = -1e300, total = 0;
        for (int k = first; k <= last; k++) {
          double score = 0;
          const std::vector<float> key = batch_.key(s, head / group(), k).numbers();
          for (int i = 0; i < h_.size; i++) score += double(query[at + i]) * key[i];
          weights.push_back(score * p_.scale), max = std::max(max, weights.back());
        }
        for (double& w : weights) w = std::exp(w - max), total += w;
        for (int k = first; k <= last; k++) {
          const std::vector<float> value = batch_.value(s, head / group(), k).numbers();
          for (int i = 0; i < h_.size; i++) out[i] += weights[k - first] / total * value[i];
        }
        for (int i = 0; i < h_.size; i++) {
          float got = p_.out[at + i];
          findings_.expect(near(got, out[i], 1e-5),
                           fmt::format("attention: sequence {} position {} window {} head {}: {} for {}", s, last,
                                       window_, head, got, out[i]));
          if (!coded) continue;
          const int column = head * h_.size + i;
          const double scale = p_.codes.scales[column / 32 * p_.rows + row];
          findings_.expect(std::fabs(p_.codes.codes[code_at(p_.rows, row, column)] * scale - got) <= 0.5001 * scale,
                           "attend_merge: a code");
        }
      }
  }

  Regions memory_;
  Kernels& kernels_;
  Heads h_;
  int window_;
  Findings& findings_;
  Planted planted_;
  Batch batch_;
  gpu::AttendLaunch p_ = {};
};

// A row among others has the bits that it has by itself, whatever groups and launches compute it.
void check_same_bits(Kernels& kernels, const Heads& h, Findings& findings) {
  const std::vector<Sequence> several = {{130, 1}, {40, 2}, {0, 1}, {64, 1}};
  std::vector<float> one = Attention(kernels, h, {{130, 1}}, 0, findings).singles(0, 1);
  std::vector<float> all = Attention(kernels, h, several, 0, findings).singles(4, 2);
  std::vector<float> again = Attention(kernels, h, several, 0, findings).singles(7, 3);
  findings.expect(std::memcmp(all.data(), again.data(), all.size() * 4) == 0,
                  "attend_one: other bits with other groups and launches");
  findings.expect(std::memcmp(all.data(), one.data(), one.size() * 4) == 0, "attend_one: other bits beside other rows");
  // More groups than there is work for.
  std::vector<float> spare = Attention(kernels, h, {{130, 1}}, 0, findings).singles(40, 1);
  findings.expect(std::memcmp(spare.data(), one.data(), one.size() * 4) == 0,
                  "attend_one: other bits in the kernel for several rows");
}

// Rows of a sequence that come together, through rope_store and attend_many, have the bits of the same rows one at a
// time, through attend_one and attend_merge; and so have the keys and values that they leave.
void check_one_by_one(Kernels& kernels, const Heads& h, int position, int count, int window, Findings& findings,
                      bool alone_kernel = true) {
  constexpr uint32_t threads = gpu::attend_warps * 32;
  Regions memory;
  std::mt19937 random(static_cast<uint32_t>(position));
  const int width = h.heads * h.size, kv_width = h.kv_heads * h.size, group = h.heads / h.kv_heads;
  const std::vector<float> query = normals(size_t(count) * width, random),
                           key = normals(size_t(count) * kv_width, random),
                           value = normals(size_t(count) * kv_width, random);
  const Angles angles(h.size, true, position + count);
  gpu::RopeLaunch r = {};
  r.cosines = memory.make_settled(angles.cosines), r.sines = memory.make_settled(angles.sines);
  r.heads = h.heads, r.kv_heads = h.kv_heads, r.head_size = h.size, r.dims = angles.dims, r.halves = 1;
  gpu::AttendLaunch p = {};
  p.kv_heads = h.kv_heads, p.heads_per_kv_head = group, p.head_size = h.size, p.window = window, p.scale = 0.3f;
  p.splits = gpu::attend_run_of(position + count) + 1, p.singles = 1;
  auto on = [&](const Batch& batch, int row, int rows) {
    p.batch = r.batch = batch.at(), p.keys_at = r.keys_at = batch.keys_at, p.values_at = r.values_at = batch.values_at;
    auto part = [&](const std::vector<float>& all, int cols) {
      return memory.make(std::vector<float>(all.begin() + row * cols, all.begin() + (row + rows) * cols));
    };
    p.query = r.query = part(query, width), r.key = part(key, kv_width), r.value = part(value, kv_width);
    p.out = memory.make<float>(size_t(rows) * width), p.rows = rows;
  };
  Batch together({{position, count}}, memory);
  together.make_pages(h);
  for (int before = 0; before < position; before++)
    for (int head = 0; head < h.kv_heads; head++)
      for (const StoredRow& row : {together.key(0, head, before), together.value(0, head, before)})
        row.encode(normals(size_t(h.size), random).data());
  auto store = [&](int rows) {
    kernels.run(rope_store(h), (rows * (h.heads + h.kv_heads) + gpu::rope_warps - 1) / gpu::rope_warps,
                gpu::rope_warps * 32, rope_bytes(h), r, memory);
  };
  on(together, 0, count);
  store(count);
  const int rows = gpu::attend_rows(h.size), tiles = (count * group + rows - 1) / rows;
  kernels.run(attend_many(h), int64_t(h.kv_heads) * tiles, threads, gpu::attend_many_shared_bytes(h.size), p, memory);
  const std::vector<float> expected(p.out, p.out + size_t(count) * width);
  auto same = [](const void* x, const void* y, size_t bytes) { return std::memcmp(x, y, bytes) == 0; };
  for (int i = 0; i < count; i++) {
    Batch alone({{position + i, 1}}, memory);
    alone.make_pages(h);
    for (int before = 0; before < position + i; before++)
      for (int head = 0; head < h.kv_heads; head++) {
        alone.key(0, head, before).copy(together.key(0, head, before));
        alone.value(0, head, before).copy(together.value(0, head, before));
      }
    on(alone, i, 1);
    p.sums = memory.make<float>(size_t(width) * p.splits), p.max = memory.make<float>(size_t(h.heads) * p.splits),
    p.totals = memory.make<float>(size_t(h.heads) * p.splits);
    const int parts = (group + gpu::attend_heads_at_once(group) - 1) / gpu::attend_heads_at_once(group);
    const int64_t groups = int64_t(h.kv_heads) * parts * p.splits;
    if (h.stored()) {
      store(1);
      kernels.run(attend_single(h, alone_kernel), groups, threads, gpu::attend_stored_shared_bytes(h.size), p, memory);
    } else {
      kernels.run(attend_single(h, true), groups, threads, gpu::attend_one_room_bytes(h.size),
                  gpu::AttendOneLaunch{p, r}, memory);
    }
    kernels.run({"attend_merge", {}, {}}, (width + int(threads) - 1) / int(threads), threads,
                sizeof(gpu::AttendMergeShared), p, memory);
    findings.expect(
        same(p.out, &expected[size_t(i) * width], sizeof(float) * width),
        fmt::format("attention: heads of {}, window {}: position {} has other bits alone than among {} rows", h.size,
                    window, position + i, count));
    for (int head = 0; head < h.kv_heads; head++)
      findings.expect(alone.key(0, head, position + i).same_bits(together.key(0, head, position + i)) &&
                          alone.value(0, head, position + i).same_bits(together.value(0, head, position + i)),
                      "a row alone: another key or value than rope_store's");
  }
}

// Everything that reads or writes keys and values of such heads.
void check_states(Kernels& kernels, const Heads& h, Findings& findings) {
  check_rope(kernels, h, true, h.size == 128, findings);
  check_rope(kernels, h, false, h.size == 64, findings);
  for (int position : {0, 31, 32, 130, 131}) Attention(kernels, h, {{position, 1}}, 0, findings).singles(0, 1);
  for (int window : {1, 70}) Attention(kernels, h, {{200, 1}}, window, findings).singles(0, 1);
  Attention(kernels, h, {{0, 1}, {70, 2}, {64, 1}, {130, 1}}, 0, findings).singles(3, 2);
  Attention(kernels, h, {{130, 1}, {5, 1}}, 33, findings).singles(5, 4);
  check_same_bits(kernels, h, findings);
  check_one_by_one(kernels, h, 0, 3, 0, findings);
  check_one_by_one(kernels, h, 126, 4, 0, findings);
  check_one_by_one(kernels, h, 150, 3, 70, findings);
  Attention(kernels, h, {{0, 3}}, 0, findings).several(0);
  Attention(kernels, h, {{61, 35}, {3, 1}, {0, 2}}, 0, findings).several(2);
  Attention(kernels, h, {{90, 20}, {31, 3}}, 33, findings).several(1);
  for (u16 bits : {u16(0x7e00), u16(0x7c00), u16(0xfc00)}) {
    Attention(kernels, h, {{90, 1}}, 0, findings, {bits}).singles(0, 1);
    Attention(kernels, h, {{90, 20}}, 0, findings, {bits}).several(0);
    Attention(kernels, h, {{90, 1}}, 0, findings, {bits, true}).singles(0, 1);
  }
}

// The same in a few steps over the end of a page, without the kernels for one row: most of the time of a check is its
// compiler's.
void check_states_briefly(Kernels& kernels, const Heads& h, Findings& findings) {
  check_rope(kernels, h, true, true, findings);
  Attention(kernels, h, {{5, 1}, {66, 1}}, 33, findings).singles(3, 2);
  check_one_by_one(kernels, h, 63, 2, 0, findings, false);
  Attention(kernels, h, {{61, 5}, {3, 1}}, 0, findings).several(1);
  Attention(kernels, h, {{20, 1}}, 0, findings, {0x7c00, true}).singles(1, 1);
}

void add_entries(const Heads& h, std::vector<Entry>& to, bool brief = false) {
  std::vector<Entry> all = {rope_store(h), attend_single(h, false), attend_many(h)};
  if (!brief) all.push_back(attend_single(h, true));
  for (const Entry& entry : all)
    if (std::ranges::find(to, entry) == to.end()) to.push_back(entry);
}

bool keeps_states(const quant::Format& f) {
  return gpu::tiles_of(f).halves || (f.encode && gpu::tiles_of(f).scale_bytes);
}

// Of whole blocks of a format. As halves: those that check_ops leaves out. `brief`: few, of which the wide one has
// codes in two planes.
std::vector<Heads> heads_kept_as(const quant::Format& format, bool brief) {
  if (brief) return {{4, 2, 64, &format}, {1, 1, 288, quant::find_format("q5_0")}};
  const bool halves = gpu::tiles_of(format).halves;
  std::vector<Heads> all;
  for (Heads h : shapes) {
    if (h.size % format.block || (halves && h.size <= gpu::attend_whole_head)) continue;
    if (!halves) h.kept = &format;
    all.push_back(h);
  }
  return all;
}

}  // namespace

std::vector<Entry> op_entries() {
  std::vector<Entry> all;
  for (const char* name : {"attend_merge", "norm_add", "gather_rows", "sample_parts", "sample_best", "probe_read"})
    all.push_back({name, {}, {}});
  for (const Heads& h : shapes)
    if (!h.stored()) add_entries(h, all);
  add_entries(narrow, all);
  return all;
}

void check_ops(Kernels& kernels, Findings& findings) {
  for (const Heads& h : shapes)
    if (!h.stored()) check_states(kernels, h, findings);
  // Where runs of one page end, and where runs of several begin.
  check_one_by_one(kernels, narrow, 4606, 3, 0, findings);
  check_one_by_one(kernels, narrow, 4700, 2, 650, findings);
  check_rows(kernels, findings);
  check_samples(kernels, findings);
}

std::vector<Entry> states_entries(const quant::Format& format, bool brief) {
  std::vector<Entry> all = {{"attend_merge", {}, {}}};
  for (const Heads& h : heads_kept_as(format, brief)) add_entries(h, all, brief);
  return all;
}

void check_states(Kernels& kernels, const quant::Format& format, bool brief, Findings& findings) {
  const std::vector<Heads> all = heads_kept_as(format, brief);
  for (const Heads& h : all) brief ? check_states_briefly(kernels, h, findings) : check_states(kernels, h, findings);
  if (brief) return;
  for (const Heads& h : {all.front(), all.back()}) check_one_by_one(kernels, h, 4606, 3, 0, findings);
}

std::vector<Subject> states_to_check(const std::string& which) {
  if (which == "brief") return {{quant::find_format("q8_0"), true, true}};
  std::vector<Subject> all;
  for (const quant::Format& f : quant::formats())
    if (keeps_states(f) && (which == "every" || which == f.name)) all.push_back({&f, true, false});
  return all;
}

}  // namespace ingot::emulator
