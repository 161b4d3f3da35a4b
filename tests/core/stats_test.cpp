#include "core/stats.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/rng.hpp"

namespace scalelaw {
namespace {

std::vector<double> sample(std::size_t n, std::uint64_t seed) {
  Rng rng = make_rng(seed, "stats-test");
  std::vector<double> x(n);
  for (double& v : x) v = 3 + 2 * standard_normal(rng);
  return x;
}

TEST(Mean, AndStandardDeviationFollowTheirFormulas) {
  const std::vector<double> x = {2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(mean(x), 5);
  EXPECT_DOUBLE_EQ(standard_deviation(x), std::sqrt(32.0 / 7));
}

TEST(Mean, OfNothingAndDeviationOfOneAreNan) {
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(standard_deviation(std::vector<double>{1.0})));
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(StandardDeviation, DoesNotCancelForALargeMean) {
  EXPECT_NEAR(standard_deviation(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 3}), 1.0, 1e-9);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> x = {10, 1, 2, 5};  // sorted 1 2 5 10; R: quantile(x, q, type = 7)
  EXPECT_DOUBLE_EQ(quantile(x, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(x, 1), 10);
  EXPECT_DOUBLE_EQ(quantile(x, 0.5), 3.5);
  EXPECT_DOUBLE_EQ(quantile(x, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile(x, 0.9), 8.5);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.3), 7);
}

TEST(CentralInterval, HoldsItsShareOfTheSample) {
  const std::vector<double> x = sample(5000, 1);
  const auto [low, high] = central_interval(x, 0.9);
  const auto inside =
      std::count_if(x.begin(), x.end(), [low = low, high = high](double v) { return v >= low && v <= high; });
  EXPECT_NEAR(static_cast<double>(inside) / 5000, 0.9, 0.001);
}

TEST(FitLine, RecoversAnExactLine) {
  const std::vector<double> x = {0, 1, 2, 5}, y = {1, 3, 5, 11};
  const Line line = fit_line(x, y);
  EXPECT_NEAR(line.intercept, 1, 1e-12);
  EXPECT_NEAR(line.slope, 2, 1e-12);
}

TEST(FitLine, MatchesTheNormalEquations) {
  const std::vector<double> x = sample(40, 2), noise = sample(40, 3);
  std::vector<double> y(40), w(40);
  for (std::size_t i = 0; i < 40; ++i) {
    y[i] = 0.7 - 0.3 * x[i] + noise[i];
    w[i] = 0.1 + static_cast<double>(i % 5);
  }
  double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    s += w[i], sx += w[i] * x[i], sy += w[i] * y[i], sxx += w[i] * x[i] * x[i], sxy += w[i] * x[i] * y[i];
  }
  const Line line = fit_line(x, y, w);
  const double slope = (s * sxy - sx * sy) / (s * sxx - sx * sx);
  EXPECT_NEAR(line.slope, slope, 1e-10);
  EXPECT_NEAR(line.intercept, (sy - slope * sx) / s, 1e-10);
}

TEST(FitLine, WeightZeroLeavesAPointOut) {
  const std::vector<double> x = {0, 1, 2, 3}, y = {0, 1, 2, 99}, w = {1, 1, 1, 0};
  EXPECT_NEAR(fit_line(x, y, w).slope, 1, 1e-12);
}

TEST(FitLine, OneXGivesNoSlope) {
  const std::vector<double> x = {2, 2}, y = {1, 3};
  EXPECT_TRUE(std::isnan(fit_line(x, y).slope));
}

// Quantiles of printed tables, to their digits.
TEST(Stats, DistributionsGiveTheirTables) {
  EXPECT_NEAR(student_quantile(0.975, 10), 2.228, 5e-4);
  EXPECT_NEAR(student_quantile(0.025, 2), -4.303, 5e-4);
  EXPECT_NEAR(normal_cdf(1.959964), 0.975, 1e-7);
  EXPECT_NEAR(normal_cdf(-1.959964), 0.025, 1e-7);
  EXPECT_NEAR(f_tail(3.478, 4, 10), 0.05, 1e-4);
  EXPECT_NEAR(f_tail(4.965, 1, 10), 0.05, 1e-4);
}

}  // namespace
}  // namespace scalelaw
