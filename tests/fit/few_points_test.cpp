// Fits of as few points as parameters, or one more; and errors of what a fit has as a logarithm.
#include <gmock/gmock.h>

#include "core/stats.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "fit/gadre_points.hpp"
#include "fit/log_errors.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

FitOptions few_options() {
  return {.law = LawKind::overtraining,
          .objective = {.kind = ObjectiveKind::log_mse},
          .allow_few = true,
          .bootstrap = {.replicates = 50}};
}

TEST(FewPoints, ThoseOfGadreGiveTheLossOfTheLargestRun) {
  const FitResult r = fit_points(test::gadre_points(), few_options());
  ASSERT_EQ(r.convergence.status, FitStatus::few_points) << r.message;
  // SciPy 1.17, least_squares from 54 starts.
  EXPECT_NEAR(r.parametric().objective_value / 3.234333826945e-05, 1, 1e-9);
  const double predicted = predict_loss(r.fitted, LawPoint{.params = 6889410560, .tokens = 137788211200});
  EXPECT_NEAR(predicted, 2.451777, 1e-5);
  EXPECT_NEAR(predicted / test::kGadreLargest, 1, 0.012);  // measured: 2.425
  EXPECT_FALSE(r.converged());
  EXPECT_TRUE(r.usable());
}

TEST(FewPoints, HaveNoIntervalAndSayWhy) {
  FitOptions options = few_options();
  options.jackknife = true;
  const FitResult r = fit_points(test::gadre_points(), options);
  EXPECT_TRUE(r.bootstrap.empty());
  EXPECT_TRUE(r.jackknife.empty());
  EXPECT_TRUE(r.parametric().identifiability.empty());
  EXPECT_FALSE(r.parametric().goodness.lack_of_fit);
  const std::string text = describe(r);
  EXPECT_THAT(text, HasSubstr("status: FEW POINTS (few_points)\ncaution: 5 points for 4 parameters leave one"));
  EXPECT_THAT(text, Not(HasSubstr("95 %")));
  const Json json = to_json(r);
  EXPECT_EQ(json.at("convergence").at("status"), "few_points");
  EXPECT_EQ(json.at("cautions"), Json::array({r.message}));
  EXPECT_EQ(to_json(fit_from_json(json, "test")), json);
  EXPECT_TRUE(fit_from_json(json, "test").of_few_points());
}

TEST(FewPoints, AreRefusedUnlessAsked) {
  auto points = test::gadre_points();
  FitOptions options = few_options();
  options.allow_few = false;
  FitResult r = fit_points(points, options);
  EXPECT_EQ(r.convergence.status, FitStatus::too_few_points);
  EXPECT_THAT(r.message, HasSubstr("--allow-few"));
  points.resize(3);  // fewer than the law's 4 parameters
  r = fit_points(points, options);
  EXPECT_THAT(r.message, Not(HasSubstr("--allow-few")));
  options.allow_few = true;
  r = fit_points(points, options);
  EXPECT_EQ(r.convergence.status, FitStatus::too_few_points);
  EXPECT_TRUE(r.fitted.values.empty());
}

TEST(FewPoints, AsManyAsParametersGiveTheLawThatMadeThem) {
  const Law law = test::tiny_law();
  std::vector<Observation> points;
  for (const auto& [params, tokens] :
       {std::pair(1e4, 1e6), std::pair(1e5, 1e7), std::pair(1e6, 1e6), std::pair(3e6, 3e8), std::pair(1e4, 1e9)}) {
    Observation o;
    o.params = params;
    o.tokens = tokens;
    o.flops = 6 * params * tokens;
    o.loss_nats = predict_loss(law, law_point(o));
    points.push_back(o);
  }
  const FitResult r = fit_points(points, {.allow_few = true});
  ASSERT_EQ(r.convergence.status, FitStatus::few_points) << r.message;
  EXPECT_THAT(r.message, HasSubstr("5 points for 5 parameters leave none"));
  for (std::size_t k = 0; k < law.values.size(); ++k) EXPECT_NEAR(r.fitted.values[k] / law.values[k], 1, 1e-5) << k;
}

