#include "fit/fit.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "error_of.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "law/critical_batch.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;
using testing::HasSubstr;

TEST(Fit, RecoversTheConstantsOfNoiseFreeData) {
  const FitResult r = fit_points(isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1), {});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(r.fitted.values[k] / tiny_law().values[k], 1, 1e-8) << k;
  EXPECT_LT(r.parametric().objective_value, 1e-25);
}

TEST(Fit, EveryLawRecoversItsOwnConstants) {
  const std::vector<Law> laws = {
      {.kind = LawKind::kaplan, .values = {3e7, 2e9, 0.2, 0.3}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::power_n, .values = {2e7, 0.2, 0.9}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::power_d, .values = {4e9, 0.15, 0.9}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::power_c, .values = {4e16, 0.1, 0.9}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::overtraining, .values = {1.1, 40.0, 60.0, 0.13}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::kaplan_steps, .values = {3e7, 900, 0.15, 0.6}, .name = "", .source = "", .convention = {}},
      {.kind = LawKind::data_constrained,
       .values = {1.1, 10.0, 25.0, 0.26, 0.25, 9.0, 4.0},
       .name = "",
       .source = "",
       .convention = {}},
      {.kind = LawKind::data_overfitting,
       .values = {1.1, 10.0, 25.0, 0.26, 0.25, 0.3, 0.8, 0.4},
       .name = "",
       .source = "",
       .convention = {}}};
  for (const Law& law : laws) {
    std::vector<Observation> points = isoflop_design(tiny_law(), kTinyBudgets, 9, 12, 0, 1);
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].unique_tokens = points[i].tokens / std::pow(2.0, static_cast<double>(i % 6));
      points[i].steps = points[i].tokens / (1e3 * (1 + static_cast<double>(i % 5)));
      points[i].loss_nats = predict_loss(law, law_point(points[i]));
    }
    const FitResult r = fit_points(points, {.law = law.kind, .offset = true, .profile = false});
    EXPECT_EQ(r.convergence.status, FitStatus::converged) << law_form(law.kind).name << ": " << r.message;
    for (std::size_t k = 0; k < law.values.size(); ++k) {
      EXPECT_NEAR(r.fitted.values[k] / law.values[k], 1, 1e-5)
          << law_form(law.kind).name << " " << law_form(law.kind).parameters[k];
    }
  }
}

TEST(Fit, FixedParametersStayAndTheOthersMove) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  const FitResult r = fit_points(points, {.fixed = {{"alpha", 0.3}, {"A", 20.0}}});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_DOUBLE_EQ(r.fitted.value("alpha"), 0.3);
  EXPECT_DOUBLE_EQ(r.fitted.value("A"), 20.0);
  EXPECT_NE(r.fitted.value("beta"), tiny_law().value("beta"));
  EXPECT_FALSE(r.parametric().identifiability.contains("alpha"));
}

TEST(Fit, WeightsAreMultiplicities) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1);
  auto doubled = points;
  doubled.push_back(points[4]);
  doubled.push_back(points[4]);
  points[4].weight = 3;
  const FitResult weighted = fit_points(points, {.profile = false}), repeated = fit_points(doubled, {.profile = false});
  EXPECT_EQ(repeated.convergence.status, FitStatus::converged);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(weighted.fitted.values[k] / repeated.fitted.values[k], 1, 1e-7);
}

TEST(Fit, ASolverStoppedEarlySaysSo) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1);
  const FitResult r = fit_points(points, {.starts = starts_named("hoffmann2022"), .max_evaluations = 3});
  EXPECT_EQ(r.convergence.status, FitStatus::stalled);
  EXPECT_THAT(describe(r), HasSubstr("NOT CONVERGED (stalled)"));
  EXPECT_GT(r.convergence.gradient_norm, 1e-9);
}

