#include "fit/isoflop.hpp"

#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "law/optimum.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;

TEST(Isoflop, SlopesOfCentredNoiseFreeGridsAreTheLaws) {
  const FitResult r = fit_points(isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0, 1), {.method = Method::isoflop});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  const auto exact = allocation_exponents(tiny_law());
  EXPECT_NEAR(r.derived.at("a"), exact->a, 2e-4);
  EXPECT_NEAR(r.derived.at("b"), exact->b, 2e-4);
  EXPECT_NEAR(r.derived.at("a") + r.derived.at("b"), 1, 1e-9);
  for (const IsoflopBudget& b : r.isoflop().budgets) {
    EXPECT_EQ(b.status, BudgetStatus::interior);
    EXPECT_EQ(b.points, 7);
    EXPECT_NEAR(b.params / compute_optimal(tiny_law(), b.flops).scale.params, 1, 0.05);
    EXPECT_NEAR(6 * b.params * b.tokens / b.flops, 1, 1e-9);
    const double x = std::log(b.params);
    EXPECT_NEAR(b.constant + b.linear * x + b.curvature * x * x, b.loss_nats, 1e-9);
  }
}

TEST(Isoflop, AParabolaIsFoundExactly) {
  std::vector<Observation> points;
  for (const double flops : {1e12, 1e13, 1e14}) {
    for (const double offset : {-1.1, -0.4, 0.2, 0.9, 1.3}) {
      const double x = std::log(0.3 * std::sqrt(flops / 6)) + offset;
      Observation o;
      o.params = std::exp(x);
      o.flops = flops;
      o.tokens = flops / (6 * o.params);
      o.loss_nats = 2 + 0.05 * offset * offset;
      points.push_back(o);
    }
  }
  const FitResult r = fit_points(points, {.method = Method::isoflop});
  EXPECT_NEAR(r.derived.at("a"), 0.5, 1e-10);
  EXPECT_NEAR(r.derived.at("params_coefficient"), 0.3 / std::sqrt(6), 1e-9);
  EXPECT_NEAR(r.isoflop().budgets[1].loss_nats, 2, 1e-10);
  EXPECT_NEAR(r.isoflop().budgets[1].curvature, 0.05, 1e-9);
}

TEST(Isoflop, EdgesAndBadShapesAreRejectedByName) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  for (Observation& o : points) {
    if (o.flops == 1e11) o.loss_nats = 3 + 0.1 * std::log(o.params);  // falls towards small models
    if (o.flops == 1e12) o.loss_nats = 9 - 0.1 * std::log(o.params);  // falls towards large ones
    if (o.flops == 1e13) o.loss_nats = 9 - 0.1 * std::pow(std::log(o.params / 1e6), 2);
  }
  points.resize(points.size() - 5);  // two sizes left at the largest budget
  const FitResult r = fit_points(points, {.method = Method::isoflop});
  ASSERT_EQ(r.isoflop().budgets.size(), 5U);
  EXPECT_EQ(r.isoflop().budgets[0].status, BudgetStatus::edge_low);
  EXPECT_EQ(r.isoflop().budgets[1].status, BudgetStatus::edge_high);
  EXPECT_EQ(r.isoflop().budgets[2].status, BudgetStatus::not_convex);
  EXPECT_EQ(r.isoflop().budgets[3].status, BudgetStatus::interior);
  EXPECT_EQ(r.isoflop().budgets[4].status, BudgetStatus::too_few_points);
  EXPECT_EQ(r.convergence.status, FitStatus::too_few_points);
  EXPECT_NE(r.message.find("1 of 5 budgets"), std::string::npos);
  EXPECT_TRUE(r.fitted.values.empty());
}

TEST(Isoflop, BudgetsAreThoseGivenOrClustersOfCompute) {
  auto points = isoflop_design(tiny_law(), {1e12, 1e13}, 5, 4, 0, 1);
  Rng rng = make_rng(1, "spread");
  for (Observation& o : points) o.flops *= 1 + 0.03 * (uniform01(rng) - 0.5);
  Budgets clusters = group_budgets(points);
  ASSERT_EQ(clusters.flops.size(), 2U);
  EXPECT_NEAR(clusters.flops[0] / 1e12, 1, 0.02);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].budget = i < 5 ? 3e12 : 5e13;
  points[0].flops *= 2;  // planned together, spent differently
  clusters = group_budgets(points);
  ASSERT_EQ(clusters.flops.size(), 2U);
  EXPECT_EQ(clusters.of_point[0], 0U);
}

TEST(Isoflop, BootstrapIntervalHoldsTheTruth) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, 2);
  const FitResult r = fit_points(points, {.method = Method::isoflop, .bootstrap = {.replicates = 300}});
  const auto exact = allocation_exponents(tiny_law());
  const Interval ci = r.bootstrap.derived_ci95.at("a");
  EXPECT_LT(ci.low, exact->a);
  EXPECT_GT(ci.high, exact->a);
  EXPECT_LT(ci.high - ci.low, 0.2);
}

TEST(Isoflop, RefitsThatLoseAMinimumAreCounted) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 5, 4, 0.02, 2);
  const FitResult r =
      fit_points(points, {.method = Method::isoflop, .goodness = false, .bootstrap = {.replicates = 200}});
  EXPECT_EQ(r.bootstrap.resample, Resample::parametric);
  EXPECT_GT(r.bootstrap.partial + r.bootstrap.failed, 0);
  EXPECT_NE(describe(r).find("of 200 refits gave no interior minimum"), std::string::npos);
  EXPECT_EQ(fit_from_json(to_json(r), "fit.json").bootstrap.partial, r.bootstrap.partial);
}

TEST(Bootstrap, AutoResamplesWhatIsNotIndependent) {
  EXPECT_EQ(kDefaultReplicates, 500);
  EXPECT_EQ(BootstrapOptions{}.seed, 2U);
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0.01, 2);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric, points), Resample::parametric);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::envelope, points), Resample::runs);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].group = std::to_string(i);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric, points), Resample::parametric)
      << "groups of one run are no groups";
  for (std::size_t i = 0; i < points.size(); ++i) points[i].group = std::to_string(i % 7);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric, points), Resample::components)
      << "few points, some of one trunk";
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::envelope, points), Resample::groups);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::isoflop, points), Resample::parametric);
  auto many = points;
  while (many.size() <= kFewRuns) many.insert(many.end(), points.begin(), points.end());
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric, many), Resample::groups);
  auto shapes = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0.01, 2);
  for (std::size_t i = 0; i < shapes.size(); ++i) shapes[i].shape = std::to_string(i % 5);
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric, shapes), Resample::components);
  EXPECT_EQ(resampling_units(shapes, Resample::shapes)[5], 0U) << "the sixth point has the shape of the first";
  EXPECT_EQ(resolved_resample(Resample::runs, Method::parametric, points), Resample::runs)
      << "what is asked for is what happens";
  EXPECT_EQ(resolved_resample(Resample::automatic, Method::parametric,
                              isoflop_design(tiny_law(), kTinyBudgets, 12, 4, 0.01, 2)),
            Resample::runs);
}

TEST(Envelope, FollowsTheBestRuns) {
  // A fine grid of sizes at many budgets: the lower envelope is the optimum.
  std::vector<double> budgets;
  for (double c = 1e12; c < 1e16; c *= 1.5) budgets.push_back(c);
  const FitResult r = fit_points(isoflop_design(tiny_law(), budgets, 41, 8, 0, 1), {.method = Method::envelope});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_NEAR(r.derived.at("a"), allocation_exponents(tiny_law())->a, 5e-3);
}

}  // namespace
}  // namespace scalelaw
