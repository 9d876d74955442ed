// A program against the same plan computed step by step from plain parts, and against itself: whatever else is in a
// batch, wherever a sequence's pages are, however it was cut and on how many threads, its logits are the same bits.
#include "backends/cpu/program.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends_cpu/plan_builder.h"
#include "backends_cpu/unfused.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

using plan::cpu_backend;
using plan::Options;
using tests::all_logits;
using tests::pages_from;
using tests::SmallModel;
using tests::SmallShape;
using tests::TestSequence;

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

void expect_refused(const std::function<void()>& f, const std::string& said) {
  try {
    f();
    ADD_FAILURE() << "not refused: " << said;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what() << "\n  lacks: " << said;
  }
}

struct NamedShape {
  const char* name;
  SmallShape shape;
};
void PrintTo(const NamedShape& s, std::ostream* out) { *out << s.name; }

std::vector<NamedShape> shapes() {
  SmallShape post_norms, tied, unequal, large;
  post_norms.post_norms = true;
  tied.tied = true;
  tied.formats = {"q8_0", "q4_0", "f32", "bf16", "q5_1", "q2_k", "iq4_xs", "f16", "q8_0"};
  unequal.heads = {.heads = 6, .kv_heads = 3, .key_size = 96, .value_size = 32};
  unequal.formats = {"f16", "q4_0", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_0"};
  large.heads = {.heads = 2, .kv_heads = 1, .key_size = 576, .value_size = 512};
  large.formats = unequal.formats;
  return {{"Direct", {}},
          {"PostNorms", post_norms},
          {"Tied", tied},
          {"KeysLongerThanValues", unequal},
          {"LargeHeads", large}};
}

class FusedAgainstUnfused : public testing::TestWithParam<NamedShape> {};

TEST_P(FusedAgainstUnfused, SameBits) {
  const SmallShape& shape = GetParam().shape;
  SmallModel model(shape);
  const TestSequence run(40, shape.vocab, {3});
  for (const Isa* isa : here()) {
    Unfused unfused(model.plan, *isa);
    std::vector<float> expected;
    for (size_t t = 0; t < run.tokens.size(); t++) {
      const std::vector<float> logits = unfused.token(run.tokens[t], static_cast<int>(t));
      expected.insert(expected.end(), logits.begin(), logits.end());
    }
    for (float x : expected) ASSERT_TRUE(std::isfinite(x));
    for (int threads : {1, 3})
      for (bool repack : {true, false}) {
        auto program = cpu_backend().compile(model.plan, {.threads = threads, .repack = repack, .isa = isa->name});
        for (int chunk : {1, 5, 16})
          ASSERT_EQ(all_logits(*program, shape.vocab, run, chunk), expected)
              << isa->name << ", " << threads << " threads, chunk " << chunk << ", repack " << repack;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FusedAgainstUnfused, testing::ValuesIn(shapes()),
                         [](const auto& info) { return info.param.name; });

// A small model of a long context: more than two runs of attention.
SmallShape long_shape() {
  SmallShape shape;
  shape.hidden = 64, shape.ffn = 96, shape.vocab = 50;
  shape.heads = {.heads = 6, .kv_heads = 2, .key_size = 32, .value_size = 32};
  shape.window = 600;
  shape.formats = {"q8_0", "q4_0", "q8_0", "q5_0", "q4_1", "q4_0", "q8_0", "q5_1", "q8_0"};
  shape.limits = {.context = 1344, .max_rows = 160, .max_outputs = 160};
  return shape;
}

// `tested` with other sequences around it, some of which begin and end on the way; its logits.
std::vector<float> among_others(plan::Program& program, int vocab, TestSequence tested, std::span<const int> counts) {
  TestSequence before(300, vocab, {60, 2, 61, 4, 62}, 11), after(700, vocab, pages_from(64, 11), 13);
  std::vector<float> all;
  TestSequence* const runs[] = {&before, &tested, &after};
  for (size_t i = 0; tested.left() > 0; i++) {
    const int n = counts[i % counts.size()];
    const int of[] = {i % 3 == 1 ? 0 : 7, n, i % 2 ? 1 : 9};
    const size_t first = static_cast<size_t>(std::max(0, std::min(of[0], before.left()))) * vocab;
    const size_t floats = static_cast<size_t>(std::min(n, tested.left())) * vocab;
    const std::vector<float> logits = take_step(program, vocab, runs, of);
    all.insert(all.end(), logits.begin() + first, logits.begin() + first + floats);
  }
  return all;
}

TEST(SameBits, HoweverASequenceIsRun) {
  const SmallShape shape = long_shape();
  SmallModel model(shape);
  std::vector<float> expected;
  for (const char* kept : {"f16", "q8_0"}) {
    model.plan.limits.state_format = quant::find_format(kept);
    expected.clear();
    for (const Isa* isa : here()) {
      // The last set calls a function for each fused multiply-add: shorter, over one end of a run.
      const int length = std::string(isa->name) == "portable" ? 560 : 1120, n = plan::pages_for(length);
      std::vector<int32_t> shuffled = pages_from(5, n);
      std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(3));
      const TestSequence run(length, shape.vocab, pages_from(1, n)), elsewhere(length, shape.vocab, shuffled);
      for (int threads : {1, 2, 3}) {
        auto program = cpu_backend().compile(model.plan, {.threads = threads, .isa = isa->name});
        SCOPED_TRACE(testing::Message() << kept << " on " << isa->name << ", " << threads << " threads");
        if (expected.empty()) expected = all_logits(*program, shape.vocab, run, 160);
        const std::vector<float> first(expected.begin(), expected.begin() + length * shape.vocab);
        for (int chunk : {160, 70})
          ASSERT_EQ(all_logits(*program, shape.vocab, run, chunk), first) << "chunks of " << chunk;
        if (threads == 2 && length < 600) {
          ASSERT_EQ(all_logits(*program, shape.vocab, run, 1), first) << "one by one";
        }
        ASSERT_EQ(all_logits(*program, shape.vocab, elsewhere, 97), first) << "in other pages";
        const int cuts[] = {1, 40, 2, 128, 3, 64, 1};
        ASSERT_EQ(among_others(*program, shape.vocab, elsewhere, cuts), first) << "among others";
      }
    }
  }
}

TEST(Outputs, AnyRowsOfSeveralSequences) {
  const SmallShape shape = long_shape();
  SmallModel model(shape);
  auto program = cpu_backend().compile(model.plan, {.threads = 2});
  const TestSequence a(90, shape.vocab, {0, 1}), b(20, shape.vocab, {2}, 11);
  const std::vector<float> of_a = all_logits(*program, shape.vocab, a, 1),
                           of_b = all_logits(*program, shape.vocab, b, 1);
  std::vector<int32_t> tokens = a.tokens;
  tokens.insert(tokens.end(), b.tokens.begin(), b.tokens.end());
  for (auto [first, second] : {std::pair{40, 20}, {0, 1}, {3, 0}, {1, 0}, {0, 0}}) {
    const plan::Sequence sequences[] = {a.next(90, first), b.next(20, second)};
    std::vector<float> logits(static_cast<size_t>(first + second) * shape.vocab),
        expected(of_a.end() - first * shape.vocab, of_a.end());
    expected.insert(expected.end(), of_b.end() - second * shape.vocab, of_b.end());
    EXPECT_TRUE(program->run({.tokens = tokens, .sequences = sequences}, logits, {}));
    EXPECT_EQ(logits, expected) << first << " and " << second;
  }
}

// A prefix that two sequences share, and a page that one of them copied before it wrote on.
TEST(Pages, AreSharedAndCopied) {
  const SmallShape shape = long_shape();
  SmallModel model(shape);
  auto program = cpu_backend().compile(model.plan, {.threads = 2});
  TestSequence whole(150, shape.vocab, {0, 1, 2});
  const std::vector<float> expected = all_logits(*program, shape.vocab, whole, 150);
  TestSequence first(100, shape.vocab, {4, 5, 6}), second = whole;
  all_logits(*program, shape.vocab, first, 100);
  program->states().copy(5, 7);
  second.pages = {4, 7, 8}, second.position = 100;
  const std::vector<float> rest = all_logits(*program, shape.vocab, second, 50);
  EXPECT_EQ(rest, std::vector<float>(expected.begin() + 100 * shape.vocab, expected.end()));
}

// Weights that are parts of others: gate and up of one stack, every other matrix inside a larger one.
struct Sliced {
  static SmallShape shape() {
    SmallShape s;
    s.formats = {"q8_0", "q4_k", "f16", "iq2_xs", "q6_k", "q5_1", "q5_1", "bf16", "q4_0"};
    return s;
  }
  SmallModel whole{shape()};
  plan::Plan parts;
  std::deque<std::vector<uint8_t>> bytes;

  Sliced() {
    for (plan::Step& step : whole.plan.steps)
      if (auto* gated = std::get_if<plan::GatedLinear>(&step.op)) weight(gated->up).scale = weight(gated->gate).scale;
    parts = whole.plan;
    for (plan::Step& step : parts.steps) {
      if (auto* embed = std::get_if<plan::Embed>(&step.op)) embed->table = inside(embed->table);
      if (auto* linear = std::get_if<plan::Linear>(&step.op))
        for (plan::Output& output : linear->outputs) output.weight = inside(output.weight);
      if (auto* gated = std::get_if<plan::GatedLinear>(&step.op)) {
        const plan::Weight &gate = weight(gated->gate), &up = weight(gated->up);
        std::vector<uint8_t> both(bytes_of(up), bytes_of(up) + up.bytes());
        both.insert(both.end(), bytes_of(gate), bytes_of(gate) + gate.bytes());
        gated->up = add(std::move(both), gate, up.rows + gate.rows, gate.cols), gated->gate = gated->up;
        gated->up.rows = up.rows, gated->gate.first_row = up.rows, gated->gate.rows = gate.rows;
      }
    }
  }
  plan::Weight& weight(const plan::Slice& slice) { return whole.plan.weights[slice.weight.index]; }
  static const uint8_t* bytes_of(const plan::Weight& w) { return reinterpret_cast<const uint8_t*>(w.data); }
  plan::Slice add(std::vector<uint8_t> all, const plan::Weight& like, int64_t rows, int64_t cols) {
    bytes.push_back(std::move(all));
    plan::Weight larger = like;
    larger.rows = rows, larger.cols = cols, larger.data = reinterpret_cast<const std::byte*>(bytes.back().data());
    parts.weights.push_back(larger);
    return {.weight = {static_cast<int32_t>(parts.weights.size()) - 1},
            .first_row = 0,
            .rows = rows,
            .first_col = 0,
            .cols = cols};
  }
  // Of a weight with 5 rows before and 3 after, two blocks before and one after in each row.
  plan::Slice inside(const plan::Slice& slice) {
    const plan::Weight& w = weight(slice);
    const int64_t cols = w.cols + 3 * w.format->block, rows = w.rows + 8;
    std::vector<uint8_t> all = random_rows(*w.format, rows, cols, 77);
    const uint64_t row_bytes = w.format->row_bytes(cols);
    for (int64_t r = 0; r < w.rows; r++)
      std::copy_n(bytes_of(w) + r * w.row_bytes(), w.row_bytes(),
                  all.data() + (r + 5) * row_bytes + 2 * w.format->block_bytes);
    plan::Slice larger = add(std::move(all), w, rows, cols);
    larger.first_row = 5, larger.rows = w.rows, larger.first_col = 2 * w.format->block, larger.cols = w.cols;
    return larger;
  }
};

TEST(Slices, AreReadAsTheWeightsThatTheyAre) {
  Sliced model;
  const TestSequence run(40, 100, {0});
  for (const Isa* isa : here()) {
    const std::vector<float> expected =
        all_logits(*cpu_backend().compile(model.whole.plan, {.threads = 1, .isa = isa->name}), 100, run, 16);
    for (bool repack : {true, false})
      for (int threads : {1, 3}) {
        const Options options{.threads = threads, .repack = repack, .isa = isa->name};
        EXPECT_EQ(all_logits(*cpu_backend().compile(model.parts, options), 100, run, 16), expected)
            << isa->name << " " << repack;
      }
  }
}

// The rows of an embedding without the mapping, at the places of the slice.
TEST(Slices, AreReadFromTheFile) {
  Sliced model;
  const TestSequence run(20, 100, {0});
  const std::vector<float> expected =
      all_logits(*cpu_backend().compile(model.whole.plan, {.threads = 1}), 100, run, 16);
  int reads = 0, released = 0;
  bool there = true;
  Options options{.threads = 2};
  options.read = [&](const plan::Weight& w, uint64_t at, std::span<std::byte> to) {
    EXPECT_LE(at + to.size(), w.bytes());
    std::copy_n(w.data + at, to.size(), to.data());
    reads++;
    return there;
  };
  options.release = [&](const plan::Weight&) { released++; };
  auto program = cpu_backend().compile(model.parts, options);
  EXPECT_EQ(all_logits(*program, 100, run, 16), expected);
  EXPECT_EQ(reads, 20);
  there = false;
  expect_refused([&] { all_logits(*program, 100, run, 16); }, "the model's file was changed while in use");
  // Per layer query, value and output, and the stack of gate and up; the lm_head. Key and down have numbers that need
  // no other layout.
  EXPECT_EQ(released, 2 * 4 + 1);
}

// One weight of two steps is packed once.
TEST(Slices, EqualOnesArePackedOnce) {
  SmallShape shape;
  shape.formats[0] = shape.formats[8];
  const SmallModel apart(shape);
  shape.tied = true;
  const SmallModel tied(shape);
  auto bytes = [](const SmallModel& m) { return cpu_backend().choose(m.plan, {}).resident_bytes; };
  EXPECT_EQ(bytes(apart), bytes(tied));  // the embedding itself is read from the file
  SmallModel twice(shape);
  for (plan::Step& step : twice.plan.steps)
    if (auto* linear = std::get_if<plan::Linear>(&step.op); linear && step.name == "down" && step.layer == 1)
      for (const plan::Step& other : tied.plan.steps)
        if (auto* first = std::get_if<plan::Linear>(&other.op); first && other.name == "down" && other.layer == 0)
          linear->outputs = first->outputs;
  EXPECT_LT(bytes(twice), bytes(tied));
}

TEST(Batches, AreCheckedAtTheDoor) {
  const SmallShape shape;
  SmallModel model(shape);
  auto program = cpu_backend().compile(model.plan, {.threads = 2});
  const TestSequence run(20, shape.vocab, {0});
  const std::vector<float> expected = all_logits(*program, shape.vocab, run, 10);
  std::vector<float> logits(shape.vocab);
  const std::vector<int32_t> tokens = {1, 2}, wrong = {1, shape.vocab}, gone = {program->states().pages()};
  auto refused = [&](std::span<const int32_t> ids, plan::Sequence sequence, std::span<float> to, const char* said) {
    expect_refused([&] { program->run({.tokens = ids, .sequences = {&sequence, 1}}, to, {}); }, said);
  };
  refused(tokens, run.next(3, 1), logits, "a batch's tokens are not those of its sequences");
  refused(wrong, run.next(2, 1), logits, "a token is not in the vocabulary");
  refused(tokens, {.pages = gone, .position = 0, .count = 2, .outputs = 1}, logits, "a page that is not there");
  refused(tokens, run.next(2, 2), logits, "space for logits");
  refused(tokens, run.next(2, 0), logits, "space for logits");
  refused(tokens, {.pages = run.pages, .position = 63, .count = 2, .outputs = 1}, logits, "the plan's context");
  EXPECT_EQ(all_logits(*program, shape.vocab, run, 10), expected);
}

TEST(Watch, StopsBetweenStepsAndTheBatchMayBeRunAgain) {
  const SmallShape shape = long_shape();
  SmallModel model(shape);
  for (int threads : {1, 3}) {
    auto program = cpu_backend().compile(model.plan, {.threads = threads});
    const TestSequence run(600, shape.vocab, pages_from(0, 10));
    const std::vector<float> expected = all_logits(*program, shape.vocab, run, 100);
    TestSequence again = run;
    TestSequence* const runs[] = {&again};
    const int counts[] = {100};
    std::vector<float> all;
    int asked = 0, stopped = 0;
    while (again.left() > 0) {
      const int position = again.position, stop_at = stopped++ % 9;
      plan::Watch watch;
      watch.stop = [&, n = 0]() mutable { return asked++, n++ == stop_at; };
      if (stopped % 2 == 1) {
        take_step(*program, shape.vocab, runs, counts, watch);
        ASSERT_EQ(again.position, position) << "not stopped";
      }
      const std::vector<float> logits = take_step(*program, shape.vocab, runs, counts);
      all.insert(all.end(), logits.begin(), logits.end());
    }
    EXPECT_GT(asked, 6);
    EXPECT_EQ(all, expected);
  }
}

TEST(Watch, TimesEveryStepThatIsRun) {
  const SmallShape shape;
  SmallModel model(shape);
  auto program = cpu_backend().compile(model.plan, {.threads = 2});
  std::vector<double> seconds(model.plan.steps.size());
  const TestSequence run(10, shape.vocab, {0});
  const plan::Sequence sequence = run.next(10, 0);
  EXPECT_TRUE(
      program->run({.tokens = run.tokens, .sequences = {&sequence, 1}}, {}, {.step_seconds = seconds, .stop = {}}));
  EXPECT_EQ(seconds.back(), 0) << "no logits were asked for";
  seconds.pop_back();
  for (double s : seconds) EXPECT_GT(s, 0);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) squares += std::pow(double(a[i]) - b[i], 2), size += double(b[i]) * b[i];
  return std::sqrt(squares / size);
}

// Keys and values in a format: the same bits on every instruction set, cut and thread count, and near the 16-bit
// floats.
TEST(CodedStates, SameBitsAndNearHalves) {
  const SmallShape shape;
  SmallModel model(shape);
  const TestSequence run(64, shape.vocab, {1});
  auto logits = [&](const char* isa, int chunk, int threads) {
    return all_logits(*cpu_backend().compile(model.plan, {.threads = threads, .isa = isa}), shape.vocab, run, chunk);
  };
  const std::vector<float> halves = logits("", 16, 1);
  for (auto [format, bound] : {std::pair{"q8_0", 0.05}, {"q5_0", 0.15}, {"q4_0", 0.3}}) {
    model.plan.limits.state_format = quant::find_format(format);
    const std::vector<float> first = logits("", 16, 1);
    const double far = distance(first, halves);
    EXPECT_LT(far, bound) << format;
    EXPECT_GT(far, 0) << format;
    for (const Isa* isa : here())
      for (auto [chunk, threads] : {std::pair{1, 1}, {7, 3}, {16, 2}})
        EXPECT_EQ(logits(isa->name, chunk, threads), first) << format << " " << chunk;
  }
  model.plan.limits.state_format = quant::find_format("f16");
  EXPECT_EQ(logits("", 16, 1), halves);
}

TEST(CodedStates, RefusesFormatsThatCannotHoldThem) {
  SmallModel model{SmallShape()};
  for (const char* format : {"q4_k", "q4_1", "iq2_xxs", "f32", "tq1_0"}) {
    model.plan.limits.state_format = quant::find_format(format);
    EXPECT_THROW(cpu_backend().choose(model.plan, {}), Error) << format;
  }
}

TEST(Backend, RefusesWhatItsKernelsCannotRun) {
  SmallModel model{SmallShape()};
  EXPECT_NO_THROW(cpu_backend().choose(model.plan, {}));
  expect_refused([&] { cpu_backend().choose(model.plan, {.threads = -1}); }, "the number of threads is negative");
  expect_refused([&] { cpu_backend().choose(model.plan, {.repack = false, .strict_kernels = true}); },
                 "without a fast kernel");
  SmallShape shape;
  shape.heads = {.heads = 1, .kv_heads = 1, .key_size = 32, .value_size = 8224}, shape.layers = 1,
  shape.formats[4] = "f16";
  expect_refused([&] { cpu_backend().compile(SmallModel(shape).plan, {}); },
                 "attention cannot run this head size; got 8224");
  plan::Plan headless = model.plan;
  headless.steps.erase(headless.steps.begin());
  expect_refused([&] { cpu_backend().choose(headless, {}); }, "does not begin with the embedding");
  plan::Plan broken = model.plan;
  std::get<plan::Embed>(broken.steps[0].op).table.rows++;
  expect_refused([&] { cpu_backend().compile(broken, {}); }, "a slice reaches beyond its weight");
}

}  // namespace
}  // namespace ingot::cpu
