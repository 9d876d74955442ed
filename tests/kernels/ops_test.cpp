// Norm, quantize, rope, attention and gate on every instruction set that this machine has, against their plain twins, and
// against each other bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "backends/cpu/kernels.h"

namespace ingot::cpu {
namespace {
#include "dialect/cpp.h"
#include "attend/plain.h"
#include "gate/plain.h"
#include "norm/plain.h"
#include "rope/plain.h"

std::vector<float> normal(size_t n, uint32_t seed, float size = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> d(0, size);
  std::vector<float> v(n);
  for (float& x : v) x = d(random);
  return v;
}

std::vector<const Isa*> here() {
  std::vector<const Isa*> list;
  for (int i = 0; i < isas().count; i++) {
    if (isas().begin[i]->supported()) list.push_back(isas().begin[i]);
    else std::printf("this machine cannot run %s: not tested here\n", isas().begin[i]->name);
  }
  return list;
}

// Results of `f` on every instruction set; they must be equal bit for bit. Returns the first.
template <class F> auto same_everywhere(F f) {
  auto first = f(*here().front());
  for (const Isa* isa : here()) EXPECT_EQ(f(*isa), first) << isa->name;
  return first;
}

TEST(Norm, NearThePlainTwin) {
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
    int most = 0;
    for (i8 c : codes) most = std::max(most, std::abs(int(c)));
    if (n > 32) { EXPECT_EQ(most, 127); }
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

TEST(Rope, NearThePlainTwinInBothPairings) {
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

// Queries, keys and values of attention, with infinities behind the last position that is seen.
struct Attention {
  int tokens, heads, size, position, window;
  std::vector<float> query;
  std::vector<u16> keys, values;

  Attention(int tokens, int heads, int size, int position, int window)
      : tokens(tokens), heads(heads), size(size), position(position), window(window), query(normal(tokens * heads * size, 1)) {
    int seen = position + tokens, room = (seen + attend_tile - 1) / attend_tile * attend_tile;
    auto k = normal(seen * size, 2), v = normal(seen * size, 3);
    std::vector<u16> rows(seen * size);
    here().front()->ops->store_halves(k.data(), seen * size, rows.data());
    keys.assign(room * size, 0x7c00), values.assign(room * size + 16, 0x7c00);
    for (int j = 0; j < seen; j++)
      for (int i = 0; i < size; i++) keys[key_at(j, i, size)] = rows[j * size + i];
    here().front()->ops->store_halves(v.data(), seen * size, values.data());
  }
  AttendParams params(int token, int n_tokens, int head, int n_heads, float* out) const {
    int64_t offset = (int64_t(token) * heads + head) * size;
    return {query.data() + offset, int64_t(heads) * size, n_tokens, n_heads, position + token, window, keys.data(), values.data(), size, 1 / std::sqrt(float(size)), out + offset, nullptr};
  }
  std::vector<float> run(const Isa& isa, int tokens_at_once, int heads_at_once) const {
    std::vector<float> out(query.size());
    for (int t = 0; t < tokens; t += tokens_at_once)
      for (int h = 0; h < heads; h += heads_at_once) isa.ops->attend(params(t, std::min(tokens_at_once, tokens - t), h, std::min(heads_at_once, heads - h), out.data()));
    return out;
  }
};

TEST(Attend, NearThePlainTwin) {
  for (int size : {2, 8, 16, 26, 64, 80, 128, 250, 256})
    for (auto [position, window] : {std::pair{0, 0}, {5, 0}, {31, 0}, {32, 0}, {200, 0}, {100, 84}, {64, 1}, {130, 36}}) {
      Attention a(1, 1, size, position, window);
      auto out = same_everywhere([&](const Isa& isa) { return a.run(isa, 1, 1); });
      std::vector<float> plain(size);
      std::vector<double> weights(position + 1);
      attend_plain(a.params(0, 1, 0, 1, plain.data()), weights.data());
      for (int i = 0; i < size; i++) ASSERT_NEAR(out[i], plain[i], 2e-6) << size << " " << position << " " << window << " at " << i;
    }
}

TEST(Attend, TogetherOrAloneSameBits) {
  for (int size : {8, 64, 80, 90})
    for (int heads : {1, 3, 7, 32})
      for (auto [position, window] : {std::pair{0, 0}, {60, 0}, {60, 17}}) {
        Attention a(40, heads, size, position, window);
        auto alone = same_everywhere([&](const Isa& isa) { return a.run(isa, 1, 1); });
        auto together = same_everywhere([&](const Isa& isa) { return a.run(isa, attend_max_queries / heads, heads); });
        ASSERT_EQ(together, alone) << size << " " << heads << " " << position << " " << window;
      }
}

// A maximum passes over NaN, and −inf is a score like any other to it. Neither may leave an ordinary answer.
TEST(Attend, KeysThatAreNotFiniteLeaveNoAnswer) {
  constexpr u16 nan = 0x7e00, infinity = 0x7c00, minus_infinity = 0xfc00;
  for (u16 bits : {nan, infinity, minus_infinity})
    for (int window : {0, 20})
      for (int at : {39, 45, 59}) {
        Attention sound(2, 3, 64, 58, window), a = sound;
        a.keys[key_at(at, 5, 64)] = bits;
        for (const Isa* isa : here()) {
          std::vector<float> out = a.run(*isa, 2, 3), expected = sound.run(*isa, 2, 3);
          for (size_t i = 0; i < out.size(); i++) {
            int last = 58 + static_cast<int>(i) / (3 * 64);
            bool seen = at <= last && (window == 0 || at > last - window);
            if (seen) ASSERT_TRUE(std::isnan(out[i])) << isa->name << " " << bits << " " << window << " " << at << ": " << i;
            else ASSERT_EQ(out[i], expected[i]) << isa->name << " " << bits << " " << window << " " << at << ": " << i;
          }
        }
      }
}

TEST(StoreHalves, RoundsAsIeee) {
  std::vector<float> x = {0, -0.0f, 1, -1, 65504, 65519, 65520, 1e30f, -1e30f, 6.1e-5f, 5.96e-8f, 2.98e-8f, 2.99e-8f, 1e-10f, 1.00048828125f, 1.0014648f};
  std::vector<u16> expected = {0, 0x8000, 0x3c00, 0xbc00, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x03ff, 1, 0, 1, 0, 0x3c00, 0x3c02};
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

TEST(Gate, NearThePlainTwin) {
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
  for (auto [gate, up] : {std::pair{NAN, 1.0f}, {1.0f, NAN}, {INFINITY, 1.0f}, {INFINITY, 0.0f}, {-INFINITY, 1.0f}, {0.0f, INFINITY}, {-100.0f, -INFINITY}, {NAN, 0.0f}})
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
