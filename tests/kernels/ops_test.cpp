// Norm, quantize, rope, attention and gate on every instruction set that this machine has, against their references,
// and against each other bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "backends/cpu/kernels.h"
#include "quant/format.h"
#include "support/normal.h"

namespace ingot::cpu {
namespace {
using test::normal;
#include "dialect/cpp.h"
#include "attend/plain.h"
#include "gate/plain.h"
#include "norm/plain.h"
#include "rope/plain.h"

std::vector<const Isa*> here() {
  std::vector<const Isa*> list;
  for (int i = 0; i < isas().count; i++) {
    if (isas().begin[i]->supported())
      list.push_back(isas().begin[i]);
    else
      std::printf("this machine cannot run %s: not tested here\n", isas().begin[i]->name);
  }
  return list;
}

// Results of `f` on every instruction set; they must be equal bit for bit. Returns the first.
template <class F> auto same_everywhere(F f) {
  auto first = f(*here().front());
  for (const Isa* isa : here()) EXPECT_EQ(f(*isa), first) << isa->name;
  return first;
}

TEST(Norm, NearTheReference) {
  for (int n : {1, 7, 16, 33, 64, 100, 172, 576, 640, 2560}) {
    auto x = normal(n, n), w = normal(n, 1);
    auto y = same_everywhere([&](const Isa& isa) {
      std::vector<float> y(n);
      isa.ops->norm({x.data(), w.data(), n, 1e-5f, y.data()});
      return y;
    });
    std::vector<float> plain(n);
    norm_plain({x.data(), w.data(), n, 1e-5f, plain.data()});
    for (int i = 0; i < n; i++) ASSERT_NEAR(y[i], plain[i], 4e-7 * std::fabs(plain[i])) << i;
  }
}

// Squares that leave the range of floats would make every element 0.
TEST(Norm, TooLargeIsNotZero) {
  for (float large : {1e20f, -3e38f, INFINITY, NAN}) {
    auto x = normal(64, 1);
    x[40] = large;
    for (const Isa* isa : here()) {
      std::vector<float> y(64);
      isa->ops->norm({x.data(), nullptr, 64, 1e-5f, y.data()});
      for (float v : y) EXPECT_TRUE(std::isnan(v)) << isa->name << " " << large;
    }
  }
}

TEST(Quantize, CodesScalesAndSums) {
  for (int n : {32, 96, 576}) {
    auto x = normal(n, n);
    for (int i = 0; i < 32; i++) x[n - 32 + i] = 0;  // a chunk of zeros
    auto codes = same_everywhere([&](const Isa& isa) {
      std::vector<i8> codes(n);
      std::vector<float> scales(n / 32);
      std::vector<i16> sums(n / 16);
      isa.ops->quantize(x.data(), n, codes.data(), scales.data(), sums.data());
      for (int i = 0; i < n; i += 16) {
        int total = 0;
        for (int k = 0; k < 16; k++) total += codes[i + k];
        EXPECT_EQ(sums[i / 16], total);
      }
      for (int i = 0; i < n; i++) EXPECT_NEAR(codes[i] * scales[i / 32], x[i], scales[i / 32] * 0.501f);
      return codes;
    });
    int max = 0;
    for (i8 c : codes) max = std::max(max, std::abs(int(c)));
    if (n > 32) { EXPECT_EQ(max, 127); }
  }
}

// What cannot be rounded to codes: nothing there, too small to divide by, not a number.
TEST(Quantize, ChunksThatHaveNoScale) {
  for (float odd : {0.0f, 1e-38f, -1e-40f, 3e-31f, INFINITY, -INFINITY, NAN}) {
    std::vector<float> x(64, 1.0f);
    std::fill_n(x.begin(), 32, 0.0f);
    x[7] = odd;
    same_everywhere([&](const Isa& isa) {
      std::vector<i8> codes(64, 99);
      std::vector<float> scales(2);
      std::vector<i16> sums(4, 99);
      isa.ops->quantize(x.data(), 64, codes.data(), scales.data(), sums.data());
      for (int i = 0; i < 32; i++) EXPECT_EQ(codes[i], 0) << odd;
      EXPECT_EQ(sums[0], 0);
      EXPECT_EQ(std::isfinite(scales[0]), std::isfinite(odd)) << odd;
      EXPECT_EQ(codes[40], 127);
      return codes;
    });
  }
}

TEST(Rope, NearTheReferenceInBothPairings) {
  for (int halves : {0, 1})
    for (int dims : {32, 64, 80}) {
      auto x = normal(128, dims), c = normal(dims / 2, 1), s = normal(dims / 2, 2), plain = x;
      auto y = same_everywhere([&](const Isa& isa) {
        auto y = x;
        isa.ops->rotate({y.data(), c.data(), s.data(), dims, halves});
        return y;
      });
      rope_plain({plain.data(), c.data(), s.data(), dims, halves});
      for (int i = 0; i < 128; i++) ASSERT_NEAR(y[i], plain[i], 1e-6) << i;
      for (int i = dims; i < 128; i++) ASSERT_EQ(y[i], x[i]) << "beyond the rotated elements";
    }
}

// Memory for any call.
struct Workspace {
  std::vector<float> run, merged, values, scales;
  std::vector<i8> codes;
  std::vector<i16> sums;
  Workspace(int queries, int key_size, int value_size) {
    run.resize(queries * record(value_size)), merged.resize(run.size()), values.resize(attend_tile * value_size);
    codes.resize(queries * key_size), scales.resize(codes.size() / 32 + 1), sums.resize(codes.size() / 16 + 1);
  }
  static int record(int value_size) { return attend_header + (value_size + 15) / 16 * 16; }
  AttendWorkspace view() {
    return {run.data(), merged.data(), values.data(), codes.data(), scales.data(), sums.data()};
  }
};

// Queries, keys and values of attention in pages in any order, with infinities wherever nothing is seen.
struct Attention {
  int tokens, heads, key_size, value_size, position, window;
  std::vector<float> query;
  std::vector<i32> pages;
  std::vector<u16> memory;  // (pages, keys and values)
  i64 page_halves, values_at;

