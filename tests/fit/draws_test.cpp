// Intervals of quantities that follow from bootstrap draws.
#include "fit/draws.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/stats.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(DrawsInterval, IsThePairOfQuantiles) {
  std::vector<double> values;
  for (int i = 100; i >= 0; --i) values.push_back(i);
  const Interval i = draws_interval(values, 0.025);
  EXPECT_DOUBLE_EQ(i.low, 2.5);
  EXPECT_DOUBLE_EQ(i.high, 97.5);
}

TEST(DrawsInterval, AnEndAmongInfiniteValuesIsInfinite) {
  const std::vector<double> values = {1, 2, 3, kInfinity, kInfinity};
  EXPECT_EQ(draws_interval(values, 0.25).low, 2);
  EXPECT_EQ(draws_interval(values, 0.25).high, kInfinity);
  EXPECT_EQ(draws_interval({kInfinity, kInfinity}, 0.25).low, kInfinity);
}

/// A fit of 35 noisy points with its bootstrap.
FitResult bootstrapped(Resample resample) {
  FitOptions options;
  options.profile = false;
  options.bootstrap = {.replicates = 150, .resample = resample, .seed = 3};
  return fit_points(test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.01, 4), options);
}

std::vector<double> column(const FitResult& fit, std::size_t k) {
  std::vector<double> values;
  for (const auto& draw : fit.bootstrap.draws) values.push_back(draw[k]);
  return values;
}

TEST(IntervalTail, GivesBackTheFitsOwnIntervals) {
  const auto& names = law_form(LawKind::chinchilla).parameters;
  for (const Resample resample : {Resample::runs, Resample::parametric}) {
    const FitResult r = bootstrapped(resample);
    for (const double level : {0.80, 0.95}) {
      const double tail = interval_tail(r, level);
      for (std::size_t k = 0; k < names.size(); ++k) {
        const Interval own = (level == 0.80 ? r.bootstrap.ci80 : r.bootstrap.ci95).at(names[k]);
        const Interval again = draws_interval(column(r, k), tail);
        EXPECT_NEAR(again.low / own.low, 1, 1e-9) << resample << names[k];
        EXPECT_NEAR(again.high / own.high, 1, 1e-9) << resample << names[k];
      }
    }
  }
}

TEST(IntervalTail, IsNominalForRunsAndFurtherOutWhereTheNoiseIsEstimated) {
  const auto among = [](double p, double draws) { return (p * (draws + 1) - 1) / (draws - 1); };  // the (R + 1) p-th
  const auto draws = static_cast<double>(bootstrapped(Resample::runs).bootstrap.draws.size());
  EXPECT_NEAR(interval_tail(bootstrapped(Resample::runs)), among(0.025, draws), 1e-9);
  EXPECT_NEAR(interval_tail(bootstrapped(Resample::runs), 0.80), among(0.10, draws), 1e-9);
  // Phi(-2.0423): Student's t with 30 degrees of freedom, 35 points and 5 parameters
  EXPECT_NEAR(interval_tail(bootstrapped(Resample::parametric)), among(0.02056, draws), 2e-5);
}

TEST(IntervalTail, IsNominalWithoutABootstrap) {
  EXPECT_EQ(interval_tail(FitResult{}), (1 - 0.95) / 2);
  EXPECT_EQ(interval_tail(FitResult{}, 0.80), (1 - 0.80) / 2);
}

}  // namespace
}  // namespace scalelaw