TEST(FewPoints, EnoughPointsAreFittedAsEver) {
  const auto points = test::isoflop_design(test::tiny_law(), {1e12, 1e13, 1e14}, 5, 8, 0.01, 1);
  const FitOptions plain{.profile = false, .bootstrap = {.replicates = 50}};
  FitOptions allowed = plain;
  allowed.allow_few = true;
  EXPECT_EQ(to_json(fit_points(points, plain)), to_json(fit_points(points, allowed)));
}

TEST(LogErrors, AreThoseOfTheLogarithmsOfTheDraws) {
  const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 5, 8, 0.01, 1);
  const FitResult r = fit_points(points, {.profile = false, .bootstrap = {.replicates = 60}});
  for (std::size_t k = 0; k < 5; ++k) {
    const Constant& constant = law_form(r.law).constants[k];
    EXPECT_EQ(r.bootstrap.se_log.contains(constant.name), is_logarithmic(constant)) << constant.name;
    if (!is_logarithmic(constant)) continue;
    std::vector<double> logs;
    for (const auto& draw : r.bootstrap.draws) logs.push_back(std::log(draw[k]));
    EXPECT_NEAR(r.bootstrap.se_log.at(constant.name), standard_deviation(logs), 1e-12);
  }
  const std::string text = describe(r), factor = factor_text(r.bootstrap.se_log.at("A"));
  EXPECT_THAT(text, testing::ContainsRegex("\nA  .*" + factor));
  EXPECT_THAT(text, testing::ContainsRegex(fmt::format("\nE  .* {:.3g} ", r.bootstrap.se.at("E"))));  // a loss
}

TEST(LogErrors, AFactorIsWordedByItsSize) {
  EXPECT_EQ(factor_text(std::log(1.3)), "x/÷ 1.3");
  EXPECT_EQ(factor_text(2e-5), "x/÷ 1+2e-05");
  EXPECT_EQ(factor_text(0), "held");
  EXPECT_EQ(factor_text(20), "unbounded");
}

TEST(LogErrors, TheJackknifeOfAnAmplitudeIsPositive) {
  const auto points =
      read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/quick_points.csv");
  const FitResult r = fit_points(points, {.profile = false, .jackknife = true});
  std::vector<double> logs;
  for (const Jackknife::Budget& b : r.jackknife.budgets) logs.push_back(std::log(b.values.at("A")));
  ASSERT_EQ(logs.size(), 6U);
  const double se = jackknife_stderr(logs), t = 2.5705818356;  // Student's, 5 degrees of freedom
  EXPECT_NEAR(r.jackknife.se_log.at("A"), se, 1e-12);
  EXPECT_NEAR(r.jackknife.ci95.at("A").low, r.fitted.values[1] * std::exp(-t * se), 1e-6);
  EXPECT_NEAR(r.jackknife.ci95.at("A").high, r.fitted.values[1] * std::exp(t * se), 1e-6);
  EXPECT_FALSE(r.jackknife.se_log.contains("E"));  // a loss, read beside losses
  EXPECT_FALSE(r.jackknife.se_log.contains("alpha"));
}

TEST(LogErrors, TheJackknifeOfAnOffsetEndsAtZero) {
  // E is 0 within its error.
  const Law law{.kind = LawKind::chinchilla,
                .values = {0.02, 12.0, 30.0, 0.28, 0.24},
                .name = "",
                .source = "",
                .convention = {}};
  const auto points = test::isoflop_design(law, {1e11, 1e12, 1e13, 1e14}, 6, 8, 0.02, 3);
  const FitResult r = fit_points(points, {.profile = false, .jackknife = true});
  ASSERT_TRUE(r.jackknife.ci95.contains("E"));
  EXPECT_EQ(r.jackknife.ci95.at("E").low, 0);
  EXPECT_GT(r.jackknife.ci95.at("E").high, 0.02);
}

}  // namespace
}  // namespace scalelaw
