// Runs held out of a fit, and the baselines beside their prediction.
#include "fit/holdout.hpp"

#include <gmock/gmock.h>

#include "fit/budgets.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;
using testing::HasSubstr;

/// Without E the least loss is a power of C, so a line through best runs has nothing to miss.
Law without_offset() {
  Law law = tiny_law();
  law.values[0] = 0;
  return law;
}

TEST(Holdout, LinesThatKnowTheLeastLossAloneAreExactWhereItIsAPowerOfC) {
  const auto points = isoflop_design(without_offset(), kTinyBudgets, 7, 4, 0, 1);  // the middle size is the optimum
  const Holdout h = fit_points(points, {.profile = false, .holdout_above = 5e13}).holdout;
  EXPECT_EQ(h.n, 14);
  EXPECT_EQ(h.best.n, 2);
  EXPECT_LT(*h.best.frontier_rms_log_error, 1e-9);
  EXPECT_LT(*h.best.isoflop_rms_log_error, 2e-3) << "parabolas miss the depth of a valley a little";
  EXPECT_GT(h.baseline_rms_log_error, 1e-2) << "a line through good and bad runs is no fair baseline";
}

TEST(Holdout, AnOffsetBendsTheFrontierAwayFromBothLines) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0, 1);
  const HoldoutBest best = fit_points(points, {.profile = false, .holdout_above = 5e14}).holdout.best;
  EXPECT_EQ(best.n, 1);
  EXPECT_LT(best.rms_log_error, 1e-6);
  EXPECT_LT(*best.frontier_mean_log_error, -0.01) << "they fall too fast";
  EXPECT_NEAR(*best.isoflop_mean_log_error, *best.frontier_mean_log_error, 0.003);
  EXPECT_DOUBLE_EQ(std::abs(*best.frontier_mean_log_error), *best.frontier_rms_log_error) << "of one run";
}

TEST(Holdout, ARunThatLessComputeBeatsIsNotAskedOfTheLines) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0, 1);
  for (Observation& o : points) {
    if (o.flops == 1e15) o.loss_nats *= 2;
  }
  const Holdout h = fit_points(points, {.profile = false, .holdout_above = 5e13}).holdout;
  EXPECT_EQ(h.n, 14);
  EXPECT_EQ(h.best.n, 1);
}

TEST(Holdout, ABudgetHeldOutIsTheSameAsRunsAboveItsNeighbour) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  const FitResult above = fit_points(points, {.profile = false, .holdout_above = 5e14});
  const FitResult held = fit_points(points, {.profile = false, .hold = {1.04e15}});  // within 5 %
  EXPECT_EQ(held.n, 28);
  EXPECT_EQ(held.fitted.values, above.fitted.values);
  EXPECT_EQ(held.holdout.rms_log_error, above.holdout.rms_log_error);
  EXPECT_EQ(held.holdout.budgets, std::vector<double>{1.04e15});
  EXPECT_THAT(describe(held.holdout), HasSubstr("held out at 1.04×10¹⁵ FLOPs: 7 points"));
  const FitResult middle = fit_points(points, {.profile = false, .hold = {1e12, 1e13}});
  EXPECT_EQ(middle.holdout.n, 14);
  const FitResult none = fit_points(points, {.profile = false, .hold = {1.06e15}});
  EXPECT_EQ(none.n, 35);
  EXPECT_TRUE(none.holdout.empty());
}

TEST(Holdout, ABudgetIsThePlannedOneWhereThePointHasIt) {
  const auto in = [](double flops, double budget, const std::vector<double>& budgets) {
    Observation o;
    o.flops = flops;
    o.budget = budget;
    return in_budgets(o, budgets);
  };
  EXPECT_TRUE(in(1.09e12, 1e12, {1e12}));
  EXPECT_FALSE(in(1e12, 2e12, {1e12}));
  EXPECT_FALSE(in(1.06e12, 0, {1e12}));
  EXPECT_TRUE(in(1.04e12, 0, {1e11, 1e12}));
  EXPECT_FALSE(in(1e12, 0, {}));
}

TEST(Holdout, JsonKeepsWhatWasThereAndAddsTheRest) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  const Json above = to_json(fit_points(points, {.holdout_above = 5e14}));
  EXPECT_FALSE(above.at("holdout").contains("budgets"));
  EXPECT_TRUE(above.at("holdout").contains("baseline_rms_log_error"));
  EXPECT_EQ(above.at("holdout").at("best").at("n"), 1);
  const Json held = to_json(fit_points(points, {.hold = {1e15}}));
  EXPECT_EQ(held.at("holdout").at("budgets"), Json::array({1e15}));
  EXPECT_EQ(to_json(fit_from_json(held, "test")), held);
  Json before = above;  // a file of before these baselines
  before.at("holdout").erase("best");
  EXPECT_EQ(to_json(fit_from_json(before, "test")), before);
}

}  // namespace
}  // namespace scalelaw
