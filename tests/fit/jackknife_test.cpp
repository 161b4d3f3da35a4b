#include "fit/jackknife.hpp"

#include <gmock/gmock.h>

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

TEST(Jackknife, IsTheFitWithoutEachBudgetInTurn) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, 1);
  for (const Method method : {Method::parametric, Method::isoflop}) {
    const FitResult r = fit_points(points, {.method = method, .jackknife = true});
    ASSERT_EQ(r.jackknife.budgets.size(), 5U);
    EXPECT_EQ(r.jackknife.failed, 0);
    std::vector<double> a;
    for (std::size_t k = 0; k < 5; ++k) {
      std::vector<Observation> rest;
      for (const Observation& o : points) {
        if (o.flops != kTinyBudgets[k]) rest.push_back(o);
      }
      a.push_back(fit_points(rest, {.method = method}).derived.at("a"));
      EXPECT_NEAR(r.jackknife.budgets[k].flops / kTinyBudgets[k], 1, 1e-12);
      EXPECT_EQ(r.jackknife.budgets[k].left_out, 7);
      EXPECT_NEAR(r.jackknife.budgets[k].values.at("a"), a.back(), 1e-12);
    }
    double mean = 0, squares = 0;
    for (const double x : a) mean += x / 5;
    for (const double x : a) squares += (x - mean) * (x - mean);
    const double se = std::sqrt(squares * 4 / 5);
    EXPECT_NEAR(r.jackknife.se.at("a") / se, 1, 1e-9);
    const Interval ci = r.jackknife.ci95.at("a");
    EXPECT_NEAR(ci.low, r.derived.at("a") - 2.7764451052 * se, 1e-9);  // Student's t, 4 degrees of freedom
    EXPECT_NEAR(ci.high, r.derived.at("a") + 2.7764451052 * se, 1e-9);
  }
}

TEST(Jackknife, OfAMeanIsItsStandardError) {
  // One run per budget and a "fit" that is the mean of ln loss: then the jackknife is s / sqrt(n), by algebra.
  std::vector<Observation> points;
  for (const double x : {1.0, 4.0, 2.0, 8.0, 5.0, 7.0}) {
    Observation o;
    o.params = o.tokens = 1e6;
    o.flops = 1e12 * std::pow(10, x);
    o.loss_nats = x;
    points.push_back(o);
  }
  const auto mean_of = [](const std::vector<Observation>& some) {
    FitResult r;
    r.convergence.status = FitStatus::converged;
    for (const Observation& o : some) r.derived["m"] += o.loss_nats / static_cast<double>(some.size());
    return r;
  };
  const Jackknife j = jackknife_budgets(points, mean_of(points), 1, mean_of);
  EXPECT_NEAR(j.se.at("m"), std::sqrt(7.5 / 6), 1e-12);  // the sample's variance is 7.5
}

TEST(Jackknife, ShowsTheBudgetThatCarriesTheAnswer) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.002, 1);
  const FitResult good = fit_points(points, {.method = Method::isoflop, .jackknife = true});
  for (Observation& o : points) {
    // One budget whose schedules were wrong: large models lose more than they should.
    if (o.flops == 1e15) o.loss_nats *= 1 + 0.02 * std::log(o.params / compute_optimal(tiny_law(), 1e15).scale.params);
  }
  const FitResult bad = fit_points(points, {.method = Method::isoflop, .jackknife = true});
  EXPECT_GT(bad.jackknife.se.at("a"), 3 * good.jackknife.se.at("a"));
  EXPECT_NEAR(bad.jackknife.budgets.back().values.at("a"), good.jackknife.budgets.back().values.at("a"), 1e-12);
}

TEST(Jackknife, FailedFitsAreCountedAndLeftOut) {
  const auto points = isoflop_design(tiny_law(), {1e12, 1e13, 1e14}, 7, 8, 0.005, 1);
  const FitResult r =
      fit_points(points, {.method = Method::isoflop, .jackknife = true});  // a line needs 3 budgets, 2 are left
  EXPECT_EQ(r.jackknife.failed, 3);
  EXPECT_EQ(r.jackknife.budgets[0].status, FitStatus::too_few_points);
  EXPECT_TRUE(r.jackknife.se.empty());
  EXPECT_EQ(fit_points(points, {.jackknife = true}).jackknife.failed, 0);
}

TEST(Jackknife, DoesNotDependOnThreadsAndGoesThroughJson) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, 1);
  FitOptions options{.profile = false, .jackknife = true, .threads = 1};
  const Json one = to_json(fit_points(points, options));
  options.threads = 3;
  EXPECT_EQ(one, to_json(fit_points(points, options)));
  EXPECT_EQ(to_json(fit_from_json(one, "test")), one);
  EXPECT_THAT(describe(fit_points(points, options)), testing::HasSubstr("without budget"));
}

}  // namespace
}  // namespace scalelaw