TEST(Fit, FourPointsAreTooFewForFiveParameters) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1);
  points.resize(4);
  const FitResult r = fit_points(points, {});
  EXPECT_EQ(r.convergence.status, FitStatus::too_few_points);
  EXPECT_THAT(r.message, HasSubstr("at least 7"));
  EXPECT_TRUE(r.fitted.values.empty());
  EXPECT_THAT(describe(r), HasSubstr("NOT CONVERGED (too_few_points)"));
  EXPECT_EQ(fit_points(points, {.fixed = {{"alpha", .3}, {"beta", .3}, {"E", 1.}}}).convergence.status,
            FitStatus::converged);
}

TEST(Fit, AllRunsAtOneRatioDoNotIdentifyTheLaw) {
  std::vector<Observation> points;
  Rng rng = make_rng(1, "ratio");
  for (int i = 0; i < 30; ++i) {
    Observation o;
    o.params = 1e4 * std::pow(1.3, i);
    o.tokens = 20 * o.params;
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(tiny_law(), law_point(o)) * std::exp(0.01 * standard_normal(rng));
    points.push_back(o);
  }
  const FitResult r = fit_points(points, {});
  const bool unidentified =
      std::ranges::any_of(r.parametric().identifiability, [](const auto& i) { return !i.second.identified; });
  EXPECT_TRUE(!r.converged() || unidentified) << describe(r);
}

TEST(Fit, ExactCopiesOfOnePointAreSingular) {
  const auto points = std::vector<Observation>(12, isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1)[3]);
  EXPECT_FALSE(fit_points(points, {}).converged());
}

TEST(Fit, ATermThatTheDataDoNotNeedEndsAtItsBound) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  for (Observation& o : points)
    o.loss_nats = std::pow(1e9 / o.params, 0.1) * std::exp(1e-4 * std::sin(1e3 * std::log(o.params)));
  const FitResult r = fit_points(points, {.law = LawKind::power_n, .offset = true});
  EXPECT_EQ(r.convergence.status, FitStatus::at_bound);
  EXPECT_THAT(r.message, HasSubstr("E"));
}

TEST(Fit, BootstrapDoesNotDependOnThreads) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  for (const Resample resample : {Resample::runs, Resample::groups, Resample::parametric}) {
    FitOptions options{.bootstrap = {.replicates = 60, .resample = resample, .seed = 3}, .threads = 1};
    const Json one = to_json(fit_points(points, options));
    options.threads = 3;
    EXPECT_EQ(one, to_json(fit_points(points, options))) << resample;
    options.bootstrap.seed = 4;
    EXPECT_NE(one, to_json(fit_points(points, options))) << resample;
  }
}

TEST(Fit, GroupsResampleTogether) {
  // Pairs of copies: as runs they look like twice the data, as groups they do not.
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1);
  auto copies = points;
  for (std::size_t i = 0; i < points.size(); ++i) points[i].group = copies[i].group = fmt::format("g{}", i);
  points.insert(points.end(), copies.begin(), copies.end());
  const auto se = [&](Resample resample) {
    return fit_points(points, {.profile = false, .bootstrap = {.replicates = 400, .resample = resample}})
        .bootstrap.derived_se.at("a");
  };
  EXPECT_GT(se(Resample::groups), 1.2 * se(Resample::runs));
}

TEST(Fit, HoldoutBeatsTheStraightLine) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.003, 1);
  const FitResult r = fit_points(points, {.holdout_above = 5e14});
  EXPECT_EQ(r.n, 28);
  EXPECT_EQ(r.holdout.n, 7);
  EXPECT_LT(r.holdout.rms_log_error, 0.02);
  EXPECT_LT(r.holdout.rms_log_error, r.holdout.baseline_rms_log_error / 2);
  EXPECT_THROW((void)fit_points(points, {.holdout_above = 1e30}), Error);
}

TEST(Fit, HeldOutErrorsStandBesideTheNoiseBetweenSeeds) {
  std::vector<Observation> points;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (Observation o : isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.005, 10 + seed)) {
      o.seed = static_cast<double>(seed);
      points.push_back(o);
    }
  }
  const FitResult r = fit_points(points, {.profile = false, .holdout_above = 5e14});
  ASSERT_TRUE(r.noise && r.holdout.noise);
  EXPECT_EQ(r.noise->freedom, 70);
  EXPECT_NEAR(*r.holdout.noise, 0.005, 0.002);
  EXPECT_LT(r.holdout.rms_log_error, 2 * *r.holdout.noise);
  EXPECT_THAT(describe(r), testing::AllOf(HasSubstr("seeds: sd of ln loss 0.00"), HasSubstr("seed noise 0.00")));
}

