// What isoFLOP valleys say without a law: (alpha + beta) / 2 of laws that share nothing but the shape of their terms.
#include "fit/without_law.hpp"

#include <gmock/gmock.h>

#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;

constexpr double kNarrow = 1.1;  // sizes to either side: so near the minimum every valley is a parabola

WithoutLaw found_in(const std::vector<Observation>& points) {
  return fit_points(points, {.method = Method::isoflop, .goodness = false}).isoflop().without_law;
}

TEST(WithoutLaw, IsTheMeanExponentOfChinchilla) {
  const WithoutLaw found = found_in(isoflop_design(tiny_law(), kTinyBudgets, 7, kNarrow, 0, 1));
  EXPECT_NEAR(found.mean_exponent.value(), (0.28 + 0.24) / 2, 0.001);
  ASSERT_EQ(found.valleys.size(), 5U);
  for (const LocalValley& v : found.valleys) {
    EXPECT_NEAR(v.mean_exponent, 0.26, 0.002) << v.flops;
    const Scale at = compute_optimal(tiny_law(), v.flops).scale;
    const double term = 0.28 * 12 * std::pow(at.params, -0.28);  // alpha A N^-alpha
    EXPECT_NEAR(v.curvature / ((0.28 + 0.24) * term), 1, 0.002);
    EXPECT_NEAR(v.slope / term, 1, 0.01);
  }
}

TEST(WithoutLaw, AnOuterPowerAndAnotherOffsetChangeNothing) {
  Law inner = tiny_law();
  inner.values = {0, 12, 30, 0.56, 0.48};
  auto points = isoflop_design(inner, kTinyBudgets, 7, kNarrow, 0, 1);
  for (Observation& o : points) o.loss_nats = 0.6 + std::pow(o.loss_nats, 0.386);
  EXPECT_NEAR(found_in(points).mean_exponent.value(), (0.56 + 0.48) / 2, 0.004)
      << "its frontier over four decades is not quite a parabola";
}

TEST(WithoutLaw, IsTheMeanExponentOfKaplansInnerTerms) {
  const Law kaplan = published_law("kaplan2020-joint");
  const WithoutLaw found = found_in(isoflop_design(kaplan, {1e17, 1e18, 1e19, 1e20, 1e21}, 7, kNarrow, 0, 1));
  EXPECT_NEAR(found.mean_exponent.value(), (0.076 / 0.103 + 1) / 2, 0.002);
  EXPECT_NEAR(found.loss_slope.value(), 0.076 * 0.103 / (0.076 + 0.103), 1e-4) << "it has no offset";
}

TEST(WithoutLaw, TwoBudgetsGiveALineAndOneNothing) {
  const auto points = isoflop_design(tiny_law(), {1e12, 2e12}, 7, kNarrow, 0, 1);
  const WithoutLaw two = found_in(points);
  EXPECT_NEAR(two.mean_exponent.value(), 0.26, 0.002);
  EXPECT_EQ(two.valleys.size(), 2U);
  EXPECT_TRUE(found_in(isoflop_design(tiny_law(), {1e12}, 7, kNarrow, 0, 1)).empty());
}

TEST(WithoutLaw, ACurveThroughEveryLossHasASlopeAlone) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0, 1);
  const FitResult r = fit_points(points, {.method = Method::isoflop, .curve = BudgetCurve::makima});
  EXPECT_TRUE(r.isoflop().without_law.loss_slope);
  EXPECT_FALSE(r.isoflop().without_law.mean_exponent);
}

TEST(WithoutLaw, IntervalsAreOfTheRefits) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 9, 4, 0.003, 2);
  const FitOptions options{.method = Method::isoflop, .bootstrap = {.replicates = 200}};
  const FitResult r = fit_points(points, options);
  const WithoutLaw& found = r.isoflop().without_law;
  ASSERT_TRUE(found.mean_exponent_ci95 && found.loss_slope_ci95);
  EXPECT_LT(found.mean_exponent_ci95->low, 0.26);
  EXPECT_GT(found.mean_exponent_ci95->high, 0.26);
  EXPECT_LT(found.mean_exponent_ci95->high - found.mean_exponent_ci95->low, 0.15);
  EXPECT_LT(found.loss_slope_ci95->low, *found.loss_slope);
  EXPECT_GT(found.loss_slope_ci95->high, *found.loss_slope);
  for (const LocalValley& v : found.valleys) {
    ASSERT_TRUE(v.ci95);
    EXPECT_LT(v.ci95->low, v.mean_exponent);
    EXPECT_GT(v.ci95->high, v.mean_exponent);
    EXPECT_GT(v.ci95->high - v.ci95->low, found.mean_exponent_ci95->high - found.mean_exponent_ci95->low)
        << "one valley says less than all";
  }
  const Json json = to_json(r);
  EXPECT_EQ(json.at("without_law").at("valleys").size(), 5U);
  EXPECT_EQ(to_json(fit_from_json(json, "test")), json);
  EXPECT_THAT(describe(r), testing::HasSubstr("(alpha + beta) / 2 = "));
  FitOptions threads = options;
  threads.threads = 3;
  EXPECT_EQ(to_json(fit_points(points, threads)), json);
}

// 95 % intervals over 200 studies. They are of what parabolas give at these sizes, a per cent above the law's own; the
// exponent a of the same fits is held as often.
TEST(WithoutLaw, IntervalsHoldWhatTheDesignGives) {
  const double given = found_in(isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0, 1)).mean_exponent.value();
  EXPECT_NEAR(given, 0.26, 0.004);
  int held = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0.003, seed);
    const FitOptions options{.method = Method::isoflop, .goodness = false, .bootstrap = {.replicates = 200}};
    const auto ci95 = fit_points(points, options).isoflop().without_law.mean_exponent_ci95;
    ASSERT_TRUE(ci95);
    if (ci95->low < given && ci95->high > given) ++held;
  }
  EXPECT_GE(held, 172);
  EXPECT_LE(held, 199);
}

}  // namespace
}  // namespace scalelaw
