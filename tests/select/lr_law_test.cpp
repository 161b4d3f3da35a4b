#include "select/lr_law.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "core/rng.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

double true_rate(double n, double d) { return 1.79 * std::pow(n, -0.713) * std::pow(d, 0.307); }

/// Sweeps over sizes and tokens whose optimum is the true rate times exp(noise).
std::vector<LrSweep> sweeps(double noise, std::uint64_t seed) {
  Rng rng = make_rng(seed, "lr law");
  boost::random::normal_distribution<double> normal;
  std::vector<LrSweep> out;
  for (const double n : {1e4, 3e4, 1e5}) {
    for (const double d : {1e5, 4e5, 2e6}) {
      LrSweep sweep;
      sweep.shape = fmt::format("n{}", n);
      sweep.params = n;
      sweep.tokens = d;
      sweep.best_lr = true_rate(n, d) * std::exp(noise * normal(rng));
      sweep.status = SweepStatus::interior;
      sweep.curvature_nats = 0.04;
      out.push_back(sweep);
    }
  }
  return out;
}

TEST(LrLawFit, FindsAnExactLawAndExtrapolatesIt) {
  const LrLaw law = fit_lr_law(sweeps(0, 1));
  ASSERT_TRUE(law.fitted());
  EXPECT_NEAR(law.coefficient, 1.79, 1e-9);
  EXPECT_NEAR(law.params_exponent, -0.713, 1e-12);
  EXPECT_NEAR(law.tokens_exponent, 0.307, 1e-12);
  EXPECT_LT(law.residual_sd, 1e-12);
  EXPECT_NEAR(predict_lr(law, 1e7, 1e9), true_rate(1e7, 1e9), 1e-9);
}

TEST(LrLawFit, ItsIntervalCoversTheTruth) {
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Json value = to_json(fit_lr_law(sweeps(0.2, static_cast<std::uint64_t>(trial))));
    const Json& ci = value.at("ci95").at("params_exponent");
    covered += ci[0].get<double>() <= -0.713 && -0.713 <= ci[1].get<double>() ? 1 : 0;
  }
  EXPECT_NEAR(covered, 380, 18);  // 95 % of 400 with a standard deviation of 4.4
}

TEST(LrLawFit, LargerShapesAreHeldOutAndEdgesTakeNoPart) {
  std::vector<LrSweep> all = sweeps(0, 1);
  for (LrSweep& s : all) {
    if (s.params > 5e4) s.best_lr *= 2;  // off the law of the others
  }
  all[0].status = SweepStatus::edge_low;
  all[0].best_lr *= 10;
  const LrLaw law = fit_lr_law(all, {.largest_params = 5e4});
  ASSERT_TRUE(law.fitted());
  EXPECT_EQ(law.n, 5);
  EXPECT_NEAR(law.params_exponent, -0.713, 1e-10);
  ASSERT_EQ(law.points.size(), 8U);
  for (const LrLaw::Point& p : law.points) {
    EXPECT_NEAR(p.ln_residual, p.fitted ? 0 : std::log(2), 1e-9);
    EXPECT_NEAR(p.law_cost_nats(), p.fitted ? 0 : 0.04 * std::log(2) * std::log(2), 1e-9);
  }
  EXPECT_THAT(describe(law), HasSubstr("3 larger points held out, 100 % off"));
  EXPECT_THAT(describe(law), HasSubstr("the law's rate costs 0.0192 nats (mean)"));
  EXPECT_THAT(caution(law), HasSubstr("costs 0.019 nats at the 3 larger points"));
  for (LrSweep& s : all) s.curvature_nats = 0.01;
  EXPECT_EQ(caution(fit_lr_law(all, {.largest_params = 5e4})), "") << "0.0048 nats";
  EXPECT_EQ(caution(fit_lr_law(all)), "") << "nothing is held out";
  EXPECT_EQ(fit_lr_law(all, {.largest_params = 5e4}).taken, 0);
  all.back().status = SweepStatus::single;
  EXPECT_EQ(fit_lr_law(all, {.largest_params = 5e4}).taken, 1);
  EXPECT_EQ(fit_lr_law(all).taken, 0) << "nothing is larger";
  all.back().status = SweepStatus::edge_high;
  EXPECT_THAT(caution(fit_lr_law(all, {.largest_params = 5e4})), HasSubstr("is open: at 1 larger points"));
}