  Attention(int tokens, int heads, int key_size, int value_size, int position, int window)
      : tokens(tokens),
        heads(heads),
        key_size(key_size),
        value_size(value_size),
        position(position),
        window(window),
        query(normal(tokens * heads * key_size, 1)) {
    const int seen = position + tokens, n = (seen + attend_page - 1) / attend_page;
    page_halves = attend_page * (key_size + value_size) + 16, values_at = 2 * attend_page * key_size;
    for (int i = 0; i < n; i++) pages.push_back(i);
    std::shuffle(pages.begin(), pages.end(), std::mt19937(5));
    memory.assign(n * page_halves, 0x7c00);
    auto k = halves(normal(seen * key_size, 2)), v = halves(normal(seen * value_size, 3));
    for (int j = 0; j < seen; j++) {
      for (int i = 0; i < key_size; i++) *key(j, i) = k[j * key_size + i];
      std::copy_n(v.begin() + j * value_size, value_size, value(j));
    }
  }
  static std::vector<u16> halves(const std::vector<float>& x) {
    std::vector<u16> h(x.size());
    here().front()->ops->store_halves(x.data(), static_cast<int>(x.size()), h.data());
    return h;
  }
  u16* page(int j) { return memory.data() + pages[j / attend_page] * page_halves; }
  u16* key(int j, int i) { return page(j) + key_at(j % attend_page, i, key_size); }
  u16* value(int j) { return page(j) + attend_page * key_size + j % attend_page * value_size; }

