// Expanding windows.
#include "fit/rollout.hpp"

#include <gmock/gmock.h>

#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;
using testing::AllOf;
using testing::HasSubstr;

std::vector<Observation> grid(double noise) {
  std::vector<Observation> points;
  Rng rng = make_rng(4, "grid");
  for (const double params : {1e4, 3e4, 1e5, 3e5, 1e6}) {
    for (const double tokens : {1e6, 4e6, 1.6e7, 6.4e7}) {
      Observation o;
      o.params = params;
      o.tokens = tokens;
      o.flops = 6 * params * tokens;
      o.loss_nats = predict_loss(tiny_law(), o.scale()) * std::exp(noise * standard_normal(rng));
      points.push_back(o);
    }
  }
  return points;
}

Rollout rollout_of(const std::vector<Observation>& points, RolloutBy by, int threads = 1) {
  return fit_points(points, {.profile = false, .goodness = false, .rollout = by, .threads = threads}).rollout;
}

TEST(Rollout, EachWindowIsTheFitUpToItsLevel) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, 1);
  const Rollout rollout = rollout_of(points, RolloutBy::flops);
  ASSERT_EQ(rollout.windows.size(), 4U);
  for (std::size_t k = 0; k < rollout.windows.size(); ++k) {
    const RolloutWindow& w = rollout.windows[k];
    EXPECT_NEAR(w.up_to / kTinyBudgets[k], 1, 1e-9);
    EXPECT_NEAR(w.next / kTinyBudgets[k + 1], 1, 1e-9);
    EXPECT_EQ(w.fitted, std::ssize(points) * static_cast<std::int64_t>(k + 1) / 5);
    EXPECT_EQ(w.next_points, 7);
    if (w.status != FitStatus::converged) continue;
    const FitResult by_hand = fit_points(points, {.profile = false, .holdout_above = 2 * w.up_to});
    EXPECT_EQ(w.values.at("a"), by_hand.derived.at("a"));
    EXPECT_EQ(w.values.at("E"), by_hand.fitted.value("E"));
    EXPECT_EQ(w.beyond.n, by_hand.holdout.n);
    EXPECT_EQ(w.beyond.rms_log_error, by_hand.holdout.rms_log_error);
    EXPECT_EQ(w.at_next.n, 7);
    EXPECT_EQ(w.at_next.best.n, 1);
  }
  EXPECT_EQ(rollout.windows.back().at_next.rms_log_error, rollout.windows.back().beyond.rms_log_error);
  EXPECT_EQ(rollout.windows.back().status, FitStatus::converged);
}

TEST(Rollout, NoiseFreeRunsOfTheLawArePredictedExactlyInEveryDirection) {
  const auto points = grid(0);
  for (const RolloutBy by : all_of<RolloutBy>()) {
    const Rollout rollout = rollout_of(points, by);
    ASSERT_FALSE(rollout.empty()) << name_of(by);
    std::int64_t predicted = 0;
    for (const RolloutWindow& w : rollout.windows) {
      if (w.at_next.empty()) continue;
      EXPECT_LT(w.at_next.rms_log_error, 1e-5) << name_of(by) << " " << w.up_to;
      EXPECT_LT(w.beyond.rms_log_error, 1e-4) << name_of(by) << " " << w.up_to;
      ++predicted;
    }
    EXPECT_GE(predicted, by == RolloutBy::tokens ? 1 : 2) << name_of(by) << ": two sizes tell no law, three do";
  }
}

TEST(Rollout, LevelsAreSizesAndTokenCountsWithinFivePerCent) {
  auto points = grid(0);
  points[0].params *= 1.04;
  EXPECT_EQ(levels_of(points, RolloutBy::params).values.size(), 5U);
  EXPECT_EQ(levels_of(points, RolloutBy::tokens).values.size(), 4U);
  points[0].params *= 1.04;
  const Levels more = levels_of(points, RolloutBy::params);
  EXPECT_EQ(more.values.size(), 6U);
  EXPECT_EQ(more.of_point[0], 1U) << "by rising value";
}

TEST(Rollout, BeginsWhereTheLawHasPointsEnough) {
  const Rollout rollout = rollout_of(grid(0.002), RolloutBy::params);  // four points a size, seven needed
  ASSERT_EQ(rollout.windows.size(), 3U);
  EXPECT_EQ(rollout.windows.front().fitted, 8);
  std::vector<Observation> few = grid(0);
  few.resize(6);
  EXPECT_TRUE(rollout_of(few, RolloutBy::params).empty());
}

// A law whose floor the data do not have predicts too much, window after window.
TEST(Rollout, ALawThatTheRunsDoNotObeyDrifts) {
  Law steep = tiny_law();
  steep.values = {0, 12, 30, 0.56, 0.48};
  auto points = isoflop_design(steep, {1e11, 1e12, 1e13, 1e14, 1e15}, 7, 8, 0, 1);
  for (Observation& o : points) o.loss_nats = 0.6 + std::pow(o.loss_nats, 0.4);
  const std::vector<RolloutWindow> windows = rollout_of(points, RolloutBy::flops).windows;
  ASSERT_EQ(windows.size(), 4U);
  for (std::size_t k = 1; k < windows.size(); ++k) EXPECT_GT(windows[k].at_next.mean_log_error, 2e-3) << k;
}

TEST(Rollout, IsTheSameOnAnyNumberOfThreadsAndInItsFile) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  FitOptions options{.profile = false, .rollout = RolloutBy::tokens, .threads = 1};
  const Json one = to_json(fit_points(points, options));
  options.threads = 3;
  EXPECT_EQ(one, to_json(fit_points(points, options)));
  EXPECT_EQ(one.at("rollout").at("by"), "D");
  EXPECT_EQ(to_json(fit_from_json(one, "test")), one);
  EXPECT_FALSE(to_json(fit_points(points, {})).contains("rollout"));
}

TEST(Rollout, TheTableSaysWhichBaselineIsWhich) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  EXPECT_THAT(describe(rollout_of(points, RolloutBy::flops)),
              AllOf(HasSubstr("C up to"), HasSubstr("every run fitted, good and bad"), HasSubstr("best runs' line"),
                    HasSubstr("10¹⁵")));
  EXPECT_EQ(describe(Rollout{}), "");
}

}  // namespace
}  // namespace scalelaw