TEST(Fit, KaplansStepsAreFittedFromStepsAndBatch) {
  // Losses of the law at S_min(L), which depends on the loss itself; the batch differs between runs.
  const Law law{
      .kind = LawKind::kaplan_steps, .values = {3e7, 900, 0.15, 0.6}, .name = "", .source = "", .convention = {}};
  const CriticalBatch critical{.tokens = 5e5, .alpha = 0.3};
  std::vector<Observation> points = isoflop_design(tiny_law(), kTinyBudgets, 9, 12, 0, 1);
  for (std::size_t i = 0; i < points.size(); ++i) {
    Observation& o = points[i];
    o.batch_tokens = 4096 * std::pow(2.0, static_cast<double>(i % 4));
    o.steps = 100 + o.tokens / *o.batch_tokens;
    o.loss_nats = predict_loss_at_batch(law, law_point(o), *o.batch_tokens, critical);
  }
  FitOptions options{.law = LawKind::kaplan_steps, .holdout_above = 5e14};
  options.critical_batch = critical;
  const FitResult r = fit_points(points, options);
  ASSERT_TRUE(r.converged()) << r.message;
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(r.fitted.values[k] / law.values[k], 1, 1e-6) << k;
  EXPECT_LT(r.holdout.rms_log_error, 1e-7) << "held-out losses are predicted with the S_min that goes with them";
  options.critical_batch.tokens = 5e6;  // another critical batch is another law
  EXPECT_GT(std::abs(fit_points(points, options).fitted.values[3] / law.values[3] - 1), 1e-3);
}

TEST(Fit, JsonGoesThereAndBack) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  for (const Method method : all_of<Method>()) {
    const FitOptions options{.method = method, .holdout_above = 5e14, .bootstrap = {.replicates = 20}};
    const Json json = to_json(fit_points(points, options));
    EXPECT_EQ(json.at("schema"), "scalelaw.fit/1");
    EXPECT_EQ(to_json(fit_from_json(json, "test")), json) << method;
  }
  auto few = points;
  few.resize(3);
  const Json refused = to_json(fit_points(few, {}));
  EXPECT_EQ(to_json(fit_from_json(refused, "test")), refused);
  EXPECT_THROW((void)fit_from_json(Json::object(), "test"), Error);
  EXPECT_THROW((void)fit_from_json(Json::parse(R"({"schema":"scalelaw.run/1"})"), "test"), Error);
}

TEST(Fit, WhatOneMethodGivesIsEmptyInAFitByAnother) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  for (const Method method : all_of<Method>()) {
    const FitResult r = fit_points(points, {.method = method});
    EXPECT_EQ(r.method(), method);
    EXPECT_EQ(r.parametric().goodness.n > 0, method == Method::parametric);
    EXPECT_EQ(!r.parametric().identifiability.empty(), method == Method::parametric);
    EXPECT_EQ(!r.isoflop().budgets.empty(), method == Method::isoflop);
    EXPECT_TRUE(method == Method::envelope || r.envelope().bias.empty());
    const Json json = to_json(r);
    EXPECT_EQ(json.contains("curve"), method == Method::isoflop);
    EXPECT_EQ(json.at("objective").at("kind"), "log-huber");  // in every file
  }
}

