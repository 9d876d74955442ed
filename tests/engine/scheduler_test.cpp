// Who runs when: what a step has rows of, who begins, who gives way, and how requests end.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/fake_program.h"
#include "engine/schedules.h"

namespace ingot::tests {
namespace {

std::vector<int32_t> repeated(int n, int32_t token) { return std::vector<int32_t>(static_cast<size_t>(n), token); }

class SchedulerTest : public testing::Test {
 protected:
  void start(int context, int max_rows, int max_outputs, int pages, EngineOptions options = {}) {
    fake.emplace(plan::Limits{.context = context,
                              .max_rows = max_rows,
                              .max_outputs = max_outputs,
                              .state_format = nullptr,
                              .state_bytes = 0},
                 pages);
    scheduler.emplace(
        *fake->state, *fake->state->memory,
        engine::SchedulerOptions{.engine = options, .now = [this] { return fake->program->seconds; }, .stop = {}});
  }
  /// A request that never ends by itself.
  static Request endless(std::vector<int32_t> prompt, int priority = 0) {
    Request r;
    r.prompt = std::move(prompt);
    r.sampling.ignore_end = true;
    r.priority = priority;
    return r;
  }
  struct Watched {
    Outcome outcome;
    Completion end;
    bool ended = false;
  };
  uint64_t submit(Request request, Watched* watched = nullptr) {
    if (watched) {
      record(request, watched->outcome, watched->ended);
      request.on_end = [watched, inner = request.on_end](const Completion& c) { inner(c), watched->end = c; };
    }
    const uint64_t id = next_++;
    scheduler->submit(scheduler->prepare(id, std::move(request)));
    return id;
  }
  void steps(int n) {
    for (int i = 0; i < n; i++) scheduler->step();
  }
  const std::vector<RanPart>& last() const { return fake->program->steps.back(); }
  int free_pages() const { return fake->state->memory->pool().free_pages(); }

  std::optional<FakeModel> fake;
  std::optional<engine::Scheduler> scheduler;

