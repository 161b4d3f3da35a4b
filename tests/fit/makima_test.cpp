// Approach 2 with a curve through the points, and weights from standard errors.
#include "fit/makima.hpp"

#include <gmock/gmock.h>

#include <boost/math/interpolators/makima.hpp>

#include "error_of.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fixtures.hpp"
#include "law/optimum.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;

TEST(Makima, TheMinimumIsTheLowestPointOfTheInterpolantBesideTheLowestSample) {
  Rng rng = make_rng(1, "makima");
  int off_node = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<double> x, y;
    const int n = 4 + trial % 6;
    for (int i = 0; i < n; ++i) {
      x.push_back((x.empty() ? 10 : x.back()) + 0.2 + uniform01(rng));
      y.push_back(3 + 0.05 * std::pow(i - 0.5 * (n - 1), 2) + 0.03 * uniform01(rng));
    }
    const auto lowest = static_cast<std::size_t>(std::ranges::min_element(y) - y.begin());
    if (lowest == 0 || lowest + 1 == x.size()) continue;
    const CurveMinimum m = makima_minimum(x, y);
    const boost::math::interpolators::makima<std::vector<double>> curve{std::vector<double>(x), std::vector<double>(y)};
    double least = y[lowest];
    for (int i = 0; i <= 4000; ++i) {
      const double at = x[lowest - 1] + (x[lowest + 1] - x[lowest - 1]) * i / 4000.0;
      least = std::min(least, curve(at));
    }
    EXPECT_NEAR(m.y, curve(m.x), 1e-12);
    EXPECT_LE(m.y, least + 1e-12);
    EXPECT_NEAR(m.y, least, 1e-6);
    if (m.x != x[lowest]) ++off_node;
  }
  EXPECT_GT(off_node, 200);
}

TEST(Makima, ASymmetricValleyHasItsMinimumInTheMiddle) {
  EXPECT_NEAR(makima_minimum({0, 1, 2, 3}, {4, 1, 1, 4}).x, 1.5, 1e-12);
  EXPECT_NEAR(makima_minimum({-2, -1, 0, 1, 2}, {4, 1, 0, 1, 4}).x, 0, 1e-12);
}

TEST(Makima, ApproachTwoFindsTheLawsExponents) {
  const FitResult r = fit_points(isoflop_design(tiny_law(), kTinyBudgets, 9, 8, 0, 1),
                                 {.method = Method::isoflop, .curve = BudgetCurve::makima});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_EQ(r.isoflop().curve, BudgetCurve::makima);
  EXPECT_NEAR(r.derived.at("a"), allocation_exponents(tiny_law())->a, 5e-3);
  EXPECT_NEAR(r.derived.at("a") + r.derived.at("b"), 1, 1e-9);
  for (const IsoflopBudget& b : r.isoflop().budgets) {
    // No shape is assumed: closer to the optimum than the parabola, which is off where alpha and beta differ.
    EXPECT_NEAR(b.params / compute_optimal(tiny_law(), b.flops).scale.params, 1, 0.03);
    EXPECT_TRUE(std::isnan(b.curvature));
  }
  EXPECT_EQ(to_json(fit_from_json(to_json(r), "test")), to_json(r));
}

TEST(Makima, EdgesAndTooFewSizesAreNamed) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  for (Observation& o : points) {
    if (o.flops == 1e11) o.loss_nats = 3 + 0.1 * std::log(o.params);
    if (o.flops == 1e12) o.loss_nats = 9 - 0.1 * std::log(o.params);
  }
  points.resize(points.size() - 4);  // three sizes left at the largest budget
  const FitResult r = fit_points(points, {.method = Method::isoflop, .curve = BudgetCurve::makima});
  EXPECT_EQ(r.isoflop().budgets[0].status, BudgetStatus::edge_low);
  EXPECT_EQ(r.isoflop().budgets[1].status, BudgetStatus::edge_high);
  EXPECT_EQ(r.isoflop().budgets[2].status, BudgetStatus::interior);
  EXPECT_EQ(r.isoflop().budgets[4].status, BudgetStatus::too_few_points);
}

TEST(Makima, RunsOfOneSizeCountWithTheirMean) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  auto seeds = points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    seeds.push_back(points[i]);
    seeds[i].loss_nats *= 1.01;
    seeds.back().loss_nats *= 0.99;
  }
  const FitOptions options{.method = Method::isoflop, .curve = BudgetCurve::makima, .bootstrap = {.replicates = 100}};
  EXPECT_NEAR(fit_points(seeds, options).derived.at("a"), fit_points(points, options).derived.at("a"), 1e-12);
  EXPECT_GT(fit_points(seeds, options).bootstrap.derived_se.at("a"), 0);
}

TEST(Weights, StandardErrorsAreInverseVariances) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  auto weighted = points;
  double total = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].loss_stderr = 0.01 * (1 + static_cast<double>(i % 4));
    weighted[i].weight = std::pow(points[i].loss_nats / *points[i].loss_stderr, 2);
    total += weighted[i].weight / static_cast<double>(points.size());
  }
  for (Observation& o : weighted) o.weight /= total;
  const FitResult r = fit_points(points, {.profile = false, .weights = Weights::loss_stderr}),
                  w = fit_points(weighted, {.profile = false});
  EXPECT_NEAR(r.parametric().objective_value / w.parametric().objective_value, 1, 1e-12);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(r.fitted.values[k] / w.fitted.values[k], 1, 1e-9);
  EXPECT_NE(fit_points(points, {.profile = false}).fitted.values, r.fitted.values);
  EXPECT_EQ(to_json(r).at("weights"), "stderr");
  // A plain residual has the standard error itself.
  for (std::size_t i = 0; i < points.size(); ++i) weighted[i].weight = std::pow(points[i].loss_stderr.value(), -2);
  const Objective mse{.kind = ObjectiveKind::mse};
  EXPECT_NEAR(
      fit_points(points, {.objective = mse, .profile = false, .weights = Weights::loss_stderr}).fitted.value("alpha"),
      fit_points(weighted, {.objective = mse, .profile = false}).fitted.value("alpha"), 1e-9);
}

TEST(Weights, APointKnownBadlyMovesNothing) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  for (Observation& o : points) o.loss_stderr = 0.01;
  points[10].loss_nats *= 1.5;
  points[10].loss_stderr = 1e4;
  const FitResult r = fit_points(
      points, {.objective = {.kind = ObjectiveKind::log_mse}, .profile = false, .weights = Weights::loss_stderr});
  EXPECT_NEAR(r.derived.at("a"), allocation_exponents(tiny_law())->a, 1e-6);
}

TEST(Weights, AMissingOrZeroStandardErrorIsNamed) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  for (Observation& o : points) o.loss_stderr = 0.01;
  points[3].run = "r3";
  for (const std::optional<double>& bad : {std::optional<double>(), std::optional<double>(0.0)}) {
    points[3].loss_stderr = bad;
    const std::string message = error_of(
        ExitCode::data, [&] { (void)fit_points(points, {.profile = false, .weights = Weights::loss_stderr}); });
    EXPECT_THAT(message, testing::AllOf(testing::HasSubstr("run r3"), testing::HasSubstr("loss_stderr")));
  }
}

}  // namespace
}  // namespace scalelaw
