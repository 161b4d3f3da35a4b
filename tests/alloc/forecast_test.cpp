// Forecasts of one new run, and their scores.
#include "alloc/forecast.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "fit/fit.hpp"
#include "fit/fixtures.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;
using testing::AllOf;
using testing::HasSubstr;

constexpr double kNormal = 1.959964;

/// A fit whose draws of E differ by `spread` (ln of the loss at the point) and whose seeds differ by `noise`.
FitResult certain_fit(double spread, double noise) {
  FitResult fit;
  fit.fitted = tiny_law();
  fit.convergence.status = FitStatus::converged;
  fit.params_range = {1e4, 1e6};
  fit.tokens_range = {1e6, 1e8};
  fit.flops_range = {6e10, 6e14};
  fit.noise = NoiseModel{.sd = noise, .at_loss = 1, .slope = 0, .freedom = 100000};
  fit.bootstrap.replicates = 1000;
  const double loss = predict_loss(tiny_law(), Scale{.params = 1e6, .tokens = 1e8});
  Rng rng = make_rng(5, "draws");
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> values = fit.fitted.values;
    values[0] += loss * std::expm1(spread * standard_normal(rng));
    fit.bootstrap.draws.push_back(values);
  }
  return fit;
}

Observation run_at(double params, double tokens, double loss, const char* name = "") {
  Observation o;
  o.params = params;
  o.tokens = tokens;
  o.flops = 6 * params * tokens;
  o.loss_nats = loss;
  o.run = name;
  return o;
}

constexpr ForecastRequest kPoint{.params = 1e6, .tokens = 1e8};

TEST(Forecast, TheIntervalOfARunAddsItsNoiseToThatOfTheLaw) {
  for (const auto& [spread, noise] : {std::pair{0.0, 0.004}, {0.003, 0.004}, {0.01, 0.001}}) {
    const Forecast f = forecast(certain_fit(spread, noise), kPoint);
    EXPECT_EQ(f.noise, RunNoise::seeds);
    EXPECT_DOUBLE_EQ(f.noise_sd, noise);
    const double both = kNormal * std::hypot(spread, noise);
    EXPECT_NEAR(std::log(f.run_ci95->high / f.loss_nats), both, 0.08 * both) << spread << " " << noise;
    EXPECT_NEAR(std::log(f.run_ci95->low / f.loss_nats), -both, 0.08 * both) << spread << " " << noise;
    EXPECT_LE(f.run_ci95->low, f.law_ci95->low);
    EXPECT_GE(f.run_ci95->high, f.law_ci95->high);
  }
}

TEST(Forecast, NoiseThatFewSeedsShowIsStudents) {
  FitResult fit = certain_fit(0, 0.004);
  fit.noise->freedom = 4;
  const Forecast f = forecast(fit, kPoint);
  EXPECT_NEAR(std::log(f.run_ci95->high / f.loss_nats) / 0.004, 2.776, 0.15);
}

TEST(Forecast, WithoutSeedsTheResidualsSayWhatARunScattersBy) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 3);
  const FitResult fit = fit_points(points, {.profile = false, .bootstrap = {.replicates = 100}});
  const Forecast f = forecast(fit, kPoint);
  EXPECT_EQ(f.noise, RunNoise::residuals);
  EXPECT_EQ(f.noise_freedom, 35 - 5);
  EXPECT_NEAR(f.noise_sd, fit.parametric().goodness.rms * std::sqrt(35.0 / 30), 1e-12);
  FitResult bare = fit;
  std::get<ParametricFit>(bare.by_method).goodness = {};
  const Forecast none = forecast(bare, kPoint);
  EXPECT_EQ(none.noise, RunNoise::unknown);
  EXPECT_FALSE(none.run_ci95);
  EXPECT_TRUE(none.law_ci95);
  EXPECT_THAT(describe(none), HasSubstr("no interval of one new run"));
}

TEST(Forecast, ComputeAloneMeansTheOptimumThere) {
  const FitResult fit = certain_fit(0.003, 0.002);
  const Forecast f = forecast(fit, {.flops = 6e15});
  const Optimum best = compute_optimal(tiny_law(), 6e15);
  EXPECT_TRUE(f.optimum);
  EXPECT_DOUBLE_EQ(f.params, best.scale.params);
  EXPECT_DOUBLE_EQ(f.tokens, best.scale.tokens);
  EXPECT_NEAR(f.loss_nats, best.loss_nats, 1e-12);
  EXPECT_NEAR(f.extrapolation.flops, 10, 1e-9);
  EXPECT_EQ(forecast(fit, kPoint).extrapolation.params, 1);
  EXPECT_NEAR(forecast(fit, {.params = 1e3, .tokens = 3e8}).extrapolation.params, 10, 1e-9) << "below the least";
  EXPECT_NEAR(forecast(fit, {.params = 1e3, .tokens = 3e8}).extrapolation.tokens, 3, 1e-9);
  EXPECT_THAT(describe(f), HasSubstr("outside the runs of the fit"));
}