  AttendParams params(int token, int n_tokens, int head, int n_heads, float* out) const {
    return {.query = query.data() + (int64_t(token) * heads + head) * key_size,
            .query_stride = int64_t(heads) * key_size,
            .tokens = n_tokens,
            .heads = n_heads,
            .position = position + token,
            .window = window,
            .keys = (const u8*)memory.data(),
            .values = (const u8*)memory.data() + values_at,
            .pages = pages.data(),
            .key_page_bytes = 2 * page_halves,
            .value_page_bytes = 2 * page_halves,
            .key_size = key_size,
            .value_size = value_size,
            .scale = 1 / std::sqrt(float(key_size)),
            .first_run = 0,
            .end_run = 1 << 20,
            .parts = nullptr,
            .out = out + (int64_t(token) * heads + head) * value_size,
            .out_stride = int64_t(heads) * value_size,
            .coded = nullptr,
            .workspace = {}};
  }
  template <class Call> std::vector<float> each_call(int tokens_at_once, int heads_at_once, Call call) const {
    std::vector<float> out(tokens * heads * value_size);
    for (int t = 0; t < tokens; t += tokens_at_once)
      for (int h = 0; h < heads; h += heads_at_once)
        call(params(t, std::min(tokens_at_once, tokens - t), h, std::min(heads_at_once, heads - h), out.data()));
    return out;
  }
  std::vector<float> run(const Isa& isa, int tokens_at_once, int heads_at_once,
                         const CodedStates* coded = nullptr) const {
    Workspace workspace(tokens_at_once * heads_at_once, key_size, value_size);
    return each_call(tokens_at_once, heads_at_once, [&](AttendParams p) {
      p.workspace = workspace.view(), p.coded = coded;
      isa.ops->attend(p);
    });
  }
  // Every run summed by a call of its own, the last one first, and merged after that.
  std::vector<float> run_in_parts(const Isa& isa, int tokens_at_once, int heads_at_once,
                                  const CodedStates* coded = nullptr) const {
    const int queries = tokens_at_once * heads_at_once, record = Workspace::record(value_size);
    Workspace workspace(queries, key_size, value_size);
    return each_call(tokens_at_once, heads_at_once, [&](AttendParams p) {
      const int n = p.tokens * p.heads, last = p.position + p.tokens - 1;
      const int first_run = (window > 0 && p.position >= window ? p.position - window + 1 : 0) / attend_run_positions;
      const int runs = last / attend_run_positions + 1 - first_run;
      std::vector<float> parts(runs * n * record);
      p.workspace = workspace.view(), p.coded = coded;
      float* out = std::exchange(p.out, nullptr);
      for (int run = runs - 1; run >= 0; run--) {
        p.parts = parts.data() + run * n * record, p.first_run = first_run + run, p.end_run = first_run + run + 1;
        isa.ops->attend(p);
      }
      isa.ops->attend_merge({.parts = parts.data(),
                             .runs = runs,
                             .tokens = p.tokens,
                             .heads = p.heads,
                             .value_size = value_size,
                             .merged = workspace.merged.data(),
                             .out = out,
                             .out_stride = p.out_stride});
    });
  }
};

TEST(Attend, NearTheReference) {
  for (auto [key_size, value_size] : {std::pair{2, 2},
                                      {8, 8},
                                      {16, 16},
                                      {26, 26},
                                      {64, 64},
                                      {80, 80},
                                      {128, 128},
                                      {250, 250},
                                      {256, 256},
                                      {512, 512},
                                      {1024, 1024},
                                      {96, 64},
                                      {32, 90},
                                      {576, 512}})
    for (auto [position, window] : {std::pair{0, 0},
                                    {5, 0},
                                    {31, 0},
                                    {32, 0},
                                    {63, 0},
                                    {64, 0},
                                    {200, 0},
                                    {100, 84},
                                    {64, 1},
                                    {130, 36},
                                    {511, 0},
                                    {512, 0},
                                    {1100, 0},
                                    {1100, 600},
                                    {1025, 2},
                                    {1535, 1024}}) {
      Attention a(1, 1, key_size, value_size, position, window);
      auto out = same_everywhere([&](const Isa& isa) { return a.run(isa, 1, 1); });
      std::vector<float> plain(value_size);
      std::vector<double> weights(position + 1);
      attend_plain(a.params(0, 1, 0, 1, plain.data()), weights.data());
      for (int i = 0; i < value_size; i++)
        ASSERT_NEAR(out[i], plain[i], 2e-6)
            << key_size << " " << value_size << " " << position << " " << window << " at " << i;
    }
}

TEST(Attend, TogetherAloneOrInPartsSameBits) {
  for (int size : {8, 64, 80, 90, 320})
    for (int heads : {1, 3, 7, 32})
      for (auto [position, window] : {std::pair{0, 0}, {60, 0}, {60, 17}, {500, 0}, {500, 490}, {1010, 600}}) {
        const int queries = std::min<int>(attend_max_queries, attend_max_elements / size),
                  at_once = std::min(heads, queries);
        if (size * heads * (position + 40) > 280'000) continue;  // takes long where each multiply-add is a call
        Attention a(40, heads, size, size, position, window);
        auto alone = same_everywhere([&](const Isa& isa) { return a.run(isa, 1, 1); });
        auto together = same_everywhere([&](const Isa& isa) { return a.run(isa, queries / at_once, at_once); });
        auto in_parts =
            same_everywhere([&](const Isa& isa) { return a.run_in_parts(isa, queries / at_once, at_once); });
        ASSERT_EQ(together, alone) << size << " " << heads << " " << position << " " << window;
        ASSERT_EQ(in_parts, alone) << size << " " << heads << " " << position << " " << window;
      }
}

// One key that outweighs all others by more than e^100, in the first run or a later one.
TEST(Attend, RunsWhoseMaximaAreFarApart) {
  for (int at : {3, 600, 1100}) {
    Attention a(1, 1, 64, 64, 1150, 0);
    const std::vector<float> larger = [&] {
      std::vector<float> x = a.query;
      for (float& v : x) v *= 30;
      return x;
    }();
    const std::vector<u16> key = Attention::halves(larger);
    for (int i = 0; i < 64; i++) *a.key(at, i) = key[i];
    std::vector<float> plain(64);
    std::vector<double> weights(1151);
    attend_plain(a.params(0, 1, 0, 1, plain.data()), weights.data());
    for (const Isa* isa : here())
      for (const std::vector<float>& out : {a.run(*isa, 1, 1), a.run_in_parts(*isa, 1, 1)})
        for (int i = 0; i < 64; i++) ASSERT_NEAR(out[i], plain[i], 2e-6) << isa->name << " " << at;
  }
}

// Keys and values as blocks of a format, against the reference over what the blocks and the queries' codes mean.
TEST(Attend, OverCodesNearTheReference) {
  for (const char* name : {"q8_0", "q4_0"})
    for (int size : {64, 128, 512})
      for (auto [position, window] : {std::pair{40, 0}, {700, 0}, {1100, 600}}) {
        const quant::Format& format = *quant::find_format(name);
        const size_t f = &format - quant::formats().data();
        constexpr int tokens = 3, heads = 2;
        const int seen = position + tokens;
        Attention a(tokens, heads, size, size, position, window);
        auto keys = normal(seen * size, 2), values = normal(seen * size, 3);
        const int64_t row_bytes = static_cast<int64_t>(format.row_bytes(size));
        std::vector<u8> key_rows(seen * row_bytes), value_rows(seen * row_bytes);
        format.encode(keys.data(), (std::byte*)key_rows.data(), keys.size());
        format.encode(values.data(), (std::byte*)value_rows.data(), values.size());
        format.decode((const std::byte*)key_rows.data(), keys.data(), keys.size());
        format.decode((const std::byte*)value_rows.data(), values.data(), values.size());
        auto out = same_everywhere([&](const Isa& isa) {
          const FormatKernels& kernels = *isa.formats[f];
          const int64_t group_bytes = size / format.block * kernels.tile_bytes,
                        groups = attend_page / kernels.lane_rows;
          Attention coded = a;
          coded.page_halves = (groups * group_bytes + attend_page * row_bytes) / 2;
          coded.memory.assign(coded.pages.size() * coded.page_halves, 0);
          for (int j = 0; j < seen; j++) {
            u8* page = (u8*)coded.page(j);
            const int at = j % attend_page;
            kernels.pack_one(key_rows.data() + j * row_bytes, size, at % kernels.lane_rows,
                             page + at / kernels.lane_rows * group_bytes);
            std::copy_n(value_rows.data() + j * row_bytes, row_bytes, page + groups * group_bytes + at * row_bytes);
          }
          const CodedStates states{kernels.resident, kernels.decode_row, row_bytes};
          coded.values_at = groups * group_bytes;
          const std::vector<float> together = coded.run(isa, tokens, heads, &states);
          EXPECT_EQ(coded.run_in_parts(isa, tokens, heads, &states), together);
          EXPECT_EQ(coded.run(isa, 1, 1, &states), together);
          return together;
        });
        std::vector<i8> codes(a.query.size());
        std::vector<float> scales(codes.size() / 32), plain(out.size());
        std::vector<i16> sums(codes.size() / 16);
        here().front()->ops->quantize(a.query.data(), static_cast<int>(codes.size()), codes.data(), scales.data(),
                                      sums.data());
        for (size_t i = 0; i < codes.size(); i++) a.query[i] = float(codes[i]) * scales[i / 32];
        std::vector<double> weights(seen);
        attend_plain(
            a.params(0, tokens, 0, heads, plain.data()), [&](int j, int i) { return double(keys[j * size + i]); },
            [&](int j, int i) { return double(values[j * size + i]); }, weights.data());
        for (size_t i = 0; i < out.size(); i++)
          ASSERT_NEAR(out[i], plain[i], 4e-6) << name << " " << size << " " << position << " at " << i;
      }
}

// A maximum passes over NaN, and −inf is a score like any other to it. Neither may leave an ordinary answer, in
// whichever run it is.
TEST(Attend, KeysThatAreNotFiniteLeaveNoAnswer) {
  constexpr u16 nan = 0x7e00, infinity = 0x7c00, minus_infinity = 0xfc00;
  for (auto [position, seen_at] :
       {std::pair{58, std::vector{39, 45, 59}}, {1030, std::vector{0, 511, 700, 1024, 1031}}})
    for (u16 bits : {nan, infinity, minus_infinity})
      for (int window : {0, 20, 520})
        for (int at : seen_at) {
          Attention sound(2, 3, 64, 64, position, window), a = sound;
          *a.key(at, 5) = bits;
          for (const Isa* isa : here()) {
            const std::vector<float> expected = sound.run(*isa, 2, 3);
            for (const std::vector<float>& out : {a.run(*isa, 2, 3), a.run_in_parts(*isa, 2, 3)})
              for (size_t i = 0; i < out.size(); i++) {
                int last = position + static_cast<int>(i) / (3 * 64);
                bool seen = at <= last && (window == 0 || at > last - window);
                if (seen)
                  ASSERT_TRUE(std::isnan(out[i]))
                      << isa->name << " " << bits << " " << window << " " << at << ": " << i;
                else
                  ASSERT_EQ(out[i], expected[i]) << isa->name << " " << bits << " " << window << " " << at << ": " << i;
              }
          }
        }
}

// All scores of a run not a number, the first of them or a later one.
TEST(Attend, ARunWithoutAMaximumLeavesNoAnswer) {
  for (int from : {0, 512, 1024}) {
    Attention a(1, 1, 32, 32, 1200, 0);
    for (int j = from; j < std::min(from + 512, 1201); j++) *a.key(j, 3) = 0x7e00;
    for (const Isa* isa : here())
      for (const std::vector<float>& out : {a.run(*isa, 1, 1), a.run_in_parts(*isa, 1, 1)})
        for (float x : out) ASSERT_TRUE(std::isnan(x)) << isa->name << " " << from;
  }
}

TEST(StoreHalves, RoundsAsIeee) {
  std::vector<float> x = {0,      -0.0f,   1,        -1,       65504,    65519,  65520,          1e30f,
                          -1e30f, 6.1e-5f, 5.96e-8f, 2.98e-8f, 2.99e-8f, 1e-10f, 1.00048828125f, 1.0014648f};
  std::vector<u16> expected = {0,      0x8000, 0x3c00, 0xbc00, 0x7bff, 0x7bff, 0x7c00, 0x7c00,
                               0xfc00, 0x03ff, 1,      0,      1,      0,      0x3c00, 0x3c02};
  auto halves = same_everywhere([&](const Isa& isa) {
    std::vector<u16> h(16);
    isa.ops->store_halves(x.data(), 16, h.data());
    return h;
  });
  EXPECT_EQ(halves, expected);
  auto many = normal(4096, 9, 1e-5f);
  same_everywhere([&](const Isa& isa) {
    std::vector<u16> h(4096);
    isa.ops->store_halves(many.data(), 4096, h.data());
    return h;
  });
}

TEST(Gate, NearTheReference) {
  auto gate = normal(4096, 1, 4), up = normal(4096, 2);
  gate[0] = 0, gate[1] = 100, gate[2] = -100, gate[3] = -1e6f, gate[4] = 1e6f;
  auto run = [&](bool is_silu) {
    return same_everywhere([&](const Isa& isa) {
      std::vector<float> y(4096);
      (is_silu ? isa.ops->gate_silu : isa.ops->gate_gelu_tanh)({gate.data(), up.data(), 4096, y.data()});
      return y;
    });
  };
  std::vector<float> silu = run(true), gelu = run(false), plain_silu(4096), plain_gelu(4096);
  gate_silu_plain({gate.data(), up.data(), 4096, plain_silu.data()});
  gate_gelu_tanh_plain({gate.data(), up.data(), 4096, plain_gelu.data()});
  for (int i = 0; i < 4096; i++) {
    ASSERT_NEAR(silu[i], plain_silu[i], 1e-6 * std::fabs(plain_silu[i]) + 1e-30) << gate[i];
    ASSERT_NEAR(gelu[i], plain_gelu[i], 4e-6 * std::fabs(plain_gelu[i]) + 1e-6) << gate[i];
  }
}

TEST(Gate, KeepsWhatIsNotFinite) {
  for (auto [gate, up] : {std::pair{NAN, 1.0f},
                          {1.0f, NAN},
                          {INFINITY, 1.0f},
                          {INFINITY, 0.0f},
                          {-INFINITY, 1.0f},
                          {0.0f, INFINITY},
                          {-100.0f, -INFINITY},
                          {NAN, 0.0f}})
    for (const Isa* isa : here())
      for (auto run : {isa->ops->gate_silu, isa->ops->gate_gelu_tanh}) {
        std::vector<float> gates(16, 1.0f), ups(16, 1.0f), y(16);
        gates[3] = gate, ups[3] = up;
        run({gates.data(), ups.data(), 16, y.data()});
        for (int i = 0; i < 16; i++) EXPECT_EQ(std::isfinite(y[i]), i != 3) << isa->name << " " << gate << " " << up;
      }
}

TEST(Multiply, CountsWhatItDoes) {
  for (int i = 0; i < isas().count; i++) {
    const Isa& isa = *isas().begin[i];
    if (!isa.supported()) continue;
    i64 once = isa.ops->multiply(1 << 12);
    EXPECT_GE(once, 4096 * 8 * 16) << isa.name;  // at least 8 sums of 16 products a round
    EXPECT_EQ(isa.ops->multiply(1 << 13), 2 * once) << isa.name;
  }
}

}  // namespace
}  // namespace ingot::cpu