TEST(Fit, ADamagedFileNamesTheKey) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  const Json whole = to_json(fit_points(points, {.holdout_above = 5e14, .bootstrap = {.replicates = 20}}));
  const auto said = [&](const char* pointer, const Json& value) {
    Json damaged = whole;
    const Json::json_pointer place(pointer);
    if (value.is_null()) {
      damaged.at(place.parent_pointer()).erase(place.back());
    } else {
      damaged[place] = value;
    }
    return error_of(ExitCode::data, [&] { (void)fit_from_json(damaged, "f.json"); });
  };
  const std::string end = "; is this a fit file of scalelaw (schema scalelaw.fit/1)?";
  for (const std::string path :
       {"/schema", "/law", "/method", "/n", "/dropped", "/convention", "/objective", "/params", "/derived",
        "/convergence", "/convergence/status", "/convergence/starts", "/bootstrap/resample", "/bootstrap/seed",
        "/bootstrap/ci95", "/bootstrap/derived", "/holdout/n", "/holdout/points", "/range/flops"}) {
    EXPECT_EQ(said(path.c_str(), nullptr), "f.json: '" + path.substr(path.rfind('/') + 1) + "' is missing" + end);
  }
  EXPECT_EQ(said("/n", "35"), "f.json: 'n' is not an integer" + end);
  EXPECT_EQ(said("/message", 1), "f.json: 'message' is not a string" + end);
  EXPECT_EQ(said("/derived", 1), "f.json: 'se' is not an object" + end);
  EXPECT_EQ(said("/bootstrap/ci95/alpha", Json::array({1})), "f.json: 'ci95' is not a pair" + end);
  EXPECT_EQ(said("/identifiability/E/profile_ci95", 1), "f.json: 'profile_ci95' is not a pair" + end);
  EXPECT_EQ(said("/weights", "some"), "f.json: 'weights' is 'some', none of none, stderr" + end);
}

TEST(Fit, FilesOfEarlierVersionsLackWhatCameLater) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  Json json = to_json(fit_points(points, {.bootstrap = {.replicates = 20}}));
  for (const char* key : {"weights", "message", "best_measured", "range", "goodness", "identifiability"}) {
    json.erase(key);
  }
  for (const char* key : {"at_bound", "ci80", "partial", "draws", "parameters"}) json["bootstrap"].erase(key);
  for (const char* key : {"paths", "paths_at_best", "minima_found", "gradient_norm"}) json["convergence"].erase(key);
  const FitResult old = fit_from_json(json, "old.json");
  EXPECT_EQ(old.convergence.paths, 0);
  EXPECT_TRUE(std::isnan(old.convergence.gradient_norm));
  EXPECT_EQ(old.bootstrap.replicates, 20);
  EXPECT_TRUE(old.bootstrap.draws.empty());
  EXPECT_TRUE(old.best_measured.empty());
  EXPECT_EQ(old.fitted.values.size(), 5U);
}

TEST(Fit, ALawWhoseQuantitiesAreNotObservedIsRefused) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  EXPECT_THROW((void)fit_points(points, {.law = LawKind::kaplan_steps}), Error);  // no steps
  EXPECT_THROW((void)fit_points(points, {.law = LawKind::kaplan, .starts = starts_named("grid")}), Error);
}

TEST(Fit, DropHighestLeavesOutTheHighestLosses) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  points[0].loss_nats = 50;
  points[9].loss_nats = 40;
  const FitResult r = fit_points(points, {.drop_highest = 2});
  EXPECT_EQ(r.n, 33);
  EXPECT_LT(r.parametric().objective_value, 1e-25);
  EXPECT_THROW((void)fit_points(points, {.drop_highest = 36}), Error);
}

TEST(Fit, ObjectivesAreSums) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.02, 1);
  for (const ObjectiveKind kind : {ObjectiveKind::log_mse, ObjectiveKind::mse}) {
    const FitResult r = fit_points(points, {.objective = {.kind = kind}});
    ASSERT_TRUE(r.converged());
    double sum = 0;
    for (const Observation& o : points) {
      const double predicted = predict_loss(r.fitted, law_point(o));
      const double error = kind == ObjectiveKind::mse ? predicted - o.loss_nats : std::log(predicted / o.loss_nats);
      sum += error * error;
    }
    EXPECT_NEAR(r.parametric().objective_value / sum, 1, 1e-10);
  }
}

}  // namespace
}  // namespace scalelaw
