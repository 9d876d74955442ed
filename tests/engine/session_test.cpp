// A session on the small real model: limits, truncation, repeatability, no allocation while decoding, and the same bits
// whatever the threads, chunks, layout and instruction set.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "ingot/ingot.h"
#include "support/models.h"

namespace {
std::atomic<long> allocations{0};
}

__attribute__((noinline)) void* operator new(size_t n) {
  allocations++;
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace ingot {
namespace {

class OnSmallModel : public testing::Test {
 protected:
  void SetUp() override {
    auto path = tests::model_path("smollm2-135m-instruct-q4_1.gguf");
    if (!path) GTEST_SKIP() << "no model: tools/fetch_model.sh smollm2 fetches it";
    path_ = *path;
  }
  Model load(LoadOptions options = {}) {
    options.context = 512;
    return Model::load(path_, options);
  }
  static std::vector<int32_t> tokens(int n) {
    std::vector<int32_t> ids;
    for (int i = 0; i < n; i++) ids.push_back(100 + i * 7919 % 40000);
    return ids;
  }
  std::string path_;
};

using Bits = std::vector<uint32_t>;
Bits bits_of(std::span<const float> logits) {
  Bits b(logits.size());
  std::memcpy(b.data(), logits.data(), logits.size_bytes());
  return b;
}

TEST_F(OnSmallModel, SameBitsWhateverTheWay) {
  std::vector<int32_t> ids = tokens(100);
  LoadOptions one;
  one.threads = 1;
  Model reference = load(one);
  Session first(reference);
  first.append(ids);
  Bits expected = bits_of(first.logits());
  for (int chunk : {1, 7, 64}) {
    Session s(reference);
    s.append(ids, chunk);
    EXPECT_EQ(bits_of(s.logits()), expected) << "chunk " << chunk;
  }
  for (int threads : {2, 3}) {
    LoadOptions o;
    o.threads = threads;
    Session s(load(o));
    s.append(ids);
    EXPECT_EQ(bits_of(s.logits()), expected) << threads << " threads";
  }
  LoadOptions file;
  file.repack = false;
  Session unpacked(load(file));
  unpacked.append(ids);
  EXPECT_EQ(bits_of(unpacked.logits()), expected) << "from the file";
}

TEST_F(OnSmallModel, SameBitsOnEveryInstructionSet) {
  std::vector<int32_t> ids = tokens(12);
  Bits expected;
  DeviceInfo device = devices().front();
  for (const std::string& isa : device.isas) {
    LoadOptions o;
    o.isa = isa;
    Session s(load(o));
    s.append(ids);
    Bits got = bits_of(s.logits());
    if (expected.empty()) expected = got;
    EXPECT_EQ(got, expected) << isa;
  }
  for (const std::string& isa : device.missing_isas)
    std::printf("this machine cannot run %s: not tested here\n", isa.c_str());
}

TEST_F(OnSmallModel, DecodingAllocatesNothing) {
  Model model = load();
  Session s(model);
  s.append(tokens(8));
  Sampler sampler(model, {});
  std::vector<int32_t> next = {sampler.choose(s.tokens(), s.logits())};
  s.append(next);
  long before = allocations;
  for (int i = 0; i < 100; i++) {
    next[0] = sampler.choose(s.tokens(), s.logits());
    s.append(next);
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST_F(OnSmallModel, TruncateGoesBackExactly) {
  Model model = load();
  Session s(model);
  std::vector<int32_t> a = tokens(20), b = {5, 6, 7}, c = {9};
  s.append(a);
  s.append(c);
  Bits expected = bits_of(s.logits());
  s.truncate(20);
  EXPECT_THROW(s.logits(), Error);
  s.append(b);
  s.truncate(20);
  s.append(c);
  EXPECT_EQ(bits_of(s.logits()), expected);
  EXPECT_EQ(s.size(), 21);
  EXPECT_THROW(s.truncate(22), Error);
  EXPECT_THROW(s.truncate(-1), Error);
}

TEST_F(OnSmallModel, AllLogitsAreThoseOfEachToken) {
  Model model = load();
  std::vector<int32_t> ids = tokens(37);
  Session all(model), one(model);
  all.append_all_logits(ids, [&](size_t i, std::span<const float> logits) {
    one.append(std::span(ids).subspan(i, 1));
    ASSERT_EQ(bits_of(logits), bits_of(one.logits())) << i;
  });
  EXPECT_EQ(one.size(), 37);
  EXPECT_EQ(bits_of(all.logits()), bits_of(one.logits()));
}

TEST_F(OnSmallModel, TwoSessionsDoNotMeet) {
  Model model = load();
  Session a(model), b(model), alone(model);
  std::vector<int32_t> x = tokens(10), y = {1000, 2000, 3000};
  alone.append(x);
  a.append(std::span(x).first(5));
  b.append(y);
  a.append(std::span(x).subspan(5));
  EXPECT_EQ(bits_of(a.logits()), bits_of(alone.logits()));
}

TEST_F(OnSmallModel, RefusesWhatDoesNotFit) {
  Model model = load();
  Session s(model);
  EXPECT_THROW(s.logits(), Error);
  EXPECT_THROW(s.append(std::vector<int32_t>{-1}), Error);
  EXPECT_THROW(s.append(std::vector<int32_t>{model.info().vocab}), Error);
  EXPECT_THROW(s.append(tokens(513)), Error);
  s.append(tokens(512));
  EXPECT_THROW(s.append(tokens(1)), Error);
  LoadOptions o;
  o.isa = "abacus";
  EXPECT_THROW(Model::load(path_, o), Error);
  o = {};
  o.device = "abacus";
  EXPECT_THROW(Model::load(path_, o), Error);
  o = {};
  o.threads = -3;
  EXPECT_THROW(Model::load(path_, o), Error);
  EXPECT_THROW(log_softmax({}, 0), Error);
  o = {};
  o.context = 1 << 30;
  EXPECT_THROW(Model::load(path_, o), Error);
}

TEST_F(OnSmallModel, StrictKernelsRefuseTheFileLayout) {
  LoadOptions o;
  o.strict_kernels = true;
  EXPECT_NO_THROW(explain(path_, o));
  o.repack = false;
  EXPECT_THROW(explain(path_, o), Error);
  EXPECT_THROW(Model::load(path_, o), Error);
  o.strict_kernels = false;
  int slow = 0;
  for (const StepInfo& s : explain(path_, o).steps) slow += s.slow;
  EXPECT_EQ(slow, 30 * 4 + 1);  // every projection and the head
}

TEST_F(OnSmallModel, ACallbackThatThrowsLeavesNoOldLogits) {
  Model model = load();
  Session s(model);
  s.append(tokens(3));
  EXPECT_ANY_THROW(
      s.append_all_logits(tokens(3), [](size_t, std::span<const float>) { throw std::runtime_error("enough"); }));
  EXPECT_EQ(s.size(), 6);
  EXPECT_THROW(s.logits(), Error);
}

// Asked once per step of the plan, it ends a prompt inside a chunk; the chunks before it are kept, and what goes on is
// as if nothing had been.
TEST_F(OnSmallModel, StopsInsideAChunk) {
  Model model = load();
  Session stopped(model), whole(model);
  const int steps = static_cast<int>(model.explain().steps.size());
  std::atomic<int> asked = 0;
  stopped.set_stop([&] { return ++asked > 2 * steps + steps / 2; });
  const std::vector<int32_t> prompt = tokens(100);
  EXPECT_THROW(stopped.append(prompt, 10), Error);
  EXPECT_EQ(stopped.size(), 20);
  EXPECT_LE(asked, 2 * steps + steps / 2 + 1);
  stopped.set_stop({});
  stopped.append(std::span(prompt).subspan(20));
  whole.append(prompt);
  EXPECT_TRUE(std::ranges::equal(stopped.logits(), whole.logits()));
}

TEST_F(OnSmallModel, ExplainAgreesWithItself) {
  PlanInfo plan = explain(path_, {}, 10e9);
  uint64_t bytes = 0;
  double share = 0;
  for (const StepInfo& s : plan.steps) {
    bytes += s.bytes_per_token;
    share += s.share;
    EXPECT_FALSE(s.slow) << s.name;
    EXPECT_DOUBLE_EQ(s.seconds_bound, double(s.bytes_per_token) / 10e9);
  }
  EXPECT_EQ(bytes, plan.weight_bytes_per_token);
  EXPECT_NEAR(share, 1, 1e-9);
  EXPECT_EQ(plan.steps.size(), 2 + 30 * 6u);
}

}  // namespace
}  // namespace ingot
