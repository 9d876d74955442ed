// What makes a plan contradict itself.
#include <gtest/gtest.h>

#include "ingot/error.h"
#include "plan/plan.h"

namespace ingot::plan {
namespace {

Plan attending() {
  Plan plan;
  plan.values = {{"query", 64}, {"attended", 64}, {"logits", 8, Value::Rows::outputs}};
  plan.logits = {2};
  plan.states = {{.name = "cache", .heads = {.heads = 2, .kv_heads = 1, .key_size = 32, .value_size = 32}}};
  plan.limits = {.context = 64, .max_rows = 4, .max_outputs = 4, .state_format = nullptr, .state_bytes = 0};
  plan.steps.push_back({0, "attend", Attend{.query = {0}, .state = {0}, .window = 0, .scale = 1, .to = {1}}});
  return plan;
}

TEST(Check, AttentionHasARowPerToken) {
  check(attending());
  for (size_t value : {0, 1}) {
    Plan plan = attending();
    plan.values[value].rows = Value::Rows::outputs;
    try {
      check(plan);
      ADD_FAILURE() << "value " << value << " was not refused";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("attention has a row per token"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace ingot::plan
