#include "fit/envelope.hpp"

#include <gmock/gmock.h>

#include "fit/cases.hpp"
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
using testing::HasSubstr;

const FitOptions kEnvelope{.method = Method::envelope};

TEST(Envelope, OneRayIsNamedAsTheCause) {
  const FitResult r = fit_points(test::case_points("ratio20.csv"), kEnvelope);
  EXPECT_EQ(r.convergence.status, FitStatus::one_line);
  EXPECT_THAT(r.message, HasSubstr("all runs have D = 20 N"));
  EXPECT_THAT(describe(r), HasSubstr("NOT CONVERGED (one_line)"));
}

TEST(Envelope, EveryLineOfRunsIsNamed) {
  Rng rng = make_rng(3, "lines");
  for (int i = 0; i < 60; ++i) {
    const double slope = i % 4 == 0 ? 0 : 2 * uniform01(rng);
    std::vector<Observation> points;
    for (int k = 0; k < 12; ++k) {
      Observation o;
      o.params = std::pow(10, 5 + 0.2 * k);
      o.tokens = 1e8 * std::pow(o.params / 1e6, slope) * (1 + 0.005 * uniform01(rng));
      if (i % 4 == 1) std::swap(o.params, o.tokens);
      o.flops = 6 * o.params * o.tokens;
      o.loss_nats = predict_loss(tiny_law(), o.scale()) * std::exp(0.01 * standard_normal(rng));
      points.push_back(o);
    }
    EXPECT_EQ(fit_points(points, kEnvelope).convergence.status, FitStatus::one_line) << slope;
    for (Observation& o : points) o.tokens *= std::exp(standard_normal(rng)), o.flops = 6 * o.params * o.tokens;
    EXPECT_NE(fit_points(points, kEnvelope).convergence.status, FitStatus::one_line) << slope;
  }
}

TEST(Envelope, RunsWithoutWeightAreNeverDrawn) {
  auto points = isoflop_design(tiny_law(), {1e11, 2e11, 4e11, 8e11, 1.6e12, 3.2e12}, 15, 3, 0.002, 1);
  FitOptions options = kEnvelope;
  options.bootstrap = {.replicates = 200, .resample = Resample::runs};
  const Interval without = fit_points(points, options).bootstrap.derived_ci95.at("a");
  points.push_back(points.back());
  points.back().params *= 100, points.back().tokens /= 100, points.back().loss_nats /= 3, points.back().weight = 0;
  const Interval with = fit_points(points, options).bootstrap.derived_ci95.at("a");
  EXPECT_NEAR(with.low, without.low, 0.1);
  EXPECT_NEAR(with.high, without.high, 0.1) << "such a run at the highest compute would turn the envelope";
}

TEST(Envelope, BiasOfTheDesignIsMeasuredAndNamed) {
  // Noise-free, the envelope of the quick study's own design misses a by -0.22.
  const FitResult r = fit_points(test::case_points("quick_points.csv"), kEnvelope);
  EXPECT_EQ(r.convergence.status, FitStatus::biased);
  EXPECT_NEAR(r.envelope().bias.at("a"), -0.22, 0.03);
  EXPECT_THAT(r.message, HasSubstr("at this design the envelope misses a by -0."));
  EXPECT_EQ(fit_from_json(to_json(r), "fit.json").envelope().bias, r.envelope().bias);
}

TEST(Envelope, WhatConvergesIsNearTheTruthWithoutNoise) {
  Rng rng = make_rng(4, "designs");
  int converged = 0, biased = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<double> budgets;
    const double step = 1.2 + 5 * uniform01(rng);
    for (double c = 1e11; c < 1e15; c *= step) budgets.push_back(c);
    const int sizes = 3 + static_cast<int>(uniform_below(rng, 30));
    auto points = isoflop_design(tiny_law(), budgets, sizes, 2 + 8 * uniform01(rng), 0, 1);
    if (i % 2 == 1) {  // a grid of a few sizes, most of them far from the optimum of what they cost
      points.clear();
      for (int n = 0; n < 4; ++n) {
        for (int d = 0; d < 6; ++d) {
          Observation o;
          o.params = 1e5 * std::pow(3.0, n);
          o.tokens = 1e6 * std::pow(step, d);
          o.flops = 6 * o.params * o.tokens;
          o.loss_nats = predict_loss(tiny_law(), o.scale());
          points.push_back(o);
        }
      }
    }
    const FitResult r = fit_points(points, kEnvelope);
    if (r.convergence.status == FitStatus::biased) ++biased;
    if (!r.converged() || r.envelope().bias.empty()) continue;  // without a law at these points the caution says so
    ++converged;
    EXPECT_NEAR(r.derived.at("a"), allocation_exponents(tiny_law())->a, 0.055);
  }
  EXPECT_GT(converged, 10);
  EXPECT_GT(biased, 0);
}

}  // namespace
}  // namespace scalelaw