/// One size, whose rates follow D alone.
std::vector<LrSweep> one_size(double noise, std::uint64_t seed) {
  std::vector<LrSweep> out = sweeps(noise, seed);
  std::erase_if(out, [](const LrSweep& s) { return s.params != 1e4; });
  LrSweep longest = out.back();
  longest.tokens = 1e7;
  Rng rng = make_rng(seed, "lr law, longest");
  boost::random::normal_distribution<double> normal;
  longest.best_lr = true_rate(1e4, 1e7) * std::exp(noise * normal(rng));
  out.push_back(longest);
  return out;
}

TEST(LrLawFit, AGivenExponentOfNStandsWhereThePointsDoNotTellIt) {
  const LrLaw law = fit_lr_law(one_size(0, 1), {.params_exponent = 0});
  ASSERT_TRUE(law.fitted());
  EXPECT_TRUE(law.params_exponent_given);
  EXPECT_EQ(law.params_exponent, 0);
  EXPECT_NEAR(law.tokens_exponent, 0.307, 1e-12);
  EXPECT_NEAR(predict_lr(law, 1e8, 1e6), true_rate(1e4, 1e6), 1e-12) << "the same at every size";
  EXPECT_THAT(describe(law), HasSubstr("N^0.000 D^0.307 (N's exponent is assumed; 95 %: D"));
  const Json value = to_json(law);
  EXPECT_EQ(value.at("params_exponent_given"), true);
  EXPECT_EQ(value.at("ci95").at("params_exponent"), Json::array({0.0, 0.0}));

  const LrLaw steeper = fit_lr_law(one_size(0, 1), {.params_exponent = -0.713});
  EXPECT_NEAR(steeper.coefficient, 1.79, 1e-9);

  const LrLaw told = fit_lr_law(sweeps(0, 1), {.params_exponent = 0});
  EXPECT_FALSE(told.params_exponent_given) << "several sizes tell it";
  EXPECT_NEAR(told.params_exponent, -0.713, 1e-12);

  std::vector<LrSweep> one_run = one_size(0, 1);
  for (LrSweep& s : one_run) s.tokens = 1e6;
  EXPECT_FALSE(fit_lr_law(one_run, {.params_exponent = 0}).fitted()) << "nothing tells the exponent of D";
  std::vector<LrSweep> few = one_size(0, 1);
  few.pop_back();
  EXPECT_EQ(fit_lr_law(few, {.params_exponent = 0}).status, LrLawStatus::too_few_points);
  EXPECT_THAT(describe(fit_lr_law(few, {.params_exponent = 0})), HasSubstr("4 are needed"));
  EXPECT_THAT(describe(fit_lr_law(few)), HasSubstr("5 are needed"));
}

TEST(LrLawFit, TheIntervalOfTheOtherExponentCoversTheTruth) {
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Json value = to_json(fit_lr_law(one_size(0.2, static_cast<std::uint64_t>(trial)), {.params_exponent = 0}));
    const Json& ci = value.at("ci95").at("tokens_exponent");
    covered += ci[0].get<double>() <= 0.307 && 0.307 <= ci[1].get<double>() ? 1 : 0;
  }
  EXPECT_NEAR(covered, 380, 18);
}

TEST(LrLawFit, SaysWhyThereIsNone) {
  std::vector<LrSweep> few = sweeps(0, 1);
  few.resize(4);
  EXPECT_EQ(fit_lr_law(few).status, LrLawStatus::too_few_points);
  std::vector<LrSweep> one_budget = sweeps(0, 1);  // D = C / 6N: nothing tells N from D
  for (std::size_t i = 0; i < one_budget.size(); ++i) {
    one_budget[i].params = 1e4 * static_cast<double>(i + 1);
    one_budget[i].tokens = 1e11 / one_budget[i].params;
  }
  EXPECT_EQ(fit_lr_law(one_budget).status, LrLawStatus::not_identified);
  std::vector<LrSweep> one_size = sweeps(0, 1);
  for (LrSweep& s : one_size) s.params = 1e4;
  EXPECT_EQ(fit_lr_law(one_size).status, LrLawStatus::not_identified);
  EXPECT_THAT(describe(fit_lr_law(one_size)), HasSubstr("no law"));
  EXPECT_FALSE(to_json(fit_lr_law(one_size)).contains("params"));
}

}  // namespace
}  // namespace scalelaw
