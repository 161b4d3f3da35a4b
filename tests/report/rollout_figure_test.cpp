// The figure of expanding windows, as numbers.
#include "report/figures_rollout.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fit/fixtures.hpp"
#include "report/gnuplot.hpp"

namespace scalelaw {
namespace {

TEST(RolloutFigure, DrawsTheErrorsOfEveryWindow) {
  const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.005, 1);
  const FitOptions options{.profile = false, .goodness = false, .rollout = RolloutBy::flops};
  const Rollout rollout = fit_points(points, options).rollout;
  const Figure figure = rollout_figure(rollout);
  ASSERT_EQ(figure.panels.size(), 2U);
  const auto scored = std::ranges::count_if(rollout.windows, [](const RolloutWindow& w) { return !w.at_next.empty(); });
  const Series& law = figure.panels[0].series.front();
  EXPECT_EQ(std::ssize(law.x), scored);
  EXPECT_EQ(law.x.back(), rollout.windows.back().next);
  EXPECT_DOUBLE_EQ(law.y.back(), 100 * rollout.windows.back().at_next.rms_log_error);
  ASSERT_EQ(figure.panels[1].series.size(), 3U);
  EXPECT_DOUBLE_EQ(figure.panels[1].series[1].y.back(),
                   100 * *rollout.windows.back().at_next.best.frontier_mean_log_error);
  EXPECT_TRUE(rollout_figure(Rollout{}).panels.empty());
}

}  // namespace
}  // namespace scalelaw
