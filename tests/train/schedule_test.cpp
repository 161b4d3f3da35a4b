#include "train/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace scalelaw {
namespace {

RunSpec spec_of(ScheduleKind kind, std::int64_t steps = 100) {
  RunSpec spec;
  spec.data.tokens = steps * spec.data.batch_tokens;
  spec.optimizer.lr = 0.5;
  spec.optimizer.warmup_fraction = 0.1;
  spec.schedule.kind = kind;
  return spec;
}

TEST(LearningRate, WarmsUpLinearlyToThePeak) {
  for (const ScheduleKind kind : all_of<ScheduleKind>()) {
    const RunSpec spec = spec_of(kind);
    EXPECT_DOUBLE_EQ(learning_rate(spec, 0), 0.05);
    EXPECT_DOUBLE_EQ(learning_rate(spec, 4), 0.25);
    EXPECT_DOUBLE_EQ(learning_rate(spec, 9), 0.5);
  }
}

TEST(LearningRate, TrunkIsConstantThenFallsAsOneMinusRoot) {
  const RunSpec spec = spec_of(ScheduleKind::trunk_cooldown);
  for (std::int64_t step = 9; step < 80; ++step) EXPECT_DOUBLE_EQ(learning_rate(spec, step), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(spec, 84), 0.5 * (1 - std::sqrt(5.0 / 20)));
  EXPECT_DOUBLE_EQ(learning_rate(spec, 99), 0);
}

TEST(LearningRate, RunsOfOneTrunkAgreeUpToTheBranch) {
  const RunSpec longer = spec_of(ScheduleKind::trunk_cooldown, 400);
  RunSpec shorter = spec_of(ScheduleKind::trunk_cooldown, 100);
  shorter.optimizer.warmup_fraction = 0.4;
  ASSERT_EQ(trunk_id(longer), trunk_id(shorter));
  for (std::int64_t step = 0; step < 80; ++step) EXPECT_EQ(learning_rate(longer, step), learning_rate(shorter, step));
}

TEST(LearningRate, CosineAndLinearReachTheirFloor) {
  RunSpec cosine = spec_of(ScheduleKind::cosine), linear = spec_of(ScheduleKind::linear);
  cosine.schedule.min_lr_fraction = linear.schedule.min_lr_fraction = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate(cosine, 54), 0.5 * 0.55);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 54), 0.5 * 0.55);
  EXPECT_NEAR(learning_rate(cosine, 99), 0.05, 1e-15);
  EXPECT_NEAR(learning_rate(linear, 99), 0.05, 1e-15);
  EXPECT_DOUBLE_EQ(learning_rate(spec_of(ScheduleKind::constant), 99), 0.5);
  for (std::int64_t step = 10; step < 100; ++step) {
    EXPECT_LT(learning_rate(cosine, step), learning_rate(cosine, step - 1));
    EXPECT_LT(learning_rate(linear, step), learning_rate(linear, step - 1));
  }
}

TEST(LearningRate, NoWarmupAndOneStepAreFine) {
  RunSpec spec = spec_of(ScheduleKind::cosine, 1);
  spec.optimizer.warmup_fraction = 0;
  EXPECT_NEAR(learning_rate(spec, 0), 0, 1e-15);
  spec.optimizer.warmup_fraction = 1;
  EXPECT_DOUBLE_EQ(learning_rate(spec, 0), 0.5);
}

TEST(Beta2, ComesFromItsHalfLife) {
  RunSpec spec;
  EXPECT_EQ(beta2_of(spec), 0.95);
  spec.optimizer.beta2_half_life_tokens = 2560;
  EXPECT_NEAR(std::pow(beta2_of(spec), 10), 0.5, 1e-12);
}

}  // namespace
}  // namespace scalelaw
