// The kernels that know no format, beside float64: rope and the cache, attention of one token and of many, norms, the choice of a token.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "emulator/kernels.h"

namespace ingot::emulator {

namespace {

using gpu::Entry;
using gpu::i32;
using gpu::u16;

struct Heads {
  int heads, kv_heads, size;
};
constexpr Heads shapes[] = {{4, 2, 64}, {3, 1, 96}, {8, 1, 128}, {2, 1, 256}};

std::vector<float> normals(size_t n, std::mt19937& random, float by = 1) {
  std::normal_distribution<float> normal(0, by);
  std::vector<float> all(n);
  for (float& x : all) x = normal(random);
  return all;
}
const gpu::Turn* turn_at(int position, int count, Regions& memory) { return reinterpret_cast<const gpu::Turn*>(memory.make_settled(std::vector<i32>{position, count, 0})); }
float float_of_half(u16 bits) { return gpu::half_to_float(bits); }
// The nearest one, ties to even: halves of one sign are in the order of their bits.
u16 half_of(float x) {
  float size = std::fabs(x);
  u16 below = 0, above = 0x7c00;
  while (above - below > 1) {
    u16 middle = static_cast<u16>((below + above) / 2);
    (float_of_half(middle) <= size ? below : above) = middle;
  }
  float down = size - float_of_half(below), up = float_of_half(above) - size;
  return static_cast<u16>((up < down || (up == down && below % 2) ? above : below) | (x < 0 ? 0x8000 : 0));
}
bool near(double got, double expected, double by) { return std::fabs(got - expected) <= by * (std::fabs(expected) + 1); }

Entry attend_one(const Heads& h) { return {"attend_one", {std::to_string(h.size), std::to_string(gpu::attend_heads_at_once(h.heads / h.kv_heads, h.size))}, {}}; }
Entry attend_many(const Heads& h) { return {"attend_many", {std::to_string(h.size)}, {}}; }

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
  std::vector<double> turned(const float* x, int size, const std::vector<float>* norm, int position) const {
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

void check_rope(Kernels& kernels, const Heads& h, bool halves, bool normed, Findings& findings) {
  Regions memory;
  std::mt19937 random(3);
  constexpr int tokens = 3, position = 5, room = 64;
  int dims = halves ? h.size : h.size / 2;
  std::vector<float> query = normals(size_t(tokens) * h.heads * h.size, random), key = normals(size_t(tokens) * h.kv_heads * h.size, random), value = normals(key.size(), random),
                     query_norm = normals(h.size, random), key_norm = normals(h.size, random);
  Angles angles(dims, halves, room);
  size_t cached = size_t(h.kv_heads) * room * h.size;
  gpu::RopeLaunch p = {};
  p.turn = turn_at(position, tokens, memory);
  p.query = memory.make(query), p.key = memory.make(key), p.value = memory.make(value);
  if (normed) p.query_norm = memory.make(query_norm), p.key_norm = memory.make(key_norm);
  p.cosines = memory.make(angles.cosines), p.sines = memory.make(angles.sines), p.keys = memory.make<u16>(cached), p.values = memory.make<u16>(cached);
  p.tokens = tokens, p.heads = h.heads, p.kv_heads = h.kv_heads, p.head_size = h.size, p.dims = dims, p.halves = halves, p.room = room, p.epsilon = 1e-5f;
  kernels.run({"rope_store", {}, {}}, (tokens * (h.heads + h.kv_heads) + gpu::rope_warps - 1) / gpu::rope_warps, gpu::rope_warps * 32, sizeof(gpu::RopeRoom), p, memory);

  auto turned = [&](const float* x, const std::vector<float>& norm, int token) { return angles.turned(x, h.size, normed ? &norm : nullptr, position + token); };
  for (int t = 0; t < tokens; t++) {
    for (int head = 0; head < h.heads; head++) {
      size_t at = (size_t(t) * h.heads + head) * h.size;
      std::vector<double> expected = turned(&query[at], query_norm, t);
      for (int i = 0; i < h.size; i++) findings.expect(near(p.query[at + i], expected[i], 2e-6), fmt::format("rope_store: query {} for {}", p.query[at + i], expected[i]));
    }
    for (int head = 0; head < h.kv_heads; head++) {
      size_t at = (size_t(t) * h.kv_heads + head) * h.size, to = (size_t(head) * room + position + t) * h.size;
      std::vector<double> expected = turned(&key[at], key_norm, t);
      for (int i = 0; i < h.size; i++) {
        findings.expect(near(float_of_half(p.keys[to + i]), expected[i], 1e-3), fmt::format("rope_store: key {} for {}", float_of_half(p.keys[to + i]), expected[i]));
        findings.expect(p.values[to + i] == half_of(value[at + i]), "rope_store: a value is not the nearest half");
      }
    }
  }
}

// `position`: of the first of `tokens`. `planted`: an element of a key that is not finite; `own`: of the token's own, which attend_one stores. `planted`: not 0: bits that stand in its first key and are not finite.
void check_attention(Kernels& kernels, const Heads& h, int position, int tokens, int window, Findings& findings, u16 planted = 0, bool own = false) {
  Regions memory;
  std::mt19937 random(9);
  int room = (position + tokens + 63) / 64 * 64, width = h.heads * h.size, group = h.heads / h.kv_heads;
  constexpr int splits = 5;
  std::vector<u16> keys(size_t(h.kv_heads) * room * h.size), values(keys.size());
  for (size_t i = 0; i < keys.size(); i++) {  // what is not there yet holds NaNs
    bool there = int(i / h.size) % room < position + (tokens > 1 ? tokens : 0);  // attend_one stores its own
    keys[i] = there ? half_of(normals(1, random)[0]) : 0x7e00, values[i] = there ? half_of(normals(1, random)[0]) : 0x7e00;
  }
  if (planted) keys[size_t(position - (tokens == 1)) * h.size + 3] = own ? keys[0] : planted;
  std::vector<float> query = normals(size_t(tokens) * width, random);
  gpu::AttendLaunch p = {};
  p.turn = turn_at(position, tokens, memory);
  u16 *cached_keys = memory.make(keys), *cached_values = memory.make(values);
  p.query = memory.make(query), p.keys = cached_keys, p.values = cached_values, p.out = memory.make<float>(query.size());
  p.codes = {memory.make<gpu::i8>(query.size()), memory.make<float>(query.size() / 32), memory.make<i32>(query.size() / 16)};
  p.sums = memory.make<float>(size_t(width) * splits), p.most = memory.make<float>(h.heads * splits), p.totals = memory.make<float>(h.heads * splits);
  p.tokens = tokens, p.kv_heads = h.kv_heads, p.heads_a_kv_head = group, p.head_size = h.size, p.splits = splits, p.room = room, p.window = window, p.scale = 1 / std::sqrt(float(h.size));
  constexpr uint32_t threads = gpu::attend_warps * 32;
  std::string name;
  if (tokens == 1) {
    int at_once = gpu::attend_heads_at_once(group, h.size), parts = (group + at_once - 1) / at_once;
    bool normed = position % 2;
    Angles angles(h.size / 2, position % 2, position + 1);
    std::vector<float> key = normals(size_t(h.kv_heads) * h.size, random), value = normals(key.size(), random), query_norm = normals(h.size, random), key_norm = normals(h.size, random);
    if (own) key[3] = float_of_half(planted);
    gpu::RopeLaunch r = {};
    r.turn = p.turn, r.query = memory.make(query), r.key = memory.make(key), r.value = memory.make(value), r.keys = cached_keys, r.values = cached_values;
    if (normed) r.query_norm = memory.make(query_norm), r.key_norm = memory.make(key_norm);
    r.cosines = memory.make(angles.cosines), r.sines = memory.make(angles.sines);
    r.tokens = 1, r.heads = h.heads, r.kv_heads = h.kv_heads, r.head_size = h.size, r.dims = angles.dims, r.halves = angles.halves, r.room = room, r.epsilon = 1e-5f;
    p.query = nullptr;
    kernels.run(attend_one(h), int64_t(h.kv_heads) * parts * splits, threads, sizeof(gpu::AttendOneRoom), gpu::AttendOneLaunch{p, r}, memory);
    for (int head = 0; head < h.heads; head++) {
      std::vector<double> q = angles.turned(&query[size_t(head) * h.size], h.size, normed ? &query_norm : nullptr, position);
      std::copy(q.begin(), q.end(), query.begin() + size_t(head) * h.size);
    }
    for (int head = 0; head < h.kv_heads; head++) {
      std::vector<double> k = angles.turned(&key[size_t(head) * h.size], h.size, normed ? &key_norm : nullptr, position);
      for (int i = 0; i < h.size; i++) {
        size_t at = (size_t(head) * room + position) * h.size + i;
        findings.expect(own || near(float_of_half(cached_keys[at]), k[i], 1e-3), fmt::format("attend_one: key {} for {}", float_of_half(cached_keys[at]), k[i]));
        findings.expect(cached_values[at] == half_of(value[size_t(head) * h.size + i]), "attend_one: a value is not the nearest half");
        keys[at] = cached_keys[at], values[at] = cached_values[at];
      }
    }
    kernels.run({"attend_merge", {}, {}}, (width + int(threads) - 1) / int(threads), threads, sizeof(gpu::AttendMergeRoom), p, memory);
    name = attend_one(h).type();
  } else {
    int rows = gpu::attend_rows(h.size);
    kernels.run(attend_many(h), int64_t(h.kv_heads) * ((tokens * group + rows - 1) / rows), rows * 2, gpu::attend_many_room_bytes(h.size), p, memory);
    name = attend_many(h).type();
  }
  if (planted) {
    for (int t = 0; t < tokens; t++)
      for (int i = 0; i < group * h.size; i++) findings.expect(std::isnan(p.out[size_t(t) * width + i]), fmt::format("{}: a key of {:x} leaves {}", name, planted, p.out[size_t(t) * width + i]));
    return;
  }
  for (int t = 0; t < tokens; t++)
    for (int head = 0; head < h.heads; head++) {
      int last = position + t, first = window > 0 && last >= window ? last - window + 1 : 0;
      const float* q = &query[size_t(t) * width + head * h.size];
      size_t cache = size_t(head / group) * room * h.size;
      std::vector<double> weights, out(h.size);
      double most = -1e300, total = 0;
      for (int k = first; k <= last; k++) {
        double s = 0;
        for (int i = 0; i < h.size; i++) s += double(q[i]) * float_of_half(keys[cache + size_t(k) * h.size + i]);
        weights.push_back(s * p.scale), most = std::max(most, weights.back());
      }
      for (double& w : weights) w = std::exp(w - most), total += w;
      for (int k = first; k <= last; k++)
        for (int i = 0; i < h.size; i++) out[i] += weights[k - first] / total * float_of_half(values[cache + size_t(k) * h.size + i]);
      for (int i = 0; i < h.size; i++) {
        size_t at = size_t(t) * width + head * h.size + i;
        findings.expect(near(p.out[at], out[i], 1e-5), fmt::format("{}: position {} window {} token {} head {}: {} for {}", name, position, window, t, head, p.out[at], out[i]));
        if (tokens == 1) findings.expect(std::fabs(p.codes.codes[at] * double(p.codes.scales[at / 32]) - p.out[at]) <= 0.5001 * p.codes.scales[at / 32], name + ": a code");
      }
    }
}

// `large`: whether squares of the second vector leave the range of floats.
void check_norm_add(Kernels& kernels, int cols, bool large, Findings& findings) {
  Regions memory;
  std::mt19937 random(4);
  std::vector<float> block = normals(2 * size_t(cols), random);
  if (large) block[cols + 1] = 1e20f;
  std::vector<float> norm = normals(cols, random), residual = normals(block.size(), random);
  gpu::NormAddLaunch p{memory.make(block), memory.make(norm), memory.make(residual), cols, 1e-6f};
  kernels.run({"norm_add", {}, {}}, 2, gpu::split_warps * 32, sizeof(gpu::NormRoom), p, memory);
  for (int t = 0; t < 2; t++) {
    double squares = 0;
    for (int i = 0; i < cols; i++) squares += double(block[t * cols + i]) * block[t * cols + i];
    for (int i = 0; i < cols; i++) {
      double expected = residual[t * cols + i] + block[t * cols + i] / std::sqrt(squares / cols + 1e-6) * norm[i];
      if (large && t == 1) findings.expect(std::isnan(p.residual[t * cols + i]), fmt::format("norm_add: {} where squares are too large", p.residual[t * cols + i]));
      else findings.expect(near(p.residual[t * cols + i], expected, 2e-6), fmt::format("norm_add: {} for {}", p.residual[t * cols + i], expected));
    }
  }
}

void check_sample(Kernels& kernels, int vocab, int top, Findings& findings) {
  Regions memory;
  std::mt19937 random(6);
  std::vector<float> logits = normals(vocab, random, 3);
  for (int i = 0; i + 9 < vocab; i += 9) logits[i] = logits[i / 2];  // some are equal
  int parts = (vocab + gpu::sample_part - 1) / gpu::sample_part;
  gpu::SampleLaunch p = {};
  i32* turn = memory.make(std::vector<i32>{10, 3, 1, 2, 3});
  p.logits = memory.make(logits), p.part_logits = memory.make<float>(size_t(parts) * top), p.part_ids = memory.make<i32>(size_t(parts) * top);
  p.part_most = memory.make<float>(parts), p.part_total = memory.make<float>(parts), p.best_logits = memory.make<float>(top), p.best_ids = memory.make<i32>(top);
  p.log_sum = memory.make<float>(1), p.turn = reinterpret_cast<gpu::Turn*>(turn), p.vocab = vocab, p.parts = parts, p.top = top;
  kernels.run({"sample_parts", {}, {}}, parts, gpu::sample_warps * 32, sizeof(gpu::SampleRoom), p, memory);
  kernels.run({"sample_best", {}, {}}, 1, gpu::sample_warps * 32, sizeof(gpu::SampleRoom), p, memory);
  std::vector<int> order(vocab);
  for (int i = 0; i < vocab; i++) order[i] = i;
  std::ranges::sort(order, [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  double sum = 0;
  for (float x : logits) sum += std::exp(double(x) - logits[order[0]]);
  for (int k = 0; k < top; k++) {
    int expected = k < vocab ? order[k] : -1;
    findings.expect(p.best_ids[k] == expected, fmt::format("sample: {} of {}: {} for {}", k, vocab, p.best_ids[k], expected));
    if (expected >= 0) findings.expect(p.best_logits[k] == logits[expected], "sample: a logit");
  }
  findings.expect(near(p.log_sum[0], logits[order[0]] + std::log(sum), 1e-6), "sample: the logarithm of the sum");
  findings.expect(turn[0] == 13 && turn[1] == 1 && turn[2] == order[0], "sample: the next turn");
}

// One logit that is not finite, the greatest or not, makes the logarithm of the sum NaN.
void check_sample_planted(Kernels& kernels, float planted, int at, Findings& findings) {
  Regions memory;
  std::mt19937 random(8);
  constexpr int vocab = 3000, parts = (vocab + gpu::sample_part - 1) / gpu::sample_part;
  std::vector<float> logits = normals(vocab, random, 3);
  logits[at] = planted;
  gpu::SampleLaunch p = {};
  p.logits = memory.make(logits), p.part_logits = memory.make<float>(parts), p.part_ids = memory.make<i32>(parts);
  p.part_most = memory.make<float>(parts), p.part_total = memory.make<float>(parts), p.best_logits = memory.make<float>(1), p.best_ids = memory.make<i32>(1);
  p.log_sum = memory.make<float>(1), p.vocab = vocab, p.parts = parts, p.top = 1;
  kernels.run({"sample_parts", {}, {}}, parts, gpu::sample_warps * 32, sizeof(gpu::SampleRoom), p, memory);
  kernels.run({"sample_best", {}, {}}, 1, gpu::sample_warps * 32, sizeof(gpu::SampleRoom), p, memory);
  findings.expect(!std::isfinite(p.log_sum[0]), fmt::format("sample: {} among the logits leaves {}", planted, p.log_sum[0]));
}

void check_probe(Kernels& kernels, Findings& findings) {
  Regions memory;
  constexpr int pieces = 2001;
  gpu::ProbeLaunch p{memory.make(std::vector<gpu::u32>(4 * pieces, 5)), memory.make(std::vector<gpu::u32>{7}), pieces};
  kernels.run({"probe_read", {}, {}}, 3, 256, sizeof(gpu::ProbeRoom), p, memory);
  findings.expect(*p.out == 7, "probe_read: wrote without cause");
}

}  // namespace

std::vector<Entry> op_entries() {
  std::vector<Entry> all{{"rope_store", {}, {}}, {"attend_merge", {}, {}}, {"norm_add", {}, {}}, {"sample_parts", {}, {}}, {"sample_best", {}, {}}, {"probe_read", {}, {}}};
  for (const Heads& h : shapes) all.push_back(attend_one(h)), all.push_back(attend_many(h));
  return all;
}

void check_ops(Kernels& kernels, Findings& findings) {
  for (const Heads& h : shapes) {
    check_rope(kernels, h, true, h.size == 128, findings);
    check_rope(kernels, h, false, h.size == 64, findings);
    for (int position : {0, 31, 32, 130, 131}) check_attention(kernels, h, position, 1, 0, findings);
    for (int window : {1, 70}) check_attention(kernels, h, 200, 1, window, findings);
    check_attention(kernels, h, 0, 3, 0, findings);
    check_attention(kernels, h, 61, 35, 0, findings);
    check_attention(kernels, h, 90, 20, 33, findings);
    for (u16 planted : {u16(0x7e00), u16(0x7c00), u16(0xfc00)}) {
      for (int tokens : {1, 20}) check_attention(kernels, h, 90, tokens, 0, findings, planted);
      check_attention(kernels, h, 90, 1, 0, findings, planted, true);
    }
  }
  for (int cols : {32, 576})
    for (bool large : {false, true}) check_norm_add(kernels, cols, large, findings);
  for (int vocab : {5, 1024, 3000})
    for (int top : {1, 5, 64}) check_sample(kernels, vocab, top, findings);
  for (float planted : {NAN, INFINITY, -INFINITY})
    for (int at : {0, 1500, 2999}) check_sample_planted(kernels, planted, at, findings);
  check_probe(kernels, findings);
}

}  // namespace ingot::emulator