TEST(Forecast, WhatIsNoRunIsRefused) {
  const FitResult fit = certain_fit(0.003, 0.002);
  const auto refused = [&](const ForecastRequest& request) {
    return error_of(ExitCode::usage, [&] { (void)forecast(fit, request); });
  };
  EXPECT_THAT(refused({}), HasSubstr("--params N --tokens D, or its compute"));
  EXPECT_THAT(refused({.params = 1e6}), HasSubstr("belong together"));
  EXPECT_THAT(refused({.params = 1e6, .tokens = 1e8, .flops = 6e14}), HasSubstr("or its compute"));
  FitResult failed = fit;
  failed.convergence.status = FitStatus::stalled;
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)forecast(failed, kPoint); }), HasSubstr("stalled"));
}

TEST(Forecast, JsonGoesThereAndBack) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 3);
  Forecast f = forecast(fit_points(points, {.profile = false, .bootstrap = {.replicates = 60}}), kPoint);
  f.created = "2026-01-31T12:00:00Z";
  f.inputs = {{.file = "a.csv", .sha256 = "00"}};
  f.fit.hold = {1e12};
  const Json json = to_json(f);
  EXPECT_EQ(json.at("schema"), "scalelaw.forecast/1");
  EXPECT_EQ(to_json(forecast_from_json(json, "test")), json);
  Json other = json;
  other["schema"] = "scalelaw.fit/1";
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)forecast_from_json(other, "f.json"); }), HasSubstr("f.json"));
  other = json;
  other["loss"] = "low";
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)forecast_from_json(other, "f.json"); }), HasSubstr("loss"));
}

TEST(Forecast, AScoreIsInNatsPerCentAndHalfWidths) {
  Forecast f = forecast(certain_fit(0, 0.004), kPoint);
  f.loss_nats = 2;
  f.run_ci95 = Interval{1.98, 2.04};
  const auto observed = [&](double loss) { return score(f, {run_at(1.005e6, 1e8, loss)}).runs.front(); };
  const ScoredRun below = observed(1.97), above = observed(2.01);
  EXPECT_NEAR(below.error_nats, 0.03, 1e-12);
  EXPECT_NEAR(below.error_percent, 100 * (2 / 1.97 - 1), 1e-9);
  EXPECT_NEAR(*below.error_intervals, 1.5, 1e-9);
  EXPECT_FALSE(*below.inside);
  EXPECT_NEAR(*above.error_intervals, -0.25, 1e-9);
  EXPECT_TRUE(*above.inside);
  f.run_ci95.reset();
  EXPECT_FALSE(observed(2.01).inside);
}

TEST(Forecast, TheRunMustBeWithinOnePerCentOfThePoint) {
  const Forecast f = forecast(certain_fit(0, 0.004), kPoint);
  const auto run = [](double params, double tokens, const char* name) { return run_at(params, tokens, 2, name); };
  const ForecastScore found =
      score(f, {run(1.009e6, 1e8, "near"), run(1.001e6, 1.001e8, "nearest"), run(1.02e6, 1e8, "far")});
  ASSERT_EQ(found.runs.size(), 2U);
  EXPECT_EQ(found.runs.front().run, "nearest");
  const std::string said = error_of(ExitCode::data, [&] {
    (void)score(f, {run(1e6, 2e8, "b"), run(1.02e6, 1e8, "a")});
  });
  EXPECT_THAT(said, AllOf(HasSubstr("the nearest is a at"), HasSubstr("2 % away in N")));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)score(f, {}); }), HasSubstr("no run with a loss"));
}

// The 95 % interval of one new run at ten times the compute, over studies of the design of other tests.
TEST(Forecast, IntervalsHoldNewRuns) {
  int held = 0, law_alone = 0;
  const Scale at = compute_optimal(tiny_law(), 1e16).scale;
  const double truth = predict_loss(tiny_law(), at);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, seed);
    const FitResult fit = fit_points(
        points, {.objective = {.kind = ObjectiveKind::log_mse}, .profile = false, .bootstrap = {.replicates = 100}});
    const Forecast f = forecast(fit, {.params = at.params, .tokens = at.tokens});
    Rng rng = make_rng(seed, "new run");
    const double run = truth * std::exp(0.005 * standard_normal(rng));
    held += run >= f.run_ci95->low && run <= f.run_ci95->high ? 1 : 0;
    law_alone += run >= f.law_ci95->low && run <= f.law_ci95->high ? 1 : 0;
  }
  RecordProperty("held", held);
  RecordProperty("law_alone", law_alone);
  EXPECT_GE(held, 90);
  EXPECT_LT(law_alone, 85) << "the interval of the law says nothing of one run";
}

}  // namespace
}  // namespace scalelaw