 private:
  uint64_t next_ = 1;
};

TEST_F(SchedulerTest, ALongPromptStallsNobody) {
  start(40000, 512, 16, 800);
  for (int i = 0; i < 8; i++) submit(endless(repeated(10 + i, 20 + i)));
  steps(4);
  EXPECT_EQ(last().size(), 8u);
  Watched prompt;
  submit(endless(repeated(32768, 9)), &prompt);
  const size_t before = fake->program->steps.size();
  const double alone = fake->program->base_seconds + 8 * fake->program->row_seconds;
  int slow = 0;
  while (prompt.outcome.tokens.empty() && fake->program->steps.size() < before + 4000) {
    const double began = fake->program->seconds;
    scheduler->step();
    int answers = 0, rows = 0;
    for (const RanPart& p : last()) answers += p.count == 1 && p.outputs == 1, rows += p.count;
    ASSERT_GE(answers, 8) << "an answer waits";
    slow += fake->program->seconds - began > 2.2 * alone;
    if (std::ranges::any_of(last(), [](const RanPart& p) { return p.first_token == 9 && p.outputs == 1; })) break;
  }
  const size_t taken = fake->program->steps.size() - before;
  EXPECT_LE(slow, 2) << "of " << taken << " steps";
  EXPECT_LT(taken, 32768 / 15u) << "more than half of what a step may take is not used";
}

TEST_F(SchedulerTest, WithNothingRunningAPromptTakesAllRows) {
  start(4096, 512, 16, 64);
  submit(endless(repeated(2000, 9)));
  std::vector<int> counts;
  for (int i = 0; i < 4; i++) steps(1), counts.push_back(last().front().count);
  EXPECT_EQ(counts, (std::vector<int>{512, 512, 512, 464}));
}

TEST_F(SchedulerTest, HigherPrioritiesBeginFirstThenWhoCameFirst) {
  start(256, 64, 4, 64, {.max_running = 1});
  std::string order;
  for (const auto& [name, priority] : {std::pair{'a', 0}, {'b', 5}, {'c', 0}, {'d', 5}, {'e', -1}}) {
    Request r = endless(repeated(5, 9), priority);
    r.max_tokens = 2;
    r.on_end = [&order, n = name](const Completion&) { order += n; };
    submit(r);
  }
  steps(20);
  EXPECT_EQ(order, "bdace");
}

TEST_F(SchedulerTest, CancellingFreesMemoryWithinAStep) {
  start(256, 64, 4, 16, {.prefix_cache = false});
  Watched running, reading, queued;
  EngineOptions options;
  const uint64_t a = submit(endless(repeated(100, 9)), &running), b = submit(endless(repeated(200, 8)), &reading);
  steps(3);
  EXPECT_LT(free_pages(), 16 - 5);
  const uint64_t c = submit(endless(repeated(10, 7)), &queued);
  for (uint64_t id : {a, b, c, c, uint64_t{99}}) scheduler->cancel(id);
  for (const Watched* w : {&running, &reading, &queued}) {
    EXPECT_TRUE(w->ended);
    EXPECT_EQ(w->end.reason, StopReason::interrupted);
    EXPECT_FALSE(w->end.error);
  }
  EXPECT_EQ(free_pages(), 16);
  EXPECT_FALSE(scheduler->has_work());
  const size_t before = fake->program->steps.size();
  steps(2);
  EXPECT_EQ(fake->program->steps.size(), before);
  EXPECT_EQ(scheduler->statistics().finished, 3u);
}

TEST_F(SchedulerTest, LimitsAreToldWhenARequestComes) {
  start(256, 64, 4, 16, {.max_running = 1, .max_queue = 2, .max_prompt = 100});
  const auto refused = [&](Request request, const std::string& why) {
    try {
      scheduler->prepare(1, std::move(request));
      ADD_FAILURE() << why;
    } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what(); }
  };
  refused(endless(repeated(101, 9)), "the prompt is too long; got 101 tokens; expected at most 100");
  refused(endless({}), "there is no text to continue");
  refused(endless({-1}), "not in the vocabulary");
  refused(endless({100000}), "not in the vocabulary");
  Request r = endless(repeated(5, 9));
  r.stop = {""};
  refused(r, "stop string is empty");
  r = endless(repeated(5, 9));
  r.sampling.top_p = 2;
  refused(r, "top_p is out of range");
  r = endless(repeated(5, 9));
  r.sampling.samplers = {"abacus"};
  refused(r, "unknown sampler");
  r = endless(repeated(5, 9));
  r.logprobs = -2;
  refused(r, "log-probabilities");
  r = endless(repeated(5, 9));
  r.context_shift = true, r.keep = 255;
  refused(r, "cannot keep that many tokens");
  EXPECT_NO_THROW(scheduler->check_queue(1));
  EXPECT_THROW(scheduler->check_queue(2), Error);
  EXPECT_THROW(start(256, 64, 4, 16, {.max_running = 5}), Error);
  EXPECT_THROW(start(256, 64, 4, 16, {.max_prompt = 257}), Error);
  EXPECT_THROW(start(256, 64, 4, 16, {.max_queue = -1}), Error);
  EXPECT_THROW(start(256, 64, 4, 16, {.max_slowdown = 0.5}), Error);
}

TEST_F(SchedulerTest, AFailureEndsOneRequestAlone) {
  start(256, 64, 8, 32);
  fake->program->poison = 77;
  Watched good, poisoned, throwing, refusing, ends_badly;
  Request request = endless(repeated(20, 9));
  request.max_tokens = 30, request.logprobs = 2;
  const Outcome expected = alone(fake->model(), request);
  submit(request, &good);
  std::vector<int32_t> bad = repeated(80, 14);
  bad[70] = 77;
  submit(endless(bad), &poisoned);
  Request r = endless(repeated(20, 10));
  record(r, throwing.outcome, throwing.ended);
  int handed_out = 0;
  r.on_token = [&](const ChosenToken&) {
    if (++handed_out == 3) throw std::runtime_error("enough");
  };
  submit(r);
  r = endless(repeated(20, 11));
  r.grammar = Grammar::from_gbnf("root ::= \"ab\" \"" + std::string(3, 'c') + "\"");
  r.sampling.logit_bias = {{3 + 'c', -INFINITY}};
  submit(r, &refusing);
  r = endless(repeated(5, 12));
  r.max_tokens = 1;
  r.on_end = [&](const Completion&) { ends_badly.ended = true, throw std::runtime_error("nobody hears it"); };
  submit(r);
  steps(60);
  EXPECT_FALSE(scheduler->has_work());
  EXPECT_EQ(good.outcome, expected);
  EXPECT_EQ(poisoned.end.reason, StopReason::failed);
  EXPECT_NE(poisoned.outcome.error.find("the model's output is not finite"), std::string::npos)
      << poisoned.outcome.error;
  EXPECT_TRUE(fake->state->memory->find_prefix(bad).empty()) << "what failed is kept for others";
  EXPECT_EQ(handed_out, 3);
  EXPECT_EQ(throwing.outcome.tokens.size(), 3u);
  EXPECT_NE(throwing.outcome.error.find("enough"), std::string::npos) << throwing.outcome.error;
  EXPECT_EQ(refusing.outcome.text, "ab");
  EXPECT_NE(refusing.outcome.error.find("no token can be chosen"), std::string::npos) << refusing.outcome.error;
  EXPECT_TRUE(ends_badly.ended);
  EXPECT_TRUE(fake->state->memory->reclaim(32));
}

TEST_F(SchedulerTest, ABrokenDeviceFailsThoseThatRan) {
  start(256, 64, 2, 32);
  Watched a, b, c;
  submit(endless(repeated(5, 9)), &a), submit(endless(repeated(5, 10)), &b);
  Request r = endless(repeated(5, 11));
  r.max_tokens = 3;
  submit(r, &c);
  steps(2);
  fake->program->breaks = true;
  steps(1);
  EXPECT_TRUE(a.ended && b.ended && !c.ended);
  EXPECT_NE(a.outcome.error.find("the device is gone"), std::string::npos);
  fake->program->breaks = false;
  steps(5);
  EXPECT_TRUE(c.ended);
  EXPECT_EQ(c.outcome.error, "");
}

TEST_F(SchedulerTest, PromptsThatBeginAlikeShareWhatWasRun) {
  start(1024, 256, 4, 64);
  const std::vector<int32_t> system = repeated(300, 9);
  Watched first, second, third;
  const auto question = [&](int32_t token) {
    Request r = endless(system);
    r.prompt.insert(r.prompt.end(), 10, token);
    r.max_tokens = 3;
    return r;
  };
  submit(question(20), &first);
  steps(2);
  submit(question(21), &second);  // while the first runs
  steps(10);
  EXPECT_EQ(first.end.cached_tokens, 0);
  EXPECT_EQ(second.end.cached_tokens, 256);
  EXPECT_EQ(second.end.prompt_tokens, 310);
  const Outcome expected = alone(fake->model(), question(20));
  submit(question(20), &third);
  steps(10);
  EXPECT_EQ(third.end.cached_tokens, 256);
  EXPECT_EQ(third.outcome, expected);
  const EngineStatistics s = scheduler->statistics();
  EXPECT_EQ(s.prefix_hits, 2u);
  EXPECT_EQ(s.prefix_misses, 1u);
  EXPECT_EQ(s.prefix_tokens, 512u);
  EXPECT_EQ(s.cached_pages, 4);
  EXPECT_EQ(s.free_pages, 60);
}

TEST_F(SchedulerTest, TheTimeInTheQueueIsTold) {
  start(1024, 256, 4, 64, {.max_running = 1});
  Watched first, second;
  for (Watched* w : {&first, &second}) {
    Request r = endless(repeated(200, w == &first ? 9 : 11));
    r.max_tokens = 3;
    submit(r, w);
  }
  steps(10);
  EXPECT_EQ(first.end.seconds_queued, 0);
  EXPECT_NEAR(second.end.seconds_queued, first.end.seconds_to_first + first.end.seconds, 1e-9);
  EXPECT_NEAR(second.end.seconds_to_first - second.end.seconds_queued, first.end.seconds_to_first, 1e-9);
}

TEST_F(SchedulerTest, WithoutAPrefixCacheNothingStays) {
  start(1024, 256, 4, 64, {.prefix_cache = false});
  for (int i = 0; i < 2; i++) {
    Watched w;
    Request r = endless(repeated(300, 9));
    r.max_tokens = 3;
    submit(r, &w);
    steps(10);
    EXPECT_EQ(w.end.cached_tokens, 0);
  }
  EXPECT_EQ(free_pages(), 64);
}

TEST_F(SchedulerTest, WhoBeganLastGivesWay) {
  start(384, 64, 4, 6);
  Watched a, b;
  Request ra = endless(repeated(100, 9)), rb = endless(repeated(100, 10));
  for (Request* r : {&ra, &rb}) r->max_tokens = 250, r->logprobs = 1;
  const Outcome expected_a = alone(fake->model(), ra), expected_b = alone(fake->model(), rb);
  submit(ra, &a), submit(rb, &b);
  int step = 0;
  for (; !a.ended && step < 1000; step++) steps(1);
  EXPECT_FALSE(b.ended);
  EXPECT_EQ(a.end.preemptions, 0);
  for (; !b.ended && step < 2000; step++) steps(1);
  EXPECT_GT(b.end.preemptions, 0);
  EXPECT_EQ(scheduler->statistics().preemptions, static_cast<uint64_t>(b.end.preemptions));
  EXPECT_EQ(a.outcome, expected_a);
  EXPECT_EQ(b.outcome, expected_b);
}

// A full context frees its pages and asks for them again as its text is read again: by then the two others have them,
// and the last of these, which has a row in the step already, gives way.
TEST_F(SchedulerTest, AnAnswerThatHasARowGivesWay) {
  int gave_way = 0;
  for (int length = 20; length < 50; length += 2) {
    start(192, 64, 4, 7, {.prefix_cache = false});
    Watched shifting, second, third;
    Request a = endless(repeated(100, 9)), b = endless(repeated(length, 10)), c = endless(repeated(length, 11));
    a.context_shift = true;
    a.max_tokens = 160, b.max_tokens = c.max_tokens = 120;
    const Outcome expected_a = alone(fake->model(), a), expected_b = alone(fake->model(), b),
                  expected_c = alone(fake->model(), c);
    fake->program->steps.clear();
    submit(a, &shifting), submit(b, &second), submit(c, &third);
    for (int i = 0; i < 1000 && scheduler->has_work(); i++) {
      const uint64_t before = scheduler->statistics().preemptions;
      steps(1);
      // Read again as a prompt, the first one has more than a row.
      gave_way +=
          scheduler->statistics().preemptions > before && last().back().count > 1 && last().back().first_token != 11;
    }
    EXPECT_EQ(shifting.outcome, expected_a) << length;
    EXPECT_EQ(second.outcome, expected_b) << length;
    EXPECT_EQ(third.outcome, expected_c) << length;
  }
  EXPECT_GT(gave_way, 0);
}

TEST_F(SchedulerTest, ALowerPriorityGivesWayThoughItBeganFirst) {
  start(384, 64, 4, 6);
  Watched low, high;
  Request a = endless(repeated(100, 9)), b = endless(repeated(100, 10), 1);
  a.max_tokens = b.max_tokens = 250;
  submit(a, &low);
  steps(3);
  submit(b, &high);
  for (int i = 0; i < 1000 && !high.ended; i++) steps(1);
  EXPECT_TRUE(high.ended && !low.ended);
  EXPECT_EQ(high.end.preemptions, 0);
}

TEST_F(SchedulerTest, WhereSessionsHoldAllMemoryARequestFails) {
  start(256, 64, 4, 4);
  std::optional<Session> session(fake->model());
  session->append(repeated(200, 9));
  Watched w, later;
  submit(endless(repeated(10, 9)), &w);
  steps(1);
  EXPECT_NE(w.outcome.error.find("[memory]"), std::string::npos) << w.outcome.error;
  session->truncate(150);
  submit(endless(repeated(60, 9)), &later);
  steps(20);
  EXPECT_EQ(later.outcome.tokens.size(), 5u);
  EXPECT_NE(later.outcome.error.find("[memory]"), std::string::npos) << later.outcome.error;
  EXPECT_FALSE(scheduler->has_work());
}

TEST_F(SchedulerTest, TheDeviceChoosesWhereAllThatIsWantedIsTheBest) {
  start(256, 64, 4, 32);
  fake->program->chooses = true;
  Request greedy;
  greedy.prompt = repeated(10, 9), greedy.sampling.temperature = 0, greedy.max_tokens = 6;
  const Outcome expected = alone(fake->model(), greedy);
  fake->program->chosen = 0;
  Watched a, b, c;
  submit(greedy, &a);
  steps(10);
  EXPECT_EQ(a.outcome, expected);
  EXPECT_EQ(fake->program->chosen, 6);
  Request drawn = greedy;
  drawn.sampling.temperature = 1, drawn.max_tokens = 3;
  submit(greedy, &b), submit(drawn, &c);
  steps(10);
  EXPECT_EQ(b.outcome, expected);
  EXPECT_EQ(fake->program->chosen, 6 + 3) << "those after the other's end";
  fake->program->poison = 77;
  greedy.prompt.push_back(77);
  Watched d;
  submit(greedy, &d);
  steps(3);
  EXPECT_NE(d.outcome.error.find("not finite"), std::string::npos);
}

TEST_F(SchedulerTest, AnEndThatTheDeviceChoosesIsNotTakenWhereEndsAreIgnored) {
  start(256, 64, 4, 32);
  fake->program->chooses = true;
  Request greedy;
  greedy.sampling.temperature = 0, greedy.max_tokens = 40;
  int ended = 0;
  for (uint64_t seed = 1; seed < 40; seed++) {
    greedy.prompt = repeated(10, seed), greedy.sampling.ignore_end = false;
    ended += alone(fake->model(), greedy).reason == StopReason::end;
    greedy.sampling.ignore_end = true;
    const Outcome expected = alone(fake->model(), greedy);
    fake->program->chosen = 0;
    Watched w;
    submit(greedy, &w);
    steps(60);
    EXPECT_EQ(w.outcome, expected) << "seed " << seed;
    EXPECT_EQ(w.outcome.tokens.size(), 40u);
    EXPECT_GT(fake->program->chosen, 0);
  }
  EXPECT_GT(ended, 0) << "no text of these would have ended";
}

TEST_F(SchedulerTest, NoTokenAskedForNoneRun) {
  start(256, 64, 4, 32);
  Watched w;
  Request r = endless(repeated(10, 9));
  r.max_tokens = 0;
  submit(r, &w);
  steps(1);
  EXPECT_TRUE(w.ended);
  EXPECT_EQ(w.end.reason, StopReason::length);
  EXPECT_TRUE(fake->program->steps.empty());
}

TEST(RowBudget, TakesAboutTwiceTheTimeOfAStepWithoutPrompts) {
  for (const auto& [base, slope] : {std::pair{10e-3, 0.1e-3}, {2e-3, 0.3e-3}, {50e-3, 0.01e-3}}) {
    engine::RowBudget budget(512, 2);
    EXPECT_EQ(budget.prompt_rows(0), 512);
    budget.measured(0, 512, base + 512 * slope);
    double slowest = 0;
    int rows = 0;
    for (int step = 0; step < 200; step++) {
      const int answers = 8;
      rows = budget.prompt_rows(answers);
      const double seconds = base + (answers + rows) * slope;
      budget.measured(answers, rows, seconds);
      slowest = std::max(slowest, seconds / (base + answers * slope));
    }
    const double wanted = std::clamp((base + 8 * slope) / slope, 8.0, 504.0);
    EXPECT_NEAR(rows, wanted, wanted / 10 + 1) << base;
    EXPECT_LE(slowest, std::max(2.05, (base + 16 * slope) / (base + 8 * slope))) << base;
  }
}

TEST(RowBudget, AsLongAsItTakesWhereThatIsAllowed) {
  engine::RowBudget budget(512, 0);
  EXPECT_EQ(budget.prompt_rows(0), 512);
  EXPECT_EQ(budget.prompt_rows(12), 500);
  budget.measured(12, 0, 1);
  budget.measured(12, 500, 100);
  EXPECT_EQ(budget.prompt_rows(12), 500);
}

TEST(RowBudget, ClocksThatDoNotMoveStopNothing) {
  engine::RowBudget budget(64, 2);
  int prompt_rows = 0;
  for (int step = 0; step < 100; step++) {
    const int rows = budget.prompt_rows(4);
    ASSERT_TRUE(rows >= 0 && rows <= 60);
    prompt_rows += rows;
    budget.measured(4, rows, 0);
  }
  EXPECT_GT(prompt_rows, 5000);
}

}  // namespace
}  // namespace ingot::tests
