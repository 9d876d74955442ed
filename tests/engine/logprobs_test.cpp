// Log-probabilities of fixed distributions.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/logprobs.h"

namespace ingot::engine {
namespace {

TEST(Top, BestFirstWithLogprobs) {
  std::vector<float> logits;
  for (double p : {0.1, 0.4, 0.4, 0.1}) logits.push_back(static_cast<float>(std::log(p)));
  auto top3 = top(logits, 3);
  ASSERT_EQ(top3.size(), 3u);
  EXPECT_EQ(top3[0].id, 1);
  EXPECT_EQ(top3[1].id, 2);
  EXPECT_EQ(top3[2].id, 0);
  EXPECT_NEAR(top3[0].logprob, std::log(0.4), 1e-6);
  EXPECT_NEAR(log_softmax(logits, 3), std::log(0.1), 1e-6);
  EXPECT_EQ(top(logits, 10).size(), 4u);
}

}  // namespace
}  // namespace ingot::engine
