// The table behind the slider is what allocate says.
#include "report/slider.hpp"

#include <gmock/gmock.h>

#include "alloc/allocate.hpp"
#include "analysis/budget_grid.hpp"
#include "report/synthetic.hpp"

namespace scalelaw {
namespace {

/// As the page's script does it: straight in logarithms between neighbours.
double looked_up(const Json& table, const std::string& name, const std::string& which, double flops) {
  const auto c = table.at("flops").get<std::vector<double>>();
  const auto y = table.at(name).at(which).get<std::vector<double>>();
  std::size_t i = 0;
  while (i + 2 < c.size() && c[i + 1] <= flops) ++i;
  const double t = std::log(flops / c[i]) / std::log(c[i + 1] / c[i]);
  return y[i] * std::pow(y[i + 1] / y[i], t);
}

TEST(Slider, ItsTableIsWhatAllocateSaysEverywhereBetween) {
  const FitResult fit = test::toy_analysis().parametric;
  const Json table = slider_json(fit, budget_grid(fit));
  for (double flops = 1e10; flops < 6.4e13; flops *= 2.3) {
    AllocationRequest request;
    request.flops = flops;
    const Allocation a = allocate(fit, request);
    EXPECT_NEAR(looked_up(table, "params", "value", flops) / a.params, 1, 1e-9) << flops;
    EXPECT_NEAR(looked_up(table, "tokens", "value", flops) / a.tokens, 1, 1e-9);
    EXPECT_NEAR(looked_up(table, "tokens_per_param", "value", flops) / a.tokens_per_param, 1, 1e-9);
    EXPECT_NEAR(looked_up(table, "loss", "value", flops) / a.loss_nats, 1, 2e-4) << "a tenth of a digit shown";
    for (const char* name : {"params", "tokens", "loss"}) {
      EXPECT_NEAR(looked_up(table, name, "low", flops) / a.ci95.at(name).low, 1, 2e-3) << name << flops;
      EXPECT_NEAR(looked_up(table, name, "high", flops) / a.ci95.at(name).high, 1, 2e-3) << name << flops;
    }
  }
}

TEST(Slider, GoesFromTheLeastComputeMeasuredToTwoDecadesBeyondTheLargest) {
  const FitResult fit = test::toy_analysis().parametric;
  const std::vector<Allocation> grid = budget_grid(fit);
  ASSERT_FALSE(grid.empty());
  EXPECT_NEAR(grid.front().flops / 1e10, 1, 1e-9);
  EXPECT_NEAR(grid.back().flops / 6.4e13, 1, 1e-9);
  const Json table = slider_json(fit, grid);
  EXPECT_EQ(table.at("measured"), Json({1e10, 6.4e11}));
  EXPECT_EQ(table.at("flops").size(), grid.size());
}

TEST(Slider, WithoutIntervalsOrAFitItSaysSo) {
  FitResult fit = test::toy_analysis().parametric;
  fit.bootstrap = {};
  EXPECT_TRUE(slider_json(fit, budget_grid(fit)).at("loss").at("low").at(0).is_null());
  fit.convergence.status = FitStatus::stalled;
  EXPECT_TRUE(budget_grid(fit).empty());
  EXPECT_THAT(slider_html(fit, {}), testing::HasSubstr("no answer to move over"));
}

}  // namespace
}  // namespace scalelaw
